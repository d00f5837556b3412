"""What a newcomer reads first: every command has help of one form with examples that fit it, bash completes it, and the record's fields are documented."""
import re
import shlex
import subprocess
import unittest

from harness import MILLIBILL, ROOT, environment


def text_of(*words):
    return subprocess.run([MILLIBILL, *words, "--help"], env=environment(), capture_output=True, text=True, check=True, timeout=20).stdout


def commands():
    """{("invoice", "list"): its help}: every command that takes options."""
    found = {}
    for name in re.findall(r"^  ([a-z][a-z-]*) ", text_of(), re.M):
        text = text_of(name)
        part = re.search(r"^Commands:\n(.*?)\n\n", text, re.M | re.S)
        if part is None:
            found[name,] = text
        for below in re.findall(r"^  ([a-z][a-z-]*) ", part.group(1), re.M) if part else []:
            found[name, below] = text_of(name, below)
    return found


class Help(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.commands = commands()

    def options(self, words):
        """{"--month": what it takes or None} with the short names."""
        found = {}
        for short, name, value in re.findall(r"^ +(?:(-\w), )? *(--[a-z][a-z-]*)(?: ([A-Z]\S*))? ", self.commands[words], re.M):
            found[name] = value or None
            if short:
                found[short] = value or None
        return found

    def test_every_command_shows_how_it_is_used(self):
        self.assertGreater(len(self.commands), 45)
        for words, text in self.commands.items():
            self.assertRegex(text, rf"\AUsage: millibill {' '.join(words)} \[OPTION…\]", words)
            self.assertRegex(text.splitlines()[2], r"\A[A-Z].*\.\Z", (words, "says in one sentence what it does"))
            self.assertLessEqual(max(len(line) for line in text.splitlines()), 120, (words, "as wide as the documents"))
            self.assertIn("\nExamples:\n  ", text, words)
            self.assertIn("\nExit status: 0 done", text, words)
            for option in ("--help", "--version"):
                self.assertIn(option, self.options(words))

    def test_options_of_many_commands_have_the_same_name_letter_and_value(self):
        for words in self.commands:
            options = self.options(words)
            for name, value in (("--tenant", "NAME"), ("--price-book", "FILE|NAME"), ("--data", "DIR"), ("--json", None)):
                if name in options:
                    self.assertEqual(options[name], value, words)
            if "--month" in options:
                self.assertEqual(options["--month"], "YYYY-MM", words)

    def test_examples_use_options_that_there_are(self):
        tried = 0
        for words, text in self.commands.items():
            examples = re.search(r"^Examples:\n(.*?)\n\n", text, re.M | re.S).group(1)
            for line in re.findall(r"millibill .*", examples):
                tokens = shlex.split(line.split("|")[-1].split(">")[0].split("<")[0] if "FILE|" not in line else line)
                self.assertEqual(tuple(tokens[1:1 + len(words)]), words, line)
                ours = tokens[: tokens.index("--")] if "--" in tokens else tokens
                for token in ours:
                    if token.startswith("-") and len(token) > 1:
                        self.assertIn(token, self.options(words), line)
                tried += 1
        self.assertGreater(tried, 60)

    def test_commands_in_the_documents_use_options_that_there_are(self):
        tried, wrong = 0, []
        for page in (ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "doc").glob("*.md"))):
            blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.M | re.S)
            for line in re.findall(r"^(?:\$ )?(?:build/bin/)?millibill ([a-z].*)", "\n".join(blocks), re.M):
                tokens = re.split(r"\s+", re.split(r" #|[|>]| -- ", line)[0].strip())
                if ":" in " ".join(tokens[:2]):
                    continue  # what it printed
                words = next((key for key in (tuple(tokens[:2]), tuple(tokens[:1])) if key in self.commands), None)
                options = self.options(words) if words else {}
                if words is None or any(re.match(r"--?[a-z]", token) and token.split("=")[0] not in options for token in tokens):
                    wrong.append((page.name, line))
                tried += 1
        self.assertEqual(wrong, [])
        self.assertGreater(tried, 40)

    def complete(self, *words):
        script = f'. {ROOT}/packaging/millibill-completion.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _millibill; printf "%s\\n" "${{COMPREPLY[@]}}"'
        out = subprocess.run(["bash", "-c", script, "bash", MILLIBILL, *words], env=environment(), capture_output=True, text=True, check=True, timeout=60)
        self.assertEqual(out.stderr, "")
        return set(out.stdout.split())

    def test_bash_completes_commands_options_and_values(self):
        self.assertEqual(self.complete("invoice", "re"), {"render", "remake"})
        self.assertEqual(self.complete("quar"), {"quarantine"})
        for words in (("import",), ("invoice", "render"), ("savings",)):
            self.assertEqual(self.complete(*words, "--"), {name for name in self.options(words) if name.startswith("--")})
        self.assertEqual(self.complete("invoice", "render", "--format", ""), {"text", "json", "csv", "html", "pdf", "ubl"})
        self.assertEqual(self.complete("quote", "--price-book", ""), {path.stem for path in (ROOT / "rater" / "books").glob("*.yaml")})
        self.assertEqual(self.complete("simulate", "-s", "av"), {"avatars"})
        self.assertIn("t3-medium", self.complete("dashboard", "-a", "t3"))

    def test_every_field_of_a_record_is_documented(self):
        known = set(re.findall(r'FIELD\("(\w+)"', (ROOT / "formats" / "decode_field.c").read_text()))
        table = (ROOT / "doc" / "records.md").read_text()
        self.assertGreater(len(known), 20)
        self.assertEqual({name for name in known if f"`{name}`" not in table}, set())
        example = re.search(r"```json\n(.*?)\n```", table, re.S).group(1)
        self.assertTrue(set(re.findall(r'"(\w+)":', example)) <= known)


if __name__ == "__main__":
    unittest.main()
