#!/usr/bin/env python3
"""Builds the fuzz targets with clang, and runs one over its corpus for some seconds.

A crash, a leak, an input that takes more than a second of CPU time or half a gibibyte fails; the
input is kept and its path printed. Put such an input into corpus/<target>/ with the fix: every run begins
with them.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MOST_SECONDS = 20  # Of the time of day, for what hangs; fuzz_input.hpp limits CPU time.
MOST_MEGABYTES = 512
SEED = 1


def build(options):
    tree = pathlib.Path(options.tree)
    subprocess.run(["cmake", "-G", "Ninja", "-S", options.source, "-B", tree, "-D",
                    f"CMAKE_CXX_COMPILER={options.clang}", "-D", "CMAKE_BUILD_TYPE=None", "-D",
                    "CMAKE_CXX_FLAGS=-O1 -g1", "-D", "LIBSTREAM_FUZZ=ON"], check=True)
    subprocess.run(["cmake", "--build", tree, "-j", str(os.cpu_count())], check=True)
    return 0


def run(options):
    seeds = pathlib.Path(options.corpus) / options.target
    assert any(seeds.iterdir()), f"no seeds in {seeds}"
    found = pathlib.Path(options.found or pathlib.Path(options.tree) / "found" / options.target)
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as fresh:
        done = subprocess.run(
            [pathlib.Path(options.tree) / "bin" / f"fuzz_{options.target}",
             f"-max_total_time={options.seconds}", f"-timeout={MOST_SECONDS}",
             f"-rss_limit_mb={MOST_MEGABYTES}", f"-artifact_prefix={found}/", f"-seed={SEED}",
             "-print_final_stats=1", "-max_len=65536", fresh, seeds],
            stderr=subprocess.PIPE, text=True, errors="replace", check=False)
        if options.keep:
            shutil.copytree(fresh, options.keep, dirs_exist_ok=True)
    if done.returncode != 0:
        print(done.stderr[-20000:])
        print(f"{options.target}: failed; the input is in {found}")
        return 1
    runs = int(re.search(r"number_of_executed_units: (\d+)", done.stderr).group(1))
    coverage = re.findall(r"cov: (\d+)", done.stderr)
    print(f"{options.target}: {runs} inputs in {options.seconds} s, {coverage[-1]} edges, nothing "
          "found")
    # A target that was hardly run shows nothing.
    return 0 if runs > 20 * options.seconds else "too few inputs"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    builder = commands.add_parser("build")
    builder.set_defaults(run=build)
    builder.add_argument("--clang", required=True)
    builder.add_argument("--source", required=True)
    builder.add_argument("--tree", required=True)
    runner = commands.add_parser("run")
    runner.set_defaults(run=run)
    runner.add_argument("--tree", required=True)
    runner.add_argument("--target", required=True)
    runner.add_argument("--corpus", required=True)
    runner.add_argument("--seconds", type=int, default=30)
    runner.add_argument("--found", help="where inputs that fail go; default: in the tree")
    runner.add_argument("--keep", help="where inputs that reach new code go")
    options = parser.parse_args()
    return options.run(options)


if __name__ == "__main__":
    sys.exit(main())
