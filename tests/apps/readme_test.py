#!/usr/bin/env python3
"""The README shows a program: it must be the compiled one, and its output the real one."""
import argparse
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[2]
EXAMPLE = ROOT / "apps" / "examples" / "readme"
PROGRAM = ""


def block(language):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"{len(found)} blocks of {language} in the README"
    return found[0]


class ReadmeTest(unittest.TestCase):
    maxDiff = None

    def test_the_program_is_the_compiled_one(self):
        self.assertEqual(block("cpp"), (EXAMPLE / "main.cpp").read_text(encoding="utf-8"))

    def test_its_output_is_the_real_one(self):
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run([PROGRAM, str(EXAMPLE / "readings"), f"{directory}/checkpoint"],
                                  capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, block("text"))

    def test_the_notes_example_is_short(self):
        files = (ROOT / "apps" / "examples" / "user_status").iterdir()
        lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
        self.assertLessEqual(lines, 60)

    def test_commands_and_documents_that_it_names_exist(self):
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        links = re.findall(r"\]\(([^)#:]+)\)", readme)
        self.assertGreater(len(links), 3)
        for path in links + ["apps/quickstart", "tests/run"]:
            self.assertTrue((ROOT / path).exists(), path)
        for command in ("apps/quickstart", "tests/run"):
            self.assertIn(command, block("sh"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--example", required=True)
    options, rest = parser.parse_known_args()
    PROGRAM = options.example
    unittest.main(argv=[__file__, *rest])
