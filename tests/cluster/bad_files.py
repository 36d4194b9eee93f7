#!/usr/bin/env python3
"""Files that no program should have written, read by the engine: every case of bad_files_corpus.py
in each mode of the reader.

    PERMISSIVE      a malformed record is a row of nulls with its text in _corrupt_record
    DROPMALFORMED   it is left out
    FAILFAST        the query ends with an error that names file and line

Also: numbers at the edges of arithmetic, and things in a directory that are no files.
"""
import argparse
import os
import pathlib
import socket
import subprocess
import tempfile
import unittest

from bad_files_corpus import BAD, corpus

CORRUPT = "_corrupt_record string"
PROGRAM = ""


def unescaped(text):
    if text == "\\N":
        return None
    result, i = "", 0
    while i < len(text):
        if text[i] == "\\":
            i += 1
            result += {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}[text[i]]
        else:
            result += text[i]
        i += 1
    return result


class Answer:
    def __init__(self):
        self.rows = []
        self.malformed = None
        self.error = ""


class Reader:
    """One process that answers many requests."""

    def __init__(self):
        self.process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, form, directory, schema, options=None, checkpoint="", condition="", keys="", outputs=""):
        texts = ";".join(f"{key}={value}" for key, value in (options or {}).items())
        request = ["case", form, str(directory), schema, texts, str(checkpoint), condition, keys, outputs]
        self.process.stdin.write(("\t".join(request) + "\n").encode())
        self.process.stdin.flush()
        answer = Answer()
        for line in self.process.stdout:
            kind, *values = line.decode("utf-8").rstrip("\n").split("\t")
            if kind == "end case":
                return answer
            if kind == "row":
                answer.rows.append([unescaped(value) for value in values])
            elif kind.startswith("malformed "):
                answer.malformed = int(kind.split()[1])
            else:
                answer.error = kind
        raise AssertionError(f"the reader died: {self.process.wait()}")

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(60)


class BadFiles(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = pathlib.Path(directory.name)
        self.input = self.work / "input"
        self.input.mkdir()
        self.reader = Reader()
        self.addCleanup(lambda: self.assertEqual(self.reader.close(), 0))

    def check_case(self, case):
        (self.input / "file").write_bytes(case.data)
        if case.format == "text":  # No line of text is malformed: there are no modes.
            answer = self.reader.ask("text", self.input, "")
            self.assertEqual((answer.error, answer.rows), ("", case.rows))
        else:
            self.check_modes(case)

    def check_modes(self, case):
        schema = f"{case.schema}, {CORRUPT}"
        bad = case.rows.count(BAD)

        def ask(mode):
            return self.reader.ask(case.format, self.input, schema, {**case.options, "mode": mode})

        kept = ask("PERMISSIVE")
        self.assertEqual((kept.error, kept.malformed, len(kept.rows)), ("", bad, len(case.rows)))
        for found, wanted in zip(kept.rows, case.rows):
            if wanted is BAD:
                self.assertEqual(set(found[:-1]), {None})
                self.assertIn(found[-1][:100], case.data.decode("utf-8", "replace"))
            else:
                self.assertEqual(found, [*wanted, None])
        dropped = ask("DROPMALFORMED")
        self.assertEqual((dropped.error, dropped.malformed), ("", bad))
        self.assertEqual(dropped.rows, [row for row in kept.rows if row[-1] is None])
        failed = ask("FAILFAST")
        if bad:
            self.assertRegex(failed.error, r"\Aerror data [^\n]*malformed record in .*file line \d+: ")
        else:
            self.assertEqual((failed.error, failed.rows), ("", kept.rows))

    def test_corpus(self):
        cases = corpus()
        self.assertGreaterEqual(len(cases), 300)
        for case in cases:
            with self.subTest(case.name):
                self.check_case(case)
        print(f"{len(cases)} files in 3 modes, {sum(BAD in case.rows for case in cases)} of them "
              "with malformed records")

    def ask_rows(self, schema, lines, **query):
        (self.input / "file").write_text("\n".join(lines), encoding="utf-8")
        return self.reader.ask("csv", self.input, schema, **query)

    def test_arithmetic(self):
        top, bottom = str(2 ** 63 - 1), str(-(2 ** 63))
        for name, schema, lines, query, wanted in (
                ("sum of bigint", "a bigint, k int", [top + ",1", "1,1"],
                 {"keys": "k", "outputs": "sum(a) AS s"}, "overflow"),
                ("try_sum", "a bigint, k int", [top + ",1", "1,1"],
                 {"keys": "k", "outputs": "try_sum(a) AS s"}, [["1", None]]),
                ("smallest by -1", "a bigint, b bigint", [bottom + ",-1"], {"outputs": "a div b"}, "overflow"),
                ("smallest negated", "a bigint, b bigint", [bottom + ",1"], {"outputs": "-a"}, "overflow"),
                ("abs of smallest", "a bigint, b bigint", [bottom + ",1"], {"outputs": "abs(a)"}, "overflow"),
                ("smallest modulo -1", "a bigint, b bigint", [bottom + ",-1"], {"outputs": "a % b"}, [["0"]]),
                ("addition", "a bigint, b bigint", [top + ",1"], {"outputs": "a + b"}, "overflow"),
                ("product of int", "a int, b int", ["65536,65536"], {"outputs": "a * b"}, "overflow"),
                ("division by 0", "a bigint, b bigint", ["1,0"], {"outputs": "a / b"}, "zero"),
                ("modulo 0", "a bigint, b bigint", ["1,0"], {"outputs": "a % b"}, "zero"),
                ("try_divide by 0", "a bigint, b bigint", ["1,0"], {"outputs": "try_divide(a, b)"}, [[None]]),
                ("cast", "a string, b int", ["x,1"], {"outputs": "cast(a AS int)"}, "cast"),
                ("try_cast", "a string, b int", ["x,1"], {"outputs": "try_cast(a AS int)"}, [[None]]),
                ("decimal", "a decimal(38,0), b int", ["9" * 38 + ",1"], {"outputs": "a * a"}, "overflow"),
                ("NaN is one group", "a double, b int", ["NaN,1", "NaN,2", "1,3"],
                 {"keys": "a", "outputs": "sum(b) AS s"}, [["1.0", "3"], ["NaN", "3"]]),
                ("zeros are one group", "a double, b int", ["0.0,1", "-0.0,2"],
                 {"keys": "a", "outputs": "sum(b) AS s"}, [["0.0", "3"]]),
                ("null is one group", "a double, b int", [",1", ",2"],
                 {"keys": "a", "outputs": "sum(b) AS s"}, [[None, "3"]])):
            with self.subTest(name):
                answer = self.ask_rows(schema, lines, **query)
                if isinstance(wanted, str):
                    self.assertRegex(answer.error.lower(), r"\Aerror data .*" + wanted)
                else:
                    self.assertEqual(answer.error, "")
                    self.assertEqual(sorted(answer.rows, key=str), sorted(wanted, key=str))

    def names(self, **query):
        answer = self.reader.ask("text", self.input, "", **query)
        self.assertEqual(answer.error, "")
        return sorted(row[0] for row in answer.rows)

    def test_what_lies_in_a_directory(self):
        outside = self.work / "outside"
        outside.write_text("linked", encoding="utf-8")
        for name in ("a.jsonl", "part-0-0.jsonl", "part-0-0.jsonl.crc", "name with blanks", "ü", "x.tmp", "-x"):
            (self.input / name).write_text(name, encoding="utf-8")
        for name in (".hidden", "_SUCCESS", "_staging"):  # No data, as everywhere in this trade.
            (self.input / name).write_text("no data", encoding="utf-8")
        (self.input / "directory").mkdir()
        (self.input / "directory" / "deep").write_text("no data", encoding="utf-8")
        (self.input / "link").symlink_to(outside)
        (self.input / "dangling").symlink_to(self.work / "nowhere")
        (self.input / "loop").symlink_to(self.input / "loop")
        (self.input / "link to directory").symlink_to(self.input / "directory")
        os.mkfifo(self.input / "pipe")
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(str(self.input / "socket"))
        (self.input / "link to device").symlink_to("/dev/zero")
        self.assertEqual(self.names(), sorted([
            "a.jsonl", "part-0-0.jsonl", "part-0-0.jsonl.crc", "name with blanks", "ü", "x.tmp", "-x", "linked"]))

    def test_files_that_change_behind_the_reader(self):
        """A path is read once, and what was read stays, whatever becomes of the file."""
        checkpoint = self.work / "checkpoint"
        for name in ("grows", "goes", "is replaced", "is moved"):
            (self.input / name).write_text(name, encoding="utf-8")
        self.assertEqual(self.names(checkpoint=checkpoint), ["goes", "grows", "is moved", "is replaced"])
        with (self.input / "grows").open("a", encoding="utf-8") as file:
            file.write("\nmore")
        (self.input / "goes").unlink()
        (self.input / "is replaced").unlink()
        (self.input / "is replaced").write_text("another", encoding="utf-8")
        (self.input / "is moved").rename(self.input / "is here")  # Another path: new data.
        (self.input / "new").write_text("new", encoding="utf-8")
        self.assertEqual(self.names(checkpoint=checkpoint), ["is moved", "new"])

    def test_schemas_that_are_none(self):
        (self.input / "file").write_text("{}", encoding="utf-8")
        for schema in ("a", "a nothing", "a int,", "a int b int", "a int, A string", "a array<", "a decimal(39,0)",
                       "a decimal(2,3)", "a struct<b>", "`a int", "a " + "array<" * 10_000 + "int" + ">" * 10_000):
            with self.subTest(schema[:40]):
                self.assertRegex(self.reader.ask("json", self.input, schema).error, r"\Aerror invalid_argument ")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--read-files", required=True, help="the program made of read_files.cpp")
    options, rest = parser.parse_known_args()
    PROGRAM = options.read_files
    unittest.main(argv=[__file__, *rest])
