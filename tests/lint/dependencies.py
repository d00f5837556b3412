#!/usr/bin/env python3
"""The house plan (doc/tour.md): which folder may know which, and who may use which library.

Reads the #include lines and string literals of every source; prints each breach as FILE:LINE and exits 1.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# folder -> folders whose headers it may include (besides its own)
MAY_INCLUDE = {
    "lib": set(),
    "proto": {"lib"},
    "formats": {"lib", "proto"},
    "schema": {"lib", "proto"},
    "agent": {"lib", "proto", "formats"},
    "collector": {"lib", "proto", "schema"},
    "rater": {"lib", "proto", "formats", "schema"},
    "reports": {"lib", "proto", "schema"},
    "cli": {"lib", "proto", "schema"},
}
# the emitter library ships alone: its header and source know nobody
EMITTER = "agent/emitter/"

# library header -> files that may include it
LIBRARY_OWNERS = {
    r"(libpq-fe|libpq/|postgres|pg_config)": [r"schema/"],
    r"zmq": [r"agent/uplink\w*\.c", r"collector/(intake|gate)\w*\.[ch]", r"lib/keys\.c"],
    r"lmdb": [r"agent/spool\w*\.[ch]"],
    r"microhttpd": [r"collector/http\.c"],
    r"popt": [r"lib/options\.c"],
    r"yaml\.h$": [r"lib/yaml\.c"],
    r"json-c/": [r"lib/json\.[ch]"],
    r"libxslt/|libxml/": [r"reports/"],
}

SQL = re.compile(r'"\s*(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE (TABLE|ROLE|DATABASE)|ALTER (TABLE|ROLE)|'
                 r'COPY \w+ |BEGIN|COMMIT|ROLLBACK|GRANT|TRUNCATE)\b')
SQL_OWNERS = re.compile(r"schema/")


def sources():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.c", "*.h"], cwd=ROOT, text=True,
                            capture_output=True, check=True).stdout.split()
    return sorted({name for name in listed if name.split("/")[0] in MAY_INCLUDE and (ROOT / name).is_file()})


def project_breach(name, included):
    folder, other = name.split("/")[0], included.split("/")[0]
    if name.startswith(EMITTER):
        return None if included.startswith(EMITTER) else f"the emitter library stands alone, but includes {included}"
    if other == folder or other in MAY_INCLUDE[folder]:
        return None
    if other in MAY_INCLUDE or "/" in included:
        return f"{folder}/ may not know {included}"
    return f"include project headers from the root: {included}"


def library_breach(name, included):
    for pattern, owners in LIBRARY_OWNERS.items():
        if re.match(pattern, included) and not any(re.match(owner, name) for owner in owners):
            return f"<{included}> belongs to {', '.join(owners)}"
    return None


def breaches(name):
    for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', line)
        if match:
            message = project_breach(name, match[1]) if match[1] else library_breach(name, match[2])
            if message:
                yield number, message
        elif SQL.search(line) and not SQL_OWNERS.search(name):
            yield number, "SQL belongs into schema/"


def main():
    bad = 0
    for name in sources():
        for number, message in breaches(name):
            print(f"{name}:{number}: {message}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
