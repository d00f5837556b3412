#!/bin/bash
# Install what is missing of the sections named, from packaging/debian-packages.txt.
# Asks for privilege only when something is missing, and never asks a question.
set -euo pipefail

list=$(dirname "$0")/debian-packages.txt
if [ $# -eq 0 ]; then
    echo "usage: $0 SECTION…   (sections: $(sed -n 's/^\[\(.*\)\]$/\1/p' "$list" | tr '\n' ' '))" >&2
    exit 2
fi

packages=()
for section in "$@"; do
    mapfile -t found < <(sed -n "/^\[$section\]\$/,/^\[/p" "$list" | sed -e '/^\[/d' -e '/^#/d' -e '/^[[:space:]]*$/d')
    if [ ${#found[@]} -eq 0 ]; then
        echo "$0: no section [$section] in $list" >&2
        exit 2
    fi
    packages+=("${found[@]}")
done

if ! command -v dpkg-query >/dev/null; then
    echo "note: this is not a Debian system; see to it that these are there: ${packages[*]}" >&2
    exit 0
fi

find_missing() {
    local installed package
    installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2>/dev/null | sed -n 's/^ii  *//p')
    missing=()
    for package in "${packages[@]}"; do
        grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
    done
}
find_missing
[ ${#missing[@]} -gt 0 ] || exit 0
exec 9<"$list"
flock 9 # one installation at a time, whatever make does in parallel
find_missing
[ ${#missing[@]} -gt 0 ] || exit 0

echo "Installing ${missing[*]}" >&2
if [ "$(id -u)" -eq 0 ]; then
    as_root=()
elif command -v sudo >/dev/null; then
    as_root=(sudo)
    sudo -n true 2>/dev/null && as_root=(sudo -n)
else
    echo "These packages are missing, and there is no sudo to install them with. As root, run:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi

apt=(env DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true apt-get -q -y -o Dpkg::Use-Pty=0
     -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold)
install=("${as_root[@]}" "${apt[@]}" install --no-install-recommends "${missing[@]}")
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if "${install[@]}" </dev/null >"$log" 2>&1; then
    exit 0
fi
# The lists may be old or were never fetched: once more with fresh ones.
if "${as_root[@]}" "${apt[@]}" update </dev/null >>"$log" 2>&1 && "${install[@]}" </dev/null >>"$log" 2>&1; then
    exit 0
fi
tail -n 30 "$log" >&2
echo "apt-get could not install: ${missing[*]}" >&2
exit 1
