#!/usr/bin/env python3
"""Known answers for tests/unit/schema/test_seal.c, worked out from doc/seals.md by hashlib and PyNaCl: prints NAME and hex."""
import hashlib

from nacl.signing import SigningKey


def sha(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


def filled(byte):
    return f"{byte:02x}" * 32


LEAF = sha(f"segment 17 12 100 {filled(1)} {filled(2)}\n")
CONTENT = sha(bytes.fromhex(LEAF + filled(3)))
NO_CONTENT = sha(bytes.fromhex(filled(3)))
SEAL = sha("millibill seal 1\ntenant 14 café\nnumber 7\nnumber 3\nhour 2026-05-10T12:00:00Z\nrevision 2\nreceipts 5 12\nsegments 1 100\n"
           f"exclusions 4\ncontent {filled(4)}\nsealed 2026-05-10T13:00:01Z\nprevious {filled(5)}\n")
SEALS = sha(f"seal 9 3 {filled(7)}\n")
ROOTS = sha(f"root 9 2026-05 1 {filled(7)}\n")
INVOICES = sha(f"invoice 9 12 {filled(7)} 14 MB-2026-000001\n")
HEAD = sha(f"millibill head 2\nnumber 41\ndatabase {'0a' * 16}\nreceipts 6 12\nbooks 2 {filled(8)}\nseals 1 {SEALS}\nroots 1 {ROOTS}\ninvoices 1 {INVOICES}\n"
           f"signed 2026-05-10T13:00:01Z\nprevious {filled(9)}\n")
OLD_HEAD = sha(f"millibill head 1\nnumber 41\ndatabase {'0a' * 16}\nreceipts 6 12\nbooks 2 {filled(8)}\nseals 1 {SEALS}\nroots 1 {ROOTS}\n"
               f"signed 2026-05-10T13:00:01Z\nprevious {filled(9)}\n")
KEY = SigningKey(b"\x0b" * 32)
SIGNATURE = KEY.sign(bytes.fromhex(HEAD)).signature.hex()
ROOT = sha(f"millibill root 1\ntenant 4 acme\nmonth 2026-05\nrevision 1\nseals 2\nseal 1 {filled(12)}\nseal 4 {filled(13)}\n")

if __name__ == "__main__":
    for name in ("LEAF", "CONTENT", "NO_CONTENT", "SEAL", "HEAD", "OLD_HEAD", "SIGNATURE", "ROOT"):
        print(name, globals()[name])
    print("PUBLIC", bytes(KEY.verify_key).hex())
