#!/bin/bash
# millibill in a minute: start a stack, meter real work, load a log and a month of workloads, make the bills, compare with
# servers. packaging/demo.sh [BUILD]. KEEP=1 leaves the stack running. Running it again bills nothing twice.
set -euo pipefail

cd "$(dirname "$0")/.."
out=${1:-build}
millibill=$out/bin/millibill
if [ "$(id -u)" -eq 0 ]; then
    data=/var/lib/millibill/demo # PostgreSQL does not run as root: this place its user can reach
else
    data=$(cd "$out" && pwd)/demo
fi
unset MILLIBILL_DATA MILLIBILL_CONFIG
export MILLIBILL_SHARE_ROOT=$PWD
documents=$out/demo-invoices
month=$(date -u -d "$(date -u +%Y-%m-15) -1 month" +%Y-%m)
this_month=$(date -u +%Y-%m)
log=examples/lambda-report.log
log_month=$(grep -m1 -oE '20[0-9]{2}-[01][0-9]-[0-3][0-9]T' "$log" | cut -c1-7)
scenarios=(basic thumbnails api cleanup constant todo-api avatars)
constant_scale=1/1000
work=$(mktemp -d)
started=$SECONDS

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; else bold='' dim='' plain=''; fi

heading() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
note() { printf '%s%s%s\n' "$dim" "$*" "$plain"; }
mb() { # mb COMMAND…: run with --data behind the command and its sub-command
    local command=$1
    shift
    case $command in
    invoice | tenant | quarantine) "$millibill" "$command" "$1" --data "$data" "${@:2}" ;;
    *) "$millibill" "$command" --data "$data" "$@" ;;
    esac
}

finish() {
    local status=$?
    rm -rf "$work"
    if [ $status -ne 0 ]; then
        echo
        echo "The demo stopped early. Logs: $data/log/   To start afresh: $millibill down --data $data && rm -rf $data" >&2
    fi
    [ -n "${KEEP:-}" ] || mb down >/dev/null 2>&1 || true
}
trap finish EXIT

quietly() { # show the output of a command only when it fails
    "$@" >"$work/output" 2>&1 || { cat "$work/output" >&2; return 1; }
}

# --- real work ------------------------------------------------------------------------------------------------------

prepare_inputs() {
    cat */*.c */*.h >"$work/sources.txt"
    ppmpat -camo -randomseed 7 2400 1600 >"$work/photo.ppm"
    ppmpat -squig -randomseed 11 1600 1200 >"$work/chart.ppm"
    head -c 20000000 /dev/zero >"$work/ledger.bin"
}

# One line an invocation: tenant, function, memory, and what to run.
jobs_list() {
    local i
    for i in $(seq 1 20); do
        echo "acme-photos thumbnail 256 pamscale -xsize $((160 + 16 * i)) photo.ppm | pnmtopng -quiet >thumb-$i.png"
    done
    for i in $(seq 1 10); do
        echo "acme-photos web-image 512 pnmsmooth chart.ppm | pamscale -xsize $((400 + 20 * i)) | pnmtojpeg >web-$i.jpg"
    done
    for i in $(seq 1 8); do echo "northwind-backup archive-xz 512 xz -6 -c sources.txt >backup-$i.xz"; done
    for i in $(seq 1 10); do echo "northwind-backup archive-gzip 128 gzip -9 -c sources.txt >backup-$i.gz"; done
    for i in $(seq 1 12); do echo "globex-audit checksum 128 sha256sum ledger.bin >sum-$i.txt"; done
}

run_job() { # run_job TENANT FUNCTION MEMORY COMMAND…
    local tenant=$1 function=$2 memory=$3
    shift 3
    cd "$work" && "$millibill" exec --data "$data" --tenant "$tenant" --function "$function" --memory "$memory" \
        --region us-east-1 -- bash -c "$*" 2>>"exec-$$.log"
}

real_work() {
    local began=$SECONDS
    prepare_inputs
    export -f run_job
    export data work
    millibill=$(cd "$out" && pwd)/bin/millibill
    export millibill
    jobs_list | shuf --random-source=<(yes) |
        xargs -P 4 -d '\n' -I{} bash -c 'set -o pipefail; run_job $(echo "$1" | cut -d" " -f1-3) "$(echo "$1" | cut -d" " -f4-)"' _ {} ||
        { cat "$work"/exec-*.log >&2; return 1; }
    note "$(jobs_list | wc -l) commands ran in $((SECONDS - began)) s, each metered: wall time, peak memory, exit status."
}

# --- the demo -------------------------------------------------------------------------------------------------------

heading "1. The stack"
quietly mb up
note "A private PostgreSQL, a collector and an agent are up, in $data"

heading "2. Real work: compressing, hashing, drawing, for three tenants by four workers at once"
real_work

heading "3. History: AWS Lambda REPORT lines from $log"
mb import --format lambda-report --tenant initech --function orders "$log"

heading "4. Seven workloads of $month, simulated through the same agent"
billed=$(mb invoice list --month "$month" --state final 2>/dev/null || true)
for name in "${scenarios[@]}"; do
    scale=()
    [ "$name" != constant ] || scale=(--scale "$constant_scale")
    case $name in
    basic | api | thumbnails | constant) # large: not sent again to show once more that nothing changes
        if grep -qw -- "$name" <<<"$billed"; then
            echo "$name: on file and billed since an earlier demo"
            continue
        fi
        ;;
    esac
    mb simulate --scenario "$name" --month "$month" "${scale[@]}" | sed '/registered$/d'
done
note "constant is simulated at $constant_scale of its 259,200,000 invocations; section 7 prices it whole."

heading "5. Final invoices"
months=$(printf '%s\n' "$month" "$log_month" | sort -u)
for each in $months; do
    if [[ $each < $this_month ]]; then
        mb rate --month "$each" --final
    fi
done

heading "6. This month so far (preview)"
mb rate --month "$this_month" --preview

heading "   Three of them in full: last month's dearest, the log's, and the real work above"
show_invoice() { # show_invoice MONTH TENANT
    mb invoice render --month "$1" --tenant "$2" --format text | sed '/^  Price book /,$d'
}
show_invoice "$month" thumbnails
show_invoice "$log_month" initech
show_invoice "$this_month" acme-photos

heading "7. Functions or servers?"
note "What each workload of $month costs without the free tier, and what servers would have cost."
compare() { # compare SCENARIO: the explanation of terms stands under the last one only
    if [ "$1" = constant ]; then
        echo '{"tenant":"constant","function":"ingest","memory_mb":128,"invocations":259200000,"duration_ms":"100"}' |
            "$millibill" savings --usage - --month "$month" --no-free-tier --alternative constant
    else
        mb savings --month "$month" --tenant "$1" --no-free-tier --alternative "$1"
    fi | if [ "$1" = "${scenarios[-1]}" ]; then cat; else sed '/^  Utilization is the functions/,$d'; fi
}
for name in "${scenarios[@]}"; do
    printf '%s%s%s: ' "$bold" "$name" "$plain"
    compare "$name"
done

heading "8. Proof: every record and every final invoice derived again from the evidence"
mb verify

heading "9. Documents"
mkdir -p "$documents"
for format in html csv json; do
    for each in $months $this_month; do
        quietly mb invoice render --month "$each" --format "$format" --output-dir "$documents"
    done
done
quietly mb dashboard --month "$month" --alternative t3-medium -o "$documents/dashboard.html"
note "$(find "$documents" -type f | wc -l) files in $documents/"
find "$documents" -name '*.html' | sort | head -n 3 | sed 's/^/  /'

heading "Done in $((SECONDS - started)) s. Look further:"
psql=$(mb status --json | sed -n 's/^ *"psql": "\(.*\)",\{0,1\}$/\1/p' | sed 's/\\"/"/g; s#\\/#/#g')
if [ -n "${KEEP:-}" ]; then
    echo "  The stack keeps running; stop it with: $out/bin/millibill down --data $data"
else
    echo "  The stack is stopped now; its data stays. Start it and keep it running:"
    echo "    $out/bin/millibill up --data $data"
fi
cat <<NEXT
  With the stack running, the dashboard views:
    $psql
    then for instance: \\dv   or   SELECT * FROM cost_daily LIMIT 10;
  The month on one page:     $documents/dashboard.html
  An invoice in a browser:   $documents/
  Every command:             $out/bin/millibill --help
NEXT
