"""The commands that the README shows work as they stand there."""
import re
import shlex
import subprocess
import tempfile
import unittest

from harness import MILLIBILL, ROOT, Stack, environment


class Readme(unittest.TestCase):
    def test_every_command_of_use_it_succeeds(self):
        block = re.search(r"## Use it\n+```\n(.*?)```", (ROOT / "README.md").read_text(), re.S).group(1)
        commands = [line.split("#")[0].strip() for line in block.splitlines()]
        self.assertGreater(len(commands), 10)
        with tempfile.TemporaryDirectory() as folder:
            stack = Stack()
            try:
                for command in commands:
                    words = shlex.split(command)
                    self.assertEqual(words[0], "build/bin/millibill")
                    words = [MILLIBILL, *(folder if word == "build/invoices" else word for word in words[1:])]
                    result = subprocess.run(words, env={**environment(), "MILLIBILL_DATA": str(stack.data)}, cwd=ROOT,
                                            capture_output=True, text=True, timeout=300, check=False)
                    self.assertEqual(result.returncode, 0, (command, result.stdout, result.stderr))
            finally:
                stack.remove()

    def test_what_programs_look_for_beside_them_is_what_is_installed(self):
        installed = re.search(r"SHARED_FOLDERS := (.*?)\nSHARED_FILES", (ROOT / "packaging" / "module.mk").read_text(), re.S).group(1)
        sources = "".join(path.read_text() for part in ("agent", "cli", "collector", "lib", "rater", "reports", "schema") for path in (ROOT / part).glob("*.c"))
        wanted = set(re.findall(r'share_(?:path|resolve)\("([^"]+)"', sources)) | set(re.findall(r'\[\] = "(reports/\w+)"', sources))
        wanted |= set(re.findall(r'sql_files_read\("([^"]+)"', sources))
        self.assertGreater(len(wanted), 6)
        self.assertEqual(wanted - set(installed.replace("\\", " ").split()), set())

    def test_every_file_that_a_document_links_to_is_there(self):
        for document in [ROOT / "README.md", *(ROOT / "doc").glob("*.md")]:
            for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
                self.assertTrue((document.parent / target).exists(), (document.name, target))


if __name__ == "__main__":
    unittest.main()
