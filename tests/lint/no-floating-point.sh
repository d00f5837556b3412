#!/bin/bash
# Money and quantities are exact: no floating point in the folders and files they pass through. Comments do not count;
# of a string only a conversion such as %f does. In SQL: no real, no double precision.
set -euo pipefail
cd "$(dirname "$0")/../.."

status=0
git ls-files -co --exclude-standard -- 'rater/*.[ch]' 'lib/decimal.[ch]' 'lib/json.[ch]' 'lib/yaml.[ch]' 'lib/utc.[ch]' \
    'schema/*.[ch]' 'proto/*.[ch]' 'collector/*.[ch]' 'reports/*.[ch]' 'agent/*.[ch]' 'formats/*.[ch]' | sort -u |
    python3 -c '
import os
import re
import sys

BANNED = re.compile(
    r"\b(float|double|strto[fd]|strtold|atof|mpf_\w+|mp[qz]_[sg]et_d|json_object_(get|new)_double\w*)\b"
    r"|\b(l?round|floor|ceil|pow|sqrt|log10|exp)f?\s*\(|%f|(?<![\w.\"])\d+\.\d+(?!\w)")


def blank(match):
    """Keep line numbers; of a string keep what printf and scanf would take for floating point."""
    text = match.group(0)
    kept = "%f" if text.startswith("\"") and re.search(r"%[-+ #0-9.*]*[lL]?[fFeEgGaA]\b", text) else ""
    return kept + "\n" * text.count("\n")


found = False
for name in sys.stdin.read().split():
    if not os.path.isfile(name):
        continue
    source = open(name, encoding="utf-8").read()
    code = re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|\x27(?:\\.|[^\x27\\\n])*\x27", blank, source, flags=re.S)
    for number, line in enumerate(code.split("\n"), 1):
        match = BANNED.search(line)
        if match:
            print(f"{name}:{number}: floating point: {match.group(0).strip()}")
            found = True
sys.exit(1 if found else 0)' || status=1

if found=$(sed 's/--.*//' schema/migrations/*.sql schema/views/*.sql | grep -niE '\b(real|float4|float8|double precision|float)\b'); then
    echo "floating point in SQL: $found"
    status=1
fi
exit $status
