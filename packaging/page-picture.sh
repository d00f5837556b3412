#!/bin/bash
# A picture of a page: packaging/page-picture.sh PAGE.html PICTURE.png [WIDTH HEIGHT [light|dark]]
# By headless Chromium, in a profile of its own that is thrown away, and without a network.
set -euo pipefail

page=$(realpath "$1")
picture=$(realpath -m "$2")
width=${3:-1280}
height=${4:-1000}
scheme=${5:-light}

profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
options=(--headless=new --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync
    --disable-quic --disable-extensions --hide-scrollbars --force-color-profile=srgb --proxy-server=127.0.0.1:9 --user-data-dir="$profile"
    --blink-settings="preferredColorScheme=$([ "$scheme" = dark ] && echo 0 || echo 1)" --virtual-time-budget=5000)
[ "$(id -u)" -ne 0 ] || options+=(--no-sandbox) # its sandbox refuses root
HOME=$profile timeout 120 chromium "${options[@]}" --window-size="$width,$height" --screenshot="$picture" "file://$page" >"$profile/log" 2>&1 ||
    { tail -n 5 "$profile/log" >&2; exit 1; }
[ -s "$picture" ] || { tail -n 5 "$profile/log" >&2; echo "$0: Chromium made no picture of $page" >&2; exit 1; }
