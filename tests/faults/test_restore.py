"""A database that forgot what it had acknowledged."""
import os
import shutil
import unittest

from harness import Stack
from scene import Scene


class Restore(unittest.TestCase):
    def test_a_database_restored_to_an_earlier_point_is_filled_again(self):
        """Matrix 37: records were acknowledged after the copy of the database was made; the copy is put back, and agents send
        again what it lacks: every record counts once."""
        with Stack() as stack:
            scene = Scene(stack, "acme")
            scene.emit("acme", 300)
            scene.drain()
            stack.down()
            shutil.copytree(stack.data / "pg", stack.data / "pg.earlier")
            self.own_as(stack.data / "pg", stack.data / "pg.earlier")
            stack.up()
            for _ in range(5):
                scene.emit("acme", 200)
            scene.drain()
            self.assertEqual(scene.billed(), 1300)
            stack.down()
            shutil.rmtree(stack.data / "pg")
            (stack.data / "pg.earlier").rename(stack.data / "pg")
            stack.up()
            scene.emit("acme", 100)
            scene.check(self)

    @staticmethod
    def own_as(model, copy):
        owner = os.stat(model)
        for place, _, files in os.walk(copy):
            os.chown(place, owner.st_uid, owner.st_gid)
            for name in files:
                os.chown(os.path.join(place, name), owner.st_uid, owner.st_gid)


if __name__ == "__main__":
    unittest.main()
