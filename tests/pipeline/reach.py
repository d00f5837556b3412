"""What other users run must lie where they come: a checkout below a closed folder (a home of mode 0700) is closed to them.

    subprocess.run([for_everybody(MILLIBILL), "emit"], user=1001)
    env = {"LD_PRELOAD": for_everybody(LIBRARY)}

A file that everybody can reach is given back as it is; of any other, its whole folder is copied (`millibill` looks for the
other programs beside itself), once in the life of the test.
"""
import atexit
import functools
import os
import shutil
import stat
import tempfile
from pathlib import Path


def for_everybody(path):
    """The path, as text, of this file or of a copy that every user can read and execute."""
    path = Path(path).resolve()
    return str(path if _is_open(path) else _copy(path.parent) / path.name)


def _is_open(path):
    """May every user read this file and enter the folders above it?"""
    return _allows(path, stat.S_IROTH) and all(_allows(folder, stat.S_IXOTH) for folder in path.parents)


def _allows(path, bits):
    return os.stat(path).st_mode & bits == bits


@functools.cache
def _copy(folder):
    place = Path(tempfile.mkdtemp(prefix="mb-reach-"))
    atexit.register(shutil.rmtree, place, True)
    for source in folder.iterdir():
        if source.is_file():
            shutil.copy(source, place / source.name)
            (place / source.name).chmod(0o755)
    place.chmod(0o755)
    return place
