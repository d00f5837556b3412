#!/bin/bash
# The README's pictures, from the workloads of the demo: packaging/pictures.sh [BUILD]. Makes doc/images/*.png of an invoice, a savings report
# and the dashboard, in a throw-away stack; pages by pdftoppm, the dashboard by a headless Chromium where there is one.
set -euo pipefail

cd "$(dirname "$0")/.."
out=${1:-build}
millibill=$out/bin/millibill
export MILLIBILL_SHARE_ROOT=$PWD
unset MILLIBILL_DATA MILLIBILL_CONFIG
data=$(mktemp -d)
chmod 755 "$data" # root's stack runs as another user
month=$(date -u -d "$(date -u +%Y-%m-15) -1 month" +%Y-%m)

finish() {
    "$millibill" down --data "$data" >/dev/null 2>&1 || true
    rm -rf "$data"
}
trap finish EXIT

picture() { # picture PDF NAME: its first page
    pdftoppm -png -r 100 -f 1 -l 1 -singlefile "$1" "doc/images/$2"
    echo "doc/images/$2.png"
}

"$millibill" up --data "$data" >/dev/null
"$millibill" tenant add --data "$data" acme
cat >"$data/terms.yaml" <<TERMS
name: acme
version: "1"
currency: EUR
exchange: [{from: 2026-01-01, rate: 0.9215, source: example}]
seller: {name: Example Cloud GmbH, address: [1 Cloud Street], postal_code: "10115", city: Berlin, country: DE, tax_id: DE123456789}
buyer: {name: Acme SARL, address: [2 rue de l'Exemple], postal_code: "75001", city: Paris, country: FR}
purchase_order: PO-4711
payment_days: 30
discounts: [{name: partner, title: Partner discount, percent: 10}]
tax: {rates: [{name: vat, title: VAT, percent: 19, jurisdiction: Germany}]}
TERMS
"$millibill" contract set --data "$data" --tenant acme --from "$month" "$data/terms.yaml" >/dev/null
for scenario in thumbnails todo-api avatars cleanup; do
    "$millibill" simulate --data "$data" --tenant acme --scenario "$scenario" --month "$month" >/dev/null
done
# A shop beside it, for the dashboard: six functions, fewer calls at weekends, a sale, some errors and cold starts; the same each time.
days=$(date -u -d "$month-01 +1 month -1 day" +%d)
weekday=$(date -u -d "$month-01" +%u)
"$millibill" tenant add --data "$data" globex
awk -v month="$month" -v days="$days" -v weekday="$weekday" 'BEGIN {
    srand(7)
    count = split("checkout:2048:2600:620 search:1024:1400:1700 resize-image:3008:5200:840 recommend:4096:4100:560 send-mail:512:900:900 nightly-report:10240:600000:6", list, " ")
    for (day = 1; day <= days; day++)
        for (f = 1; f <= count; f++) {
            split(list[f], part, ":")
            calls = part[4] * ((weekday + day - 2) % 7 >= 5 ? 0.55 : 1) * (day >= 20 && day <= 23 && f <= 4 ? 2.4 - 0.4 * (day - 20) : 1) * (0.9 + 0.2 * rand())
            for (i = 0; i < calls; i++) {
                us = int(part[3] * 1000 * (0.6 + 0.8 * rand()))
                chance = rand()
                status = chance < 0.004 + (day == 21 && f == 1 ? 0.12 : 0) ? "error" : chance > 0.998 ? "timeout" : "ok"
                printf "{\"tenant\":\"globex\",\"request_id\":\"%d-%d-%d\",\"function\":\"%s\",\"region\":\"us-east-1\",\"memory_mb\":%d,\"started_at\":\"%s-%02dT%02d:%02d:%02dZ\",\"duration_us\":%d,\"status\":\"%s\",\"max_memory_used_mb\":%d%s}\n",
                    day, f, i, part[1], part[2], month, day, 6 + 17 * rand(), 60 * rand(), 60 * rand(), us, status, part[2] * (0.3 + 0.5 * rand()), rand() < 0.018 ? ",\"init_duration_ms\":" int(180 + 400 * rand()) : ""
            }
        }
}' | "$millibill" import --data "$data" --format ndjson - >/dev/null
"$millibill" rate --data "$data" --month "$month" --final >/dev/null

"$millibill" invoice render --data "$data" --format pdf --output "$data/invoice.pdf" latest --tenant acme
picture "$data/invoice.pdf" invoice
"$millibill" savings --data "$data" --month "$month" --tenant acme --alternative t3-medium --format pdf --output "$data/savings.pdf"
picture "$data/savings.pdf" savings
if "$millibill" dashboard --help >/dev/null 2>&1 && command -v chromium >/dev/null; then
    "$millibill" dashboard --data "$data" --month "$month" --tenant globex --alternative t3-large --output "$data/dashboard.html" >/dev/null
    packaging/page-picture.sh "$data/dashboard.html" doc/images/dashboard.png 1280 1450
    echo doc/images/dashboard.png
fi
