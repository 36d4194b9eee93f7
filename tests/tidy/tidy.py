#!/usr/bin/env python3
"""House rules that no compiler checks: who includes whom, lengths, names, documents, formatting."""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

FOLDERS = ("libstream", "operators", "checkpoint", "actors", "apps", "tests")
# Include prefix -> the folders that may use it (below `src/` where they have public headers).
THIRD_PARTY = {
    "caf/": ("actors/src", "tests/actors"),
    "openssl/": (),
    "boost/asio": (),
    "boost/describe": ("libstream", "operators/include", "apps/examples", "tests"),
    "boost/mp11": ("libstream/include", "operators/include"),
    "boost/json": ("libstream/src", "operators/src", "checkpoint/src", "actors/src", "apps"),
    # Users describe their structs with it.
    "boost/describe": ("libstream/include", "operators/include", "tests"),
    "boost/mp11": ("libstream/include", "operators/include"),
    "boost/": ("libstream/src", "operators/src", "checkpoint/src", "actors/src"),
    "capnp/": ("libstream/src", "checkpoint/src"),
    "kj/": ("libstream/src", "checkpoint/src"),
    "simdjson": ("libstream/src", "operators/src"),
    "re2/": ("libstream/src", "operators/src"),
    "utf8proc": ("libstream/src",),
    "lz4": ("libstream/src",),
    "xxhash": ("libstream/src",),
    "CLI/": ("apps",),
    "doctest/": ("tests",),
    "benchmark/": ("tests",),
}
# Folder -> folders of ours whose public headers it may include, beside its own.
MAY_INCLUDE = {
    "libstream": (),
    "operators": ("libstream",),
    "checkpoint": ("libstream",),
    "actors": ("libstream", "operators", "checkpoint"),
    "apps": ("libstream", "operators", "checkpoint", "actors"),
    "tests": ("libstream", "operators", "checkpoint", "actors", "apps"),
}
BANNED_WORDS = ("util", "utils", "helper", "helpers", "manager", "common", "misc", "impl")
MOST_LINES = 500
MOST_LINES_OF_FUNCTION = 70
MOST_LINES_OF_TEST = 130
MOST_CAF_FILES = 8
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)


class Tree:
    def __init__(self, root):
        self.root = root
        self.problems = []
        listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True,
                                check=False)
        names = listed.stdout.splitlines() if listed.returncode == 0 else [
            str(path.relative_to(root)) for path in root.rglob("*")
            if path.is_file() and not str(path.relative_to(root)).startswith(("build", ".git/"))]
        self.names = sorted(name for name in names if (root / name).is_file())
        self.sources = [name for name in self.names if name.endswith((".cpp", ".hpp"))]

    def text(self, name):
        return (self.root / name).read_text(encoding="utf-8")

    def report(self, name, what):
        self.problems.append(f"{name}: {what}")

    def owner(self, header):
        """The folder that has <libstream/…> as a public header."""
        for folder in FOLDERS:
            if (self.root / folder / "include" / header).is_file():
                return folder
        return None


def is_private(tree, name, header):
    """A header in quotes lies in the includer's own src/, below apps/ or tests/; tests/X sees X/src."""
    here = pathlib.PurePath(name)
    folder = here.parts[0]
    rooms = {"apps": ("apps",), "tests": ("tests", "apps", f"{here.parts[1]}/src")}.get(
        folder, (f"{folder}/src",))
    if name.startswith("tests/actors/"):
        rooms += ("checkpoint/src",)  # The simulation reads decisions.
    target = os.path.normpath(here.parent / header)
    if header.startswith("libstream/"):
        return False
    return target.startswith(tuple(room + "/" for room in rooms)) or not header.startswith("../")


def check_includes(tree):
    caf = []
    for name in tree.sources:
        folder = name.split("/")[0]
        for quote, header in INCLUDE.findall(tree.text(name)):
            if header.startswith("caf/") and name.endswith(".cpp"):
                caf.append(name)
            prefix = next((p for p in THIRD_PARTY if header.startswith(p)), None)
            if prefix and not any(name.startswith(place + "/") for place in THIRD_PARTY[prefix]):
                tree.report(name, f"may not include <{header}>")
            if quote == "<" and header.startswith("libstream/"):
                owner = tree.owner(header)
                if owner is None:
                    tree.report(name, f"<{header}> is no public header")
                elif owner != folder and owner not in MAY_INCLUDE[folder]:
                    tree.report(name, f"{folder} may not include {owner}: <{header}>")
            if quote == '"' and not is_private(tree, name, header):
                tree.report(name, f'write <libstream/…> or a file of its own room: "{header}"')
    caf_tests = {name for name in caf if name.startswith("tests/")}
    caf_files = sorted(set(caf) - caf_tests)
    if len(caf_files) > MOST_CAF_FILES:
        tree.report("actors/src", f"CAF in {len(caf_files)} translation units: {caf_files}")


def functions(lines):
    """Roughly: from a line that opens a block behind a `)` to the brace that is indented no more."""
    for number, line in enumerate(lines):
        opens = re.match(r"^( *)\S.*\).*\{$", line)
        if not opens or re.match(r"^ *(namespace|class|struct|enum|union|extern|TEST_SUITE)\b", line):
            continue
        end = next((i for i in range(number + 1, len(lines))
                    if re.match(rf"^ {{0,{len(opens.group(1))}}}\}}", lines[i])), number)
        yield number, end - number + 1


def check_lengths(tree):
    for name in tree.sources:
        lines = tree.text(name).splitlines()
        if len(lines) > MOST_LINES:
            tree.report(name, f"{len(lines)} lines, at most {MOST_LINES}")
        most = MOST_LINES_OF_TEST if name.startswith("tests/") else MOST_LINES_OF_FUNCTION
        for number, length in functions(lines):
            if length > most:
                tree.report(f"{name}:{number + 1}", f"function of {length} lines, at most {most}")


def check_names(tree):
    for name in tree.names:
        for part in pathlib.PurePath(name).parts:
            words = re.split(r"[_.\-]", part.lower())
            banned = [word for word in words if word in BANNED_WORDS]
            if banned:
                tree.report(name, f"the name says nothing: {banned}")
    type_name = re.compile(r"\b(?:class|struct)\s+([A-Z]\w*(?:Util|Utils|Helper|Helpers|Manager|Impl))\b")
    for name in tree.sources:
        for found in type_name.findall(tree.text(name)):
            tree.report(name, f"the name says nothing: {found}")


def check_documents(tree):
    for folder in FOLDERS:
        if not (tree.root / folder / "README.md").is_file():
            tree.report(folder, "has no README.md")
    for name in ("README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md", "docs/architecture.md",
                 "docs/exactly-once.md"):
        if name not in tree.names:
            tree.report(name, "is missing")
    readme = tree.root / "README.md"
    if readme.is_file() and len(readme.read_text(encoding="utf-8").splitlines()) > 200:
        tree.report("README.md", "has more than 200 lines")


def check_machine_paths(tree):
    """Paths of the machine that somebody worked on; the product works anywhere."""
    path = re.compile(r"(?<![\w./$}])/(?:home|root|Users|work)/\w")
    for name in tree.names:
        if name.endswith((".jsonl", ".png")) or name == "tests/tidy/tidy.py":
            continue
        if name.startswith("tests/fuzz/corpus/"):  # any bytes
            continue
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            if path.search(line) or "../shared" in line:
                tree.report(f"{name}:{number}", "path of one machine")


def check_format(tree):
    formatter = shutil.which("clang-format-14")
    if not formatter:
        print("clang-format-14 is not installed: formatting not checked")
        return
    done = subprocess.run([formatter, "--dry-run", "-Werror", *tree.sources],
                          cwd=tree.root, capture_output=True, text=True, check=False)
    names = {line.split(":")[0] for line in done.stderr.splitlines() if "error:" in line}
    for name in sorted(names):
        tree.report(name, "is not formatted; run clang-format-14 -i")


CHECKS = (check_includes, check_lengths, check_names, check_documents, check_machine_paths,
          check_format)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2])
    tree = Tree(parser.parse_args().root)
    if len(tree.sources) < 20:
        sys.exit(f"found only {len(tree.sources)} sources below {tree.root}: nothing checked")
    for check in CHECKS:
        check(tree)
    print("\n".join(tree.problems) or f"{len(tree.sources)} sources in order")
    sys.exit(1 if tree.problems else 0)


if __name__ == "__main__":
    main()
