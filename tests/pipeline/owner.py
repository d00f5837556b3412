"""Tests of what the owner of a database may change behind everybody's back: the change, what verify says, and back again."""
import unittest

from harness import SUPERUSER

FREE = "SET session_replication_role = replica;"  # foreign keys bind nobody who may drop them


class OwnerCase(unittest.TestCase):
    """Its class has a `stack`."""

    def verify(self, status=0):
        return self.stack.json("verify", status=status)

    def changed(self, change, *tables):
        """What verify finds after the owner's statements; the tables are put back as they were, and are clean again."""
        self.assertTrue(self.verify()["ok"])
        keep = "".join(f"CREATE TABLE aside_{table} AS SELECT * FROM {table};" for table in tables)
        back = "".join(f"DELETE FROM {table}; INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM aside_{table}; DROP TABLE aside_{table};"
                       for table in tables for columns in [self.columns(table)])
        self.stack.query(f"{FREE}{keep}{change}", SUPERUSER)
        try:
            answer = self.verify(status=3)
        finally:
            self.stack.query(FREE + back, SUPERUSER)
        return {check["name"]: check["differences"] for check in answer["checks"] if check["differences"]}

    def columns(self, table):
        """Those that are not worked out from others."""
        return ", ".join(f'"{name}"' for (name,) in self.stack.query(
            f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum"))

    def references(self, change, *tables):
        found = self.changed(change, *tables)["references"]
        return [(d.get("tenant", d.get("subject")), d["what"], d["expected"], d["found"]) for d in found]
