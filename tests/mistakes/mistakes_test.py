#!/usr/bin/env python3
"""Typical mistakes: each snippet of compile/ must be refused in few lines that name what is wrong.

The first line of a snippet says what the compiler must say. Prints what it cost to compile a unit
with all of libstream, and fails where that is far above the 4 s that we promise."""
import argparse
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
MOST_LINES = 10
PROMISED_SECONDS = 4.0
# Machines differ, and a busy one counts more: a header that went astray costs far more than this.
MOST_SECONDS = 2.5 * PROMISED_SECONDS
# What does not depend on the machine: functions that the compiler writes into the unit. At -O0 each
# of them costs about as much as the next; GCC 12 writes 110 and 3,300.
MOST_FUNCTIONS = {"session_only.cpp": 150, "typed_and_functions.cpp": 3_500}


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(command):
    return subprocess.run(command, capture_output=True, text=True, check=False,
                          env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})


def compile_cost(compiler, directory, source):
    begin = cpu_seconds()
    done = run([*compiler, "-O0", "-c", str(source), "-o", str(directory / "unit.o")])
    assert done.returncode == 0, done.stderr
    return cpu_seconds() - begin


def functions(unit):
    symbols = run(["nm", str(unit)]).stdout.splitlines()
    return sum(line[17:19] in ("t ", "T ", "w ", "W ") for line in symbols)


def problem_of(compiler, prelude, snippet):
    wanted = snippet.read_text(encoding="utf-8").splitlines()[0].removeprefix("// error: ")
    done = run([*compiler, "-include", str(prelude), "-fsyntax-only", str(snippet)])
    # How a header came in tells a user nothing.
    lines = [line for line in done.stderr.splitlines()
             if not re.match(r"In file included from|\s+from ", line)]
    errors = [line for line in lines if "error:" in line]
    shown = "\n".join(lines[:40])
    if done.returncode == 0:
        return "it compiles"
    if len(errors) != 1 or wanted not in errors[0]:
        return f"one error was wanted, with “{wanted}”; there are {len(errors)}:\n{shown}"
    if snippet.name not in done.stderr:
        return f"the place of the mistake is not named:\n{shown}"
    if len(lines) > MOST_LINES:
        return f"{len(lines)} lines, at most {MOST_LINES}:\n{shown}"
    return None


def costs(compiler, directory):
    failures = []
    for source, most_functions in MOST_FUNCTIONS.items():
        seconds = min(compile_cost(compiler, directory, HERE / "cost" / source) for _ in range(2))
        written = functions(directory / "unit.o")
        print(f"{source}: {seconds:.2f} s of CPU at -O0, promised {PROMISED_SECONDS:.0f} s; "
              f"{written} functions, at most {most_functions}")
        if not 0 < written <= most_functions:
            failures.append(f"{source} makes the compiler write {written} functions")
        if seconds > MOST_SECONDS:
            failures.append(f"{source} takes {seconds:.1f} s to compile")
    return failures


def mistakes(compiler, directory):
    # The prelude is compiled once: the snippets then cost little.
    prelude = directory / "prelude.hpp"
    text = (HERE / "prelude.hpp").read_text(encoding="utf-8").replace("#pragma once\n", "")
    prelude.write_text(text, encoding="utf-8")
    done = run([*compiler, "-O0", "-x", "c++-header", str(prelude), "-o", f"{prelude}.gch"])
    assert done.returncode == 0, done.stderr
    snippets = sorted((HERE / "compile").glob("*.cpp"))
    assert len(snippets) >= 12
    failures = []
    for snippet in snippets:
        problem = problem_of([*compiler, "-O0"], prelude, snippet)
        print(f"{snippet.stem}: {'as it should' if problem is None else problem}")
        if problem is not None:
            failures.append(f"{snippet.stem}: {problem}")
    return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--include", action="append", required=True)
    parser.add_argument("--flags", default="")
    parser.add_argument("--cost", action="store_true", help="measure, instead of the snippets")
    arguments = parser.parse_args()
    compiler = [arguments.compiler, "-std=c++20", *arguments.flags.split(),
                *(f"-I{path}" for path in arguments.include)]
    with tempfile.TemporaryDirectory() as name:
        check = costs if arguments.cost else mistakes
        failures = check(compiler, pathlib.Path(name))
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
