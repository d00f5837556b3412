#!/usr/bin/env python3
"""A second implementation of seals, made from doc/seals.md alone: recomputes every digest, chain, head and root from the tables, and
checks the signatures. Shares no code with the programs.

    seal_check.py --database CONNINFO --public-key FILE [--heads FILE]

Prints "ok …" and exits 0, or every difference and exits 3.
"""
import argparse
import csv
import hashlib
import io
import json
import subprocess
import sys

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

csv.field_size_limit(1 << 30)
HOUR = """to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
problems = []


def sha(data):
    return hashlib.sha256(data).digest()


def text_sha(text):
    return sha(text.encode()).hex()


def differ(what, expected, found):
    if expected != found:
        problems.append(f"{what}: expected {expected}, found {found}")


class Database:
    def __init__(self, conninfo):
        self.conninfo = conninfo

    def rows(self, sql):
        done = subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "--csv", "-t", "-d", self.conninfo], input=sql,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"psql: {done.stderr}")
        return list(csv.reader(io.StringIO(done.stdout)))


def tenant_line(name):
    return f"tenant {len(name.encode())} {name}\n"


def receipts_of(sources):
    """Compacted segments (their sources begin with 2): [(receipt, records)] of their runs."""
    numbers, value, shift = [], 0, 0
    for byte in sources[1:]:
        value, shift = value | (byte & 127) << shift, shift + 7
        if byte < 128:
            numbers.append(value)
            value = shift = 0
    runs, receipt = [], 0
    for at in range(0, len(numbers), 4):
        receipt += numbers[at + 2] >> 1 ^ -(numbers[at + 2] & 1)
        runs.append((receipt, numbers[at + 3]))
    return runs


def segments_of(database):
    """(tenant, hour) -> [(id, receipt, digest of its line, records)]"""
    found = {}
    for tenant, hour, segment, receipt, records, payload, sources in database.rows(
            f"SELECT s.tenant_id, {HOUR.format('s.hour')}, s.segment_id, c.receipt, s.records, encode(s.payload, 'hex'), "
            "encode(s.sources, 'hex') FROM segments s JOIN commits c USING (commit_id) ORDER BY 1, 2, 3"):
        if sources.startswith("02"):
            runs = receipts_of(bytes.fromhex(sources))
            differ(f"segment {segment}: records of its runs", int(records), sum(run[1] for run in runs))
            differ(f"segment {segment}: last receipt of its runs", int(receipt), max(run[0] for run in runs))
        line = (f"segment {segment} {receipt} {records} {sha(bytes.fromhex(payload)).hex()} "
                f"{sha(bytes.fromhex(sources)).hex()}\n")
        found.setdefault((tenant, hour), []).append((int(segment), int(receipt), sha(line.encode()), int(records)))
    return found


def exclusions_of(database):
    found = {}
    for tenant, hour, receipt, *rest in database.rows(
            f"SELECT e.tenant_id, {HOUR.format('e.hour')}, c.receipt, e.segment_id, e.ordinal, e.reason, {HOUR.format('e.kept_hour')}, "
            "e.kept_segment_id, e.kept_ordinal, e.stream_id, e.sequence, e.reversed_because, e.reversed_by FROM exclusions e JOIN commits c USING (commit_id) "
            "ORDER BY e.tenant_id, e.hour, e.segment_id, e.ordinal"):
        segment, ordinal, reason, kept_hour, kept_segment, kept_ordinal, stream, sequence, because, by = rest
        line = (f"exclusion {segment} {ordinal} {receipt} {reason} {kept_hour} {kept_segment} {kept_ordinal} {stream} "
                f"{sequence}")
        if reason == "reversed":
            line += f" {text_sha(because)} {text_sha(by)}"
        line += "\n"
        found.setdefault((tenant, hour), []).append((int(receipt), line.encode()))
    return found


def check_seals(database):
    """Every seal's digest, by tenant; lines of seals by head."""
    segments, exclusions = segments_of(database), exclusions_of(database)
    last, by_head, by_tenant = {}, {}, {}
    for (tenant, name, number, head, hour, revision, first, until, sealed, previous, digest, ids) in database.rows(
            f"SELECT s.tenant_id, t.name, s.seal_number, s.head_number, {HOUR.format('s.hour')}, s.revision, s.receipt_from, s.receipt_to, "
            f"{HOUR.format('s.sealed_at')}, encode(s.previous, 'hex'), encode(s.digest, 'hex'), array_to_string(s.segment_ids, ' ') "
            "FROM seals s JOIN tenants t USING (tenant_id) ORDER BY s.tenant_id, s.seal_number"):
        covered = range(int(first), int(until) + 1)
        found = [entry for entry in segments.get((tenant, hour), []) if entry[1] in covered]
        lines = [line for receipt, line in exclusions.get((tenant, hour), []) if receipt in covered]
        what = f"tenant {name}, seal {number}"
        differ(f"{what}: segments", ids.split(), [str(entry[0]) for entry in found])
        content = sha(b"".join(entry[2] for entry in found) + sha(b"".join(lines)))
        records = sum(entry[3] for entry in found)
        before, chained = last.get(tenant, (0, "0" * 64))
        text = (f"millibill seal 1\n{tenant_line(name)}number {before + 1}\nhour {hour}\nrevision {revision}\nreceipts {first} {until}\n"
                f"segments {len(found)} {records}\nexclusions {len(lines)}\ncontent {content.hex()}\nsealed {sealed}\nprevious {chained}\n")
        differ(f"{what}: previous", chained, previous)
        differ(f"{what}: digest", text_sha(text), digest)
        last[tenant] = (int(number), digest)
        by_head.setdefault(head, []).append(f"seal {tenant} {number} {digest}\n")
        by_tenant.setdefault(tenant, []).append((int(number), hour, digest))
    return by_head, by_tenant


def check_signature(keys, what, digest, public_key, signature):
    """`keys`: by their hex, in the order in which they followed one another."""
    if public_key not in keys:
        problems.append(f"{what}: public key {public_key} is not known")
        return
    try:
        keys[public_key].verify(bytes.fromhex(digest), bytes.fromhex(signature))
    except BadSignatureError:
        problems.append(f"{what}: the signature is not valid")


def check_roots(database, keys, by_tenant):
    by_head = {}
    for tenant, name, month, revision, head, seals, last_seal, digest, public_key, signature in database.rows(
            "SELECT r.tenant_id, t.name, to_char(r.month, 'YYYY-MM'), r.revision, r.head_number, r.seals, r.last_seal, encode(r.digest, 'hex'), "
            "encode(r.public_key, 'hex'), encode(r.signature, 'hex') FROM seal_roots r JOIN tenants t USING (tenant_id) "
            "ORDER BY r.tenant_id, r.month"):
        covered = [(number, seal) for number, hour, seal in by_tenant.get(tenant, [])
                   if hour.startswith(month) and number <= int(last_seal)]
        text = (f"millibill root 1\n{tenant_line(name)}month {month}\nrevision {revision}\nseals {seals}\n"
                + "".join(f"seal {number} {seal}\n" for number, seal in covered))
        what = f"tenant {name}, root of {month}"
        differ(f"{what}: seals", int(seals), len(covered))
        differ(f"{what}: digest", text_sha(text), digest)
        check_signature(keys, what, digest, public_key, signature)
        by_head.setdefault(head, []).append(f"root {tenant} {month} {revision} {digest}\n")
    return by_head


def check_invoices(database):
    """Each final invoice that a head was signed over is there, and its document has the digest; lines of invoices by head."""
    by_head = {}
    for tenant, invoice, head, number, digest, state, number_now, document in database.rows(
            "SELECT s.tenant_id, s.invoice_id, s.head_number, s.number, encode(s.document_sha256, 'hex'), i.state, i.number, "
            "encode(convert_to(i.document, 'UTF8'), 'hex') FROM seal_invoices s LEFT JOIN invoices i USING (tenant_id, invoice_id) "
            "ORDER BY s.tenant_id, s.invoice_id"):
        what = f"invoice {number}, head {head}"
        differ(f"{what}: state and number", ("final", number), (state, number_now))
        differ(f"{what}: digest of the document", digest, sha(bytes.fromhex(document)).hex())
        by_head.setdefault(head, []).append(f"invoice {tenant} {invoice} {digest} {len(number.encode())} {number}\n")
    return by_head


def book_lines(database):
    """(receipt, line) in their order."""
    lines = []
    for receipt, stream, sequence, *rest in database.rows(
            "SELECT c.receipt, l.stream_id, l.sequence, encode(l.digest, 'hex'), l.records, l.billed, l.quarantined, l.lost, l.bytes "
            "FROM ledger l JOIN commits c USING (commit_id)"):
        lines.append((int(receipt), 1, int(stream), int(sequence), 0, " ".join(["ledger", receipt, stream, sequence, *rest])))
    for receipt, stream, sequence, ordinal, records, source, reason, tenant in database.rows(
            "SELECT c.receipt, stream_id, sequence, ordinal, records, source, reason, tenant_name FROM losses JOIN commits c USING (commit_id)"):
        lines.append((int(receipt), 2, int(stream), int(sequence), int(ordinal), " ".join(
            ["loss", receipt, stream, sequence, ordinal, records, text_sha(source), text_sha(reason), text_sha(tenant)])))
    for receipt, row, stream, sequence, line, reason, payload in database.rows(
            "SELECT c.receipt, quarantine_id, stream_id, sequence, line, reason, encode(payload, 'hex') FROM quarantine "
            "JOIN commits c USING (commit_id)"):
        lines.append((int(receipt), 3, int(row), 0, 0, " ".join(
            ["quarantine", receipt, row, stream, sequence, line, text_sha(reason), sha(bytes.fromhex(payload)).hex()])))
    return [(entry[0], entry[5] + "\n") for entry in sorted(lines)]


def check_heads(database, keys, seals, roots, invoices):
    lines, chain, before, chained, latest = book_lines(database), {}, 0, "0" * 64, 0
    for number, version, incarnation, first, until, signed, previous, digest, public_key, signature in database.rows(
            "SELECT head_number, version, encode(incarnation, 'hex'), receipt_from, receipt_to, " + HOUR.format("signed_at") +
            ", encode(previous, 'hex'), encode(digest, 'hex'), encode(public_key, 'hex'), encode(signature, 'hex') "
            "FROM seal_heads ORDER BY head_number"):
        covered = [line for receipt, line in lines if int(first) <= receipt <= int(until)]
        parts = {"books": covered, "seals": seals.get(number, []), "roots": roots.get(number, [])}
        if int(version) > 1:
            parts["invoices"] = invoices.get(number, [])
        text = f"millibill head {version}\nnumber {before + 1}\ndatabase {incarnation}\nreceipts {first} {until}\n"
        text += "".join(f"{name} {len(part)} {text_sha(''.join(part))}\n" for name, part in parts.items())
        text += f"signed {signed}\nprevious {chained}\n"
        differ(f"head {number}: previous", chained, previous)
        differ(f"head {number}: digest", text_sha(text), digest)
        check_signature(keys, f"head {number}", digest, public_key, signature)
        place = list(keys).index(public_key) if public_key in keys else latest
        differ(f"head {number}: a key that a later one replaced", False, place < latest)
        latest = max(place, latest)
        before, chained = int(number), digest
        chain[before] = digest
    return chain


def check_file(path, chain, documents):
    """Without steps back: every line's head is in the database, and so is every final invoice that it names."""
    with open(path, encoding="utf-8") as file:
        for text in file:
            line = json.loads(text)
            if "head" in line:
                differ(f"{path}: head {line['head']}", line["digest"], chain.get(line["head"], "none"))
                for final in line.get("finals", []):
                    differ(f"{path}: invoice {final['number']}", final["sha256"], documents.get((final["tenant_id"], final["invoice_id"]), "none"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True)
    parser.add_argument("--public-key", required=True)
    parser.add_argument("--heads")
    options = parser.parse_args()
    with open(options.public_key, encoding="utf-8") as file:
        keys = {line.split()[1]: VerifyKey(bytes.fromhex(line.split()[1])) for line in file if line.startswith("public ")}
    database = Database(options.database)
    seals, by_tenant = check_seals(database)
    roots = check_roots(database, keys, by_tenant)
    invoices = check_invoices(database)
    chain = check_heads(database, keys, seals, roots, invoices)
    if options.heads:
        documents = {(int(tenant), int(invoice)): sha(bytes.fromhex(document)).hex() for tenant, invoice, document in database.rows(
            "SELECT tenant_id, invoice_id, encode(convert_to(document, 'UTF8'), 'hex') FROM invoices WHERE state = 'final'")}
        check_file(options.heads, chain, documents)
    print(*problems, sep="\n")
    print(f"{'DIFFERENT' if problems else 'ok'}: {sum(map(len, by_tenant.values()))} seals, {sum(map(len, roots.values()))} roots, "
          f"{sum(map(len, invoices.values()))} invoices, {len(chain)} heads")
    return 3 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
