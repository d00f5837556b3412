"""Every worked example gives its exact figures, and the page in doc/ says what the programs say."""
import os
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class WorkedExamples(unittest.TestCase):
    def test_quote_and_savings_give_every_figure_and_the_page_says_so(self):
        build = Path(os.environ.get("MILLIBILL_BUILD", "build"))
        programs = (build if build.is_absolute() else ROOT / build) / "bin"
        done = subprocess.run([ROOT / "doc" / "make-worked-examples.py", "--check", programs], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
