"""The corpus of bad_files.py: bytes of files and what must come of each, by the rules that the
reader states (docs/crash-tests.md), worked out here and not taken from the engine.

A case's `rows`: a list of texts and None (null) a row, or BAD for a record that is malformed.
"""
import collections
import decimal

BAD = "a malformed record"
Case = collections.namedtuple("Case", "name format schema data rows options")
RECORD_LIMIT = 16 << 20

INTEGERS = {"smallint": 15, "int": 31, "bigint": 63}
# Bytes that are no UTF-8, and what each becomes where text is mended.
INVALID_UTF8 = {
    "continuation": b"\x80", "overlong slash": b"\xc0\xaf", "overlong three": b"\xe0\x80\xaf",
    "overlong four": b"\xf0\x80\x80\xaf", "surrogate": b"\xed\xa0\x80",
    "surrogate pair": b"\xed\xa0\xbd\xed\xb8\x80", "beyond unicode": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80", "six bytes": b"\xfc\x84\x80\x80\x80\x80",
    "cut two": b"\xc3", "cut three": b"\xe2\x82", "cut four": b"\xf0\x9f\x98", "never": b"\xff\xfe",
}
# What timestamps are: text -> how it is shown, or BAD.
TIMESTAMPS = {
    "2013-01-01T10:00:00Z": "2013-01-01T10:00:00Z",
    "2013-01-01 10:00:00": "2013-01-01T10:00:00Z",
    "2013-01-01T10:00:00": "2013-01-01T10:00:00Z",
    "2013-01-01": "2013-01-01T00:00:00Z",
    "2013-01-01T10:00:00.5Z": "2013-01-01T10:00:00.500Z",
    "2013-01-01T10:00:00.123456Z": "2013-01-01T10:00:00.123456Z",
    "2013-01-01T10:00:00+09:00": "2013-01-01T01:00:00Z",
    "2013-01-01T00:30:00+01:00": "2012-12-31T23:30:00Z",
    "2013-03-10T02:30:00-05:00": "2013-03-10T07:30:00Z",  # No such time of day in New York.
    "2013-03-10T02:30:00": "2013-03-10T02:30:00Z",
    "2013-11-03T01:30:00-04:00": "2013-11-03T05:30:00Z",  # There twice in New York.
    "2013-11-03T01:30:00-05:00": "2013-11-03T06:30:00Z",
    "2012-02-29T00:00:00Z": "2012-02-29T00:00:00Z",
    "1969-12-31T23:59:59.999999Z": "1969-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z": "9999-12-31T23:59:59.999999Z",
    "2016-12-31T23:59:60Z": BAD, "2013-01-01T24:00:00Z": BAD, "2013-01-01T25:00:00Z": BAD,
    "2013-01-01T10:60:00Z": BAD, "2013-02-29T00:00:00Z": BAD, "2013-02-30T00:00:00Z": BAD,
    "2013-13-01T00:00:00Z": BAD, "2013-00-01T00:00:00Z": BAD, "2013-01-00T00:00:00Z": BAD,
    "2013-01-32T00:00:00Z": BAD, "-292278-01-01T00:00:00Z": BAD, "294248-01-01T00:00:00Z": BAD,
    "99999999999-01-01T00:00:00Z": BAD, "yesterday": BAD, "T10:00:00Z": BAD,
    "2013-01-01T10:00:00+": BAD, "2013-01-01T10:00:00Zulu": BAD, "2013-01-01T": BAD,
    "1357034400": BAD, "2013/01/01": BAD, "2013-01-01T10:00:00Z ": BAD,
}
DATES = {
    "2013-01-31": "2013-01-31", "2012-02-29": "2012-02-29", "0001-01-01": "0001-01-01",
    "9999-12-31": "9999-12-31", "1969-12-31": "1969-12-31", "2013-02-29": BAD, "2013-04-31": BAD,
    "2013-13-01": BAD, "2013-1-": BAD, "31.01.2013": BAD, "today": BAD, "2013-01-31x": BAD,
}


def json_case(name, schema, lines, rows, **options):
    data = lines if isinstance(lines, bytes) else lines.encode()
    return Case("json " + name, "json", schema, data, rows, options)


def between(name, schema, good, shown, line, row):
    """A line between two that are right: whatever it is, they come through."""
    line = line if isinstance(line, bytes) else line.encode()
    good = good.encode()
    return json_case(name, schema, good + b"\n" + line + b"\n" + good + b"\n", [shown, row, shown])


def json_lines():
    """Records that are no JSON object of the schema, each between two that are."""
    schema = "a bigint, b string, d double, e timestamp"
    good, shown = '{"a":5,"b":"g"}', ["5", "g", None, None]
    bad = {
        "truncated object": '{"a":1', "truncated key": '{"a', "truncated string": '{"b":"x',
        "truncated value": '{"a":', "open brace": "{", "text behind": '{"a":1} x',
        "two objects": '{"a":1}{"a":2}', "array": "[1]", "array of objects": '[{"a":1}]',
        "null": "null", "number": "17", "text": '"x"', "true": "true", "nothing of JSON": "hello",
        "closing only": "}", "colon missing": '{"a" 1}', "comma missing": '{"a":1 "b":"x"}',
        "comma at end": '{"a":1,}', "comma first": '{,"a":1}', "two commas": '{"a":1,,"b":"x"}',
        "key without quotes": "{a:1}", "single quotes": "{'a':1}", "number as key": '{1:1}',
        "comment": '{"a":1/*c*/}', "leading zero": '{"a":01}', "plus": '{"a":+1}',
        "hexadecimal": '{"a":0x10}', "bare NaN": '{"d":NaN}', "bare Infinity": '{"d":Infinity}',
        "bare minus": '{"a":-}', "point first": '{"d":.5}', "point last": '{"d":1.}',
        "exponent empty": '{"d":1e}', "huge real": '{"d":1e999}', "huge negative": '{"d":-1e999}',
        "text for number": '{"a":"1"}', "true for number": '{"a":true}', "real": '{"a":1.5}',
        "array for number": '{"a":[1]}', "object for number": '{"a":{}}', "real zero": '{"a":1.0}',
        "number for time": '{"e":1357034400}', "array for time": '{"e":[]}',
        "text for double": '{"d":"1.5"}', "word for double": '{"d":"many"}',
        "tru": '{"a":tru}', "nul": '{"a":nul}', "TRUE": '{"a":TRUE}',
        "lone high surrogate": '{"b":"\\ud800"}', "lone low surrogate": '{"b":"\\udc00"}',
        "surrogates swapped": '{"b":"\\udc00\\ud800"}', "short escape": '{"b":"\\u12"}',
        "unknown escape": '{"b":"\\x41"}', "escape at end": '{"b":"\\',
        "tab in text": '{"b":"x\ty"}', "control character": '{"b":"x\x01y"}',
        "deep array": '{"a":' + "[" * 10_000 + "]" * 10_000 + "}",
        "deep object": '{"a":' + '{"x":' * 10_000 + "1" + "}" * 10_001,
    }
    yield from (between(name, schema, good, shown, line, BAD) for name, line in bad.items())
    yield between("NUL in text", schema, good, shown, b'{"b":"x\x00y"}', BAD)
    yield between("NUL alone", schema, good, shown, b"\x00", BAD)
    for name, sequence in INVALID_UTF8.items():
        yield between("UTF-8 " + name, schema, good, shown, b'{"b":"' + sequence + b'"}', BAD)
    right = {
        "repeated key": ('{"a":1,"a":2}', ["2", None, None, None]),
        "unknown keys": ('{"z":[{"a":9}],"a":1}', ["1", None, None, None]),
        "empty object": ("{}", [None] * 4), "nulls": ('{"a":null,"b":null}', [None] * 4),
        "other case of key": ('{"A":1}', [None] * 4), "empty key": ('{"":1,"a":2}', ["2", None, None, None]),
        "blanks": (' \t{ "a" : 1 } ', ["1", None, None, None]),
        "minus zero": ('{"a":-0}', ["0", None, None, None]),
        "escapes": ('{"b":"\\"\\\\\\/\\b\\f\\n\\r\\t"}', [None, '"\\/\b\f\n\r\t', None, None]),
        "escaped NUL": ('{"b":"x\\u0000y"}', [None, "x\0y", None, None]),
        "surrogate pair": ('{"b":"\\ud83d\\ude00"}', [None, "\U0001f600", None, None]),
        "noncharacter": ('{"b":"\\uffff"}', [None, "\uffff", None, None]),
        "escaped key": ('{"\\u0061":1}', ["1", None, None, None]),
        "number as text": ('{"b":1.50}', [None, "1.50", None, None]),
        "object as text": ('{"b":{"x": [1]}}', [None, '{"x": [1]}', None, None]),
        "NaN as text": ('{"d":"NaN"}', [None, None, "NaN", None]),
        "tiny": ('{"d":1e-999}', [None, None, "0.0", None]),
        "largest double": ('{"d":1.7976931348623157e308}', [None, None, "1.7976931348623157E308", None]),
        "smallest double": ('{"d":5e-324}', [None, None, "5.0E-324", None]),
        "line separator": ('{"b":"\u2028"}', [None, "\u2028", None, None]),
    }
    yield from (between(name, schema, good, shown, line, row) for name, (line, row) in right.items())


def json_types():
    """Numbers at the edges of each type, times, dates, truth values, nested values."""
    for kind, bits in INTEGERS.items():
        top = 2 ** bits
        for number in (top - 1, -top, top, -top - 1, 2 ** 64, -(2 ** 64), 10 ** 30):
            fits = -top <= number < top
            yield json_case(f"{kind} {number}", f"a {kind}", f'{{"a":{number}}}',
                            [[str(number)] if fits else BAD])
    for number in ("12345678.99", "-0.01", "0.005", "0.004", "99999999.99", "99999999.995",
                   "100000000", "1e5", "1e8", "1e-9", "123456789012345678901234567890", "1e999"):
        digits = decimal.Decimal(number).quantize(decimal.Decimal("0.01"), decimal.ROUND_HALF_UP,
                                                  decimal.Context(prec=2000))
        fits = abs(digits) < 10 ** 8
        yield json_case(f"decimal {number}", "a decimal(10,2)", f'{{"a":{number}}}',
                        [[str(digits)] if fits else BAD])
    for length in (38, 39):
        yield json_case(f"decimal of {length} digits", "a decimal(38,0)",
                        '{"a":' + "9" * length + "}", [["9" * 38] if length == 38 else BAD])
    # A decimal may be written as text, for most JSON writers would make a double of it.
    yield json_case("decimal as text", "a decimal(10,2)", '{"a":"1.5"}', [["1.50"]])
    yield json_case("decimal as another text", "a decimal(10,2)", '{"a":"1.5x"}', [BAD])
    for token, row in (("true", ["true"]), ("false", ["false"]), ("null", [None]), ("1", BAD),
                       ('"true"', BAD), ("[]", BAD)):
        yield json_case(f"boolean {token}", "a boolean", f'{{"a":{token}}}', [row])
    for text, shown in TIMESTAMPS.items():
        yield json_case(f"timestamp {text}", "a timestamp", f'{{"a":"{text}"}}',
                        [BAD if shown is BAD else [shown]])
    for text, shown in DATES.items():
        yield json_case(f"date {text}", "a date", f'{{"a":"{text}"}}',
                        [BAD if shown is BAD else [shown]])
    nested = "a array<int>, s struct<x: string, y: smallint>"
    for token, row in (
            ('"a":[1,null,3]', ["[1, null, 3]", None]), ('"a":[]', ["[]", None]), ('"a":null', [None, None]),
            ('"a":[1,"2"]', BAD), ('"a":[1,2147483648]', BAD), ('"a":{}', BAD), ('"a":1', BAD),
            ('"s":{"x":"v","y":7}', [None, "{v, 7}"]), ('"s":{}', [None, "{null, null}"]),
            ('"s":{"y":40000}', BAD), ('"s":[]', BAD), ('"s":"v"', BAD),
            ('"s":{"x":"v","x":"w","z":[1]}', [None, "{w, null}"])):
        yield json_case(f"nested {token}", nested, "{" + token + "}", [row])
    for token, row in (('"AQID"', ["AQID"]), ('"AQ"', BAD), ('"A==="', BAD), ('"####"', BAD), ("1", BAD)):
        shown = row if row is BAD else ["\x01\x02\x03"]
        yield json_case(f"binary {token}", "a binary", f'{{"a":{token}}}', [shown])


def csv_case(name, schema, data, rows, **options):
    data = data if isinstance(data, bytes) else data.encode()
    return Case("csv " + name, "csv", schema, data, rows, options)


def csv_files():
    two = "a bigint, b string"
    for name, data, rows in (
            ("quote never closed", '1,x\n2,"open\n3,y\n', [["1", "x"], BAD]),
            ("quote never closed at the end", '1,"', [BAD]),
            ("text behind a quote", '1,"x"y\n2,z\n', [BAD, ["2", "z"]]),
            ("quote within a field", '1,x"y"\n', [["1", 'x"y"']]),
            ("doubled quotes", '1,"x""y"\n2,""""\n', [["1", 'x"y'], ["2", '"']]),
            ("line end in quotes", '1,"x\ny"\n2,"x\r\ny"\n', [["1", "x\ny"], ["2", "x\r\ny"]]),
            ("separator in quotes", '1,"x,y"\n', [["1", "x,y"]]),
            ("CRLF", "1,x\r\n2,y\r\n", [["1", "x"], ["2", "y"]]),
            ("CR alone is no line end", "1,x\ry\n2,z\n", [["1", "x\ry"], ["2", "z"]]),
            ("LF and CRLF", "1,x\n2,y\r\n3,z", [["1", "x"], ["2", "y"], ["3", "z"]]),
            ("too few", "1\n2,y\n", [BAD, ["2", "y"]]),
            ("too many", "1,x,y\n2,y\n", [BAD, ["2", "y"]]),
            ("separator at end", "1,x,\n", [BAD]), ("only separators", ",\n,,\n", [[None, None], BAD]),
            ("empty lines", "\n\n1,x\n\n\r\n2,y\n", [["1", "x"], ["2", "y"]]),
            ("no line end", "1,x", [["1", "x"]]), ("empty", "", []), ("only line ends", "\n\r\n\n", []),
            ("byte order mark", b"\xef\xbb\xbf1,x\n", [["1", "x"]]),
            ("empty text and null", '1,""\n2,\n', [["1", ""], ["2", None]]),
            ("empty number in quotes", '"",x\n', [[None, "x"]]),
            ("NUL", b"1,x\x00y\n", [["1", "x\0y"]]), ("semicolons", "1;x\n", [BAD]),
            ("blank before", " 1,x\n", [BAD]), ("blank behind", "1 ,x\n", [BAD]),
            ("blanks in text", "1, x \n", [["1", " x "]]), ("a header unasked", "a,b\n1,x\n", [BAD, ["1", "x"]])):
        yield csv_case(name, two, data, rows)
    for name, data, rows in (
            ("header only", "a,b\n", []), ("header", "a,b\n1,x\n", [["1", "x"]]),
            ("header in other order", "b,a\nx,1\n", [["1", "x"]]),
            ("header with more", "c,B,A\n9,x,1\n", [["1", "x"]]),
            ("header of other names", "first,second\n1,x\n", [["1", "x"]]),
            ("column named twice", "a,b,a\n1,x,2\n", [BAD]),
            ("header in quotes", '"a","b"\n1,x\n', [["1", "x"]]),
            ("header after a mark", b"\xef\xbb\xbfa,b\n1,x\n", [["1", "x"]]),
            ("header without a line end", "a,b", []), ("empty with header", "", []),
            ("ragged under a header", "c,b,a\n1,x\n9,x,1\n", [BAD, ["1", "x"]])):
        yield csv_case(name, two, data, rows, header="true")
    yield csv_case("tabs", two, "1\tx\n", [["1", "x"]], sep="\\t")
    yield csv_case("null value", two, "NA,NA\n1,NAN\n", [[None, None], ["1", "NAN"]], nullValue="NA")
    yield csv_case("escape", two, '1,"x\\"y\\\\"\n', [["1", 'x"y\\']], escape="\\")
    for name, sequence in INVALID_UTF8.items():
        yield csv_case("UTF-8 " + name, two, b"1," + sequence + b"\n2,y\n",
                       [["1", sequence.decode("utf-8", "replace")], ["2", "y"]])
    columns = 10_000
    schema = ", ".join(f"c{i} int" for i in range(columns))
    line = ",".join(map(str, range(columns)))
    yield csv_case("10,000 columns", schema, line + "\n" + line + ",1\n", [list(map(str, range(columns))), BAD])


def csv_types():
    for kind, bits in INTEGERS.items():
        top = 2 ** bits
        for text in (str(top - 1), str(-top), str(top), str(-top - 1), "+7", "007", "1.0", "1e2", "0x1",
                     "--1", "-", "one"):
            fits = text.lstrip("+-").isdigit() and text.count("-") < 2 and -top <= int(text) < top
            yield csv_case(f"{kind} {text}", f"a {kind}, b int", text + ",1\n",
                           [[str(int(text)), "1"] if fits else BAD])
    for text, shown in (("1.5", "1.5"), ("-0.0", "-0.0"), ("NaN", "NaN"), ("Infinity", "Infinity"),
                        ("-Infinity", "-Infinity"), ("1e3", "1000.0"), (".5", "0.5"), ("1e", BAD),
                        ("1..5", BAD), ("1,5", BAD), ("many", BAD), ("0x1p3", BAD)):
        yield csv_case(f"double {text}", "a double, b int", text + ",1\n",
                       [BAD if shown is BAD else [shown, "1"]])
    for text, shown in (("true", "true"), ("FALSE", "false"), ("True", "true"), ("yes", BAD), ("1", BAD)):
        yield csv_case(f"boolean {text}", "a boolean, b int", text + ",1\n",
                       [BAD if shown is BAD else [shown, "1"]])
    for text, shown in TIMESTAMPS.items():
        yield csv_case(f"timestamp {text}", "a timestamp, b int", f'"{text}",1\n',
                       [BAD if shown is BAD else [shown, "1"]])


def text_files():
    def case(name, data, rows):
        return Case("text " + name, "text", "", data, [[row] for row in rows], {})
    yield case("empty", b"", [])
    yield case("no line end", b"x", ["x"])
    yield case("line ends", b"\nx\r\n\r\ny\r", ["", "x", "", "y"])
    yield case("NUL", b"x\x00\n", ["x\0"])
    yield case("mark", b"\xef\xbb\xbfx\n", ["x"])
    for name, sequence in INVALID_UTF8.items():
        yield case("UTF-8 " + name, b"x" + sequence + b"y\n",
                   [(b"x" + sequence + b"y").decode("utf-8", "replace")])


def large_records():
    """Around the longest record, and across the chunks of 4 MiB in which files are read."""
    frame = len('{"b":""}')
    for size in (RECORD_LIMIT, RECORD_LIMIT + 1):
        line = '{"b":"' + "x" * (size - frame) + '"}'
        row = ["x" * (size - frame)] if size == RECORD_LIMIT else BAD
        yield json_case(f"record of {size} bytes", "b string", '{"b":"1"}\n' + line + '\n{"b":"2"}\n',
                        [["1"], row, ["2"]])
    yield json_case("record of 40 MiB without a line end", "b string", '{"b":"' + "x" * (40 << 20), [BAD])
    yield csv_case("field of 20 MiB", "a bigint, b string", "1,x\n2," + "y" * (20 << 20) + "\n3,z\n",
                   [["1", "x"], BAD, ["3", "z"]])
    chunk = 4 << 20
    for cut in range(1, 4):
        text = "x" * (chunk - len('{"b":"') - cut) + "\U0001f600"
        yield json_case(f"four bytes cut behind {cut} by a chunk", "b string", '{"b":"' + text + '"}\n', [[text]])
        yield csv_case(f"four bytes cut behind {cut} by a chunk", "b string, c int",
                       "x" * (chunk - cut) + "\U0001f600,1\n", [["x" * (chunk - cut) + "\U0001f600", "1"]])


def corpus():
    cases = [case for family in (json_lines, json_types, csv_files, csv_types, text_files, large_records)
             for case in family()]
    assert len({case.name for case in cases}) == len(cases)
    return cases
