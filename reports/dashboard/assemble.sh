#!/bin/bash
# Make the dashboard's page of its parts: reports/dashboard/assemble.sh CHART-LIBRARY OUTPUT
# Style and scripts go inline, and their digests into the page's Content-Security-Policy: nothing else may run or be fetched.
set -euo pipefail

here=$(dirname "$0")
library=$1
output=$2

if [ ! -r "$library" ]; then
    echo "$0: $library is missing: install libjs-chart.js, or say where it is with make CHART_LIBRARY=…" >&2
    exit 1
fi
for part in "$library" "$here/page.js" "$here/page.css"; do
    if grep -qiE '</(script|style)|<!--' "$part"; then
        echo "$0: $part would end its own element" >&2
        exit 1
    fi
done

digest_of() {
    # shellcheck disable=SC2059 # the format is the bytes of the digest
    printf "$(sha256sum "$1" | cut -c1-64 | sed 's/../\\x&/g')" | base64 -w 0
}

element() { # element NAME FILE: with nothing between the tags but the file
    printf '<%s>' "$1"
    cat "$2"
    printf '</%s>\n' "$1"
}

while IFS= read -r line; do
    case $line in
    @STYLE@) element style "$here/page.css" ;;
    @SCRIPTS@)
        element script "$library"
        element script "$here/page.js"
        ;;
    *)
        line=${line//@SCRIPT-HASHES@/"'sha256-$(digest_of "$library")' 'sha256-$(digest_of "$here/page.js")'"}
        printf '%s\n' "${line//@STYLE-HASH@/"sha256-$(digest_of "$here/page.css")"}"
        ;;
    esac
done <"$here/page.html" >"$output.new"
mv "$output.new" "$output"
