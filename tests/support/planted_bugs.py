"""Bugs planted in copies of sources of ours, to show that a test finds them: each is there and does
nothing until it is named. A bug is a name, what is wrong, and where: (source, text that is there
once, text in its place) each, @ standing for the question whether the bug is wanted.
"""
import argparse
import pathlib
import sys

PLANTED = 'libstream::planted("{}")'


def files(bugs):
    return sorted({place for _, _, places in bugs for place, _, _ in places})


def planted(bugs, source):
    """The copies by file, and the bugs whose text is no longer there."""
    texts = {name: (source / name).read_text(encoding="utf-8") for name in files(bugs)}
    original = dict(texts)
    lost = {}
    for name, _, places in bugs:
        for file, before, _ in places:
            if original[file].count(before) != 1:
                lost[name] = f"{file} has {before.strip()!r} {original[file].count(before)} times"
    for name, _, places in bugs:
        for file, before, after in places if name not in lost else ():
            if before not in texts[file]:
                lost[name] = f"another bug has taken {before.strip()!r} in {file}"
            texts[file] = texts[file].replace(before, after.replace("@", PLANTED.format(name)))
    return texts, lost


def plant(bugs, source, out):
    for file, text in planted(bugs, source)[0].items():
        copy = out / file.replace("/", "_")
        declaration = "namespace libstream {\nbool planted(const char* name);\n}\n"
        line = f'#line 1 "{source / file}"\n'
        out.mkdir(parents=True, exist_ok=True)
        copy.write_text(declaration + line + text, encoding="utf-8")


def check(bugs, source, find):
    """Counts those that `find(name)`, which returns (found, words), does not find."""
    lost = planted(bugs, source)[1]
    failures = 0
    for name, words, _ in bugs:
        if name in lost:
            print(f"{name}: NOT PLANTED, plant it anew: {lost[name]}")
            failures += 1
            continue
        found, outcome = find(name)
        failures += not found
        print(f"{name} ({words}): {'found, ' if found else 'NOT FOUND, '}{outcome}", flush=True)
    return failures


def main(description, bugs, find):
    """`find(options, name)` runs the program that is built of the copies."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("what", choices=["files", "plant", "check"])
    parser.add_argument("--source", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--program")
    parser.add_argument("--cases", type=int, help="cases or seeds to look for each bug in")
    parser.add_argument("--only", help="one bug")
    options = parser.parse_args()
    if options.what == "files":
        print(";".join(files(bugs)), end="")
    elif options.what == "plant":
        plant(bugs, options.source, options.out)
    else:
        wanted = [bug for bug in bugs if options.only in (None, bug[0])]
        sys.exit(1 if check(wanted, options.source, lambda name: find(options, name)) else 0)
