#include "temporary_directory.hpp"

#include <libstream/error.hpp>
#include <libstream/operators/connectors.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <random>

using namespace libstream;

namespace {

using OptionList = std::vector<std::pair<std::string, std::string>>;

/// The batches of the files of a directory, in name order, one reader each or one for all.
std::vector<BatchPtr> read_files(const TemporaryDirectory& files, const std::string& format,
                                 std::string_view schema, const OptionList& options,
                                 bool reader_each) {
  SourceSpec spec;
  spec.format = format;
  spec.path = files.path();
  if (!schema.empty()) spec.schema = Schema::parse(schema);
  spec.options.set("fileOrder", "name");
  for (const auto& [name, value] : options) spec.options.set(name, value);
  const auto source = make_source(spec, Environment{});
  source->restore("", empty_state());
  std::vector<BatchPtr> batches;
  const auto range = source->plan(true);
  if (!range) return batches;
  std::vector<std::vector<ReadUnit>> groups;
  if (reader_each) {
    for (const ReadUnit& unit : range->units) groups.push_back({unit});
  } else {
    groups.push_back(range->units);
  }
  for (auto& group : groups) {
    const auto reader = source->reader(0, 1);
    reader->open(std::move(group));
    while (BatchPtr batch = reader->next()) batches.push_back(std::move(batch));
  }
  return batches;
}

std::string text_of(const std::vector<BatchPtr>& batches) {
  std::string text;
  for (const BatchPtr& batch : batches) text += (text.empty() ? "" : " | ") + to_text(*batch);
  return text;
}

std::string read_text(const std::string& format, std::string_view schema, const std::string& bytes,
                      const OptionList& options = {}) {
  TemporaryDirectory files;
  files.write("a", bytes);
  return text_of(read_files(files, format, schema, options, false));
}

std::string json(std::string_view schema, const std::string& bytes,
                 const OptionList& options = {}) {
  return read_text("json", schema, bytes, options);
}
std::string csv(std::string_view schema, const std::string& bytes, const OptionList& options = {}) {
  return read_text("csv", schema, bytes, options);
}

/// Writes batches as a sink of that format does and returns the file.
std::string written(const std::string& format, const Schema& schema,
                    const std::vector<BatchPtr>& batches, const OptionList& options = {}) {
  TemporaryDirectory files;
  SinkSpec spec;
  spec.format = format;
  spec.path = files.path("out");
  for (const auto& [name, value] : options) spec.options.set(name, value);
  const auto sink = make_sink(spec, OutputMode::append, Environment{});
  sink->set_schema(schema);
  sink->open("query");
  const auto writer = sink->writer({1, 0});
  writer->start(Epoch{0});
  for (const BatchPtr& batch : batches) writer->write(batch);
  const StagedHandle handle = writer->stage();
  sink->commit(Epoch{0}, std::span(&handle, 1));
  std::string text;
  for (const auto& [name, content] : files.files("out")) text += content;
  return text;
}

}  // namespace

TEST_CASE("JSON values of every type") {
  CHECK(json("b boolean, s smallint, i int, l bigint, f float, d double, n decimal(10,2)",
             R"({"b":true,"s":-5,"i":7,"l":9007199254740993,"f":1.5,"d":-2.5e-3,"n":12.345})") ==
        "true -5 7 9007199254740993 1.5 -0.0025 12.35");
  CHECK(
      json(
          "t string, x binary, d date, e timestamp",
          R"({"t":"\u00e4\n\ud83d\ude00","x":"AQID","d":"2013-01-31","e":"2013-01-01T10:00:00.5Z"})")
          .find("2013-01-31 2013-01-01T10:00:00.500Z") != std::string::npos);
  CHECK(json("a array<bigint>, s struct<p: string, q: array<int>>",
             R"({"s":{"q":[3],"p":"x","z":[{}]},"a":[1,null,2]})"
             "\n"
             R"({"s":{},"a":[]})"
             "\n"
             R"({"s":null})") == "[1, null, 2] {x, [3]} | [] {null, null} | null null");
  CHECK(json("n decimal(38,10)", R"({"n":1234567890123456789012345678.0123456789})") ==
        "1234567890123456789012345678.0123456789");
}

TEST_CASE("JSON keys: any order, absent, unknown, repeated, changing from line to line") {
  const std::string lines =
      "{\"a\":1,\"b\":\"x\"}\n"
      "{\"b\":\"y\",\"a\":2}\n"
      "{\"b\":\"z\"}\n"
      "{\"c\":[1,{\"a\":9}],\"a\":4}\n"
      "{ \"a\" : 5 , \"b\" : \"v\" }\n"
      "{}\n"
      "{\"a\":6,\"a\":7}\n"
      "{\"a\":null,\"b\":null}\n"
      "{\"A\":8}\n";
  CHECK(json("a bigint, b string", lines) ==
        "1 x | 2 y | null z | 4 null | 5 v | null null | 7 null | null null | null null");
}

TEST_CASE("JSON strings take the text of other values") {
  CHECK(json("a string", "{\"a\":1.50}\n{\"a\":true}\n{\"a\":{\"x\": [1, 2]}}\n{\"a\":[1, 2] }") ==
        "1.50 | true | {\"x\": [1, 2]} | [1, 2]");
}

TEST_CASE("JSON that is malformed gives a null row and never stops") {
  const std::string deep = std::string(10'000, '[') + std::string(10'000, ']');
  const std::vector<std::string> bad = {
      "{\"a\":1",            // truncated
      "{\"a\":1} x",         // trailing garbage
      "{\"a\":1}{\"a\":2}",  // two records
      "[1]",                 // no object
      "null",
      "{\"a\":9223372036854775808}",   // 2^63
      "{\"a\":18446744073709551616}",  // 2^64
      "{\"a\":1.5}",
      "{\"a\":\"1\"}",
      "{\"a\":01}",
      "{\"a\":+1}",
      "{\"a\":NaN}",
      "{\"a\":true}",
      "{\"a\":" + deep + "}",
      "{a:1}",
      "{\"a\":1,}",
      "{\"a\":1,\"b\":\"\\ud800\"}",       // lone surrogate
      "{\"a\":1,\"b\":\"\xff\"}",          // no UTF-8
      "{\"a\":1,\"b\":\"\xc0\xaf\"}",      // overlong
      "{\"a\":1,\"b\":\"\xed\xa0\x80\"}",  // surrogate
      "{\"a\":1,\"b\":\"x\ty\"}",          // control character
      std::string("{\"a\":1,\"b\":\"x\0y\"}", 15),
      "{\"a\":1,\"d\":1e999}",
      "{\"a\":1,\"d\":Infinity}",
      "{\"a\":1,\"e\":\"2013-02-30T00:00:00Z\"}",
  };
  for (const std::string& line : bad) {
    CAPTURE(line.substr(0, 80));
    // Alone, and between good records of the same shape.
    CHECK(json("a bigint, b string, d double, e timestamp", line) == "null null null null");
    CHECK(json("a bigint, b string, d double, e timestamp",
               "{\"a\":5,\"b\":\"g\"}\n" + line + "\n{\"a\":6,\"b\":\"h\"}") ==
          "5 g null null | null null null null | 6 h null null");
  }
}

TEST_CASE("JSON corner values that are right") {
  CHECK(
      json("a bigint", "\xEF\xBB\xBF{\"a\":1}\r\n{\"a\":-0}\n{\"a\":-9223372036854775808}\n \n") ==
      "1 | 0 | -9223372036854775808");
  CHECK(json("d double", "{\"d\":\"NaN\"}\n{\"d\":\"-Infinity\"}\n{\"d\":1e-999}") ==
        "NaN | -Infinity | 0.0");
  CHECK(json("e timestamp",
             "{\"e\":\"9999-12-31T23:59:59Z\"}\n{\"e\":\"1969-12-31 23:59:59+01:00\"}") ==
        "9999-12-31T23:59:59Z | 1969-12-31T22:59:59Z");
}

TEST_CASE("One byte order mark is skipped, also where a chunk ends within the first record") {
  const std::string mark = "\xEF\xBB\xBF";
  for (const std::size_t size : {std::size_t{1}, std::size_t{5} << 20}) {
    const std::string text(size, 'x');
    CHECK(json("a string", mark + "{\"a\":\"" + text + "\"}") == text);
    CHECK(json("a string", mark + mark + "{\"a\":\"" + text + "\"}") == "null");
    CHECK(csv("a string", mark + text) == text);
    CHECK(csv("a string", mark + mark + text) == mark + text);
    CHECK(read_text("text", "", mark + mark + text) == mark + text);
  }
}

TEST_CASE("A JSON record gives the same row whether or not its shape was known") {
  const std::vector<std::string> tokens = {"0",
                                           "1",
                                           "-1",
                                           "-0",
                                           "00",
                                           "1.0",
                                           "1.5e3",
                                           "1e400",
                                           "1e-400",
                                           "123456789012345678",
                                           "1234567890123456789",
                                           "9223372036854775807",
                                           "9223372036854775808",
                                           "32767",
                                           "32768",
                                           "2147483648",
                                           "true",
                                           "false",
                                           "tru",
                                           "null",
                                           "nul",
                                           "\"\"",
                                           "\"a\"",
                                           "\"longer than twelve bytes\"",
                                           "\"\\n\"",
                                           "\"\\u00e4\"",
                                           "\"\xc3\xa4\"",
                                           "\"\xff\"",
                                           "\"12\"",
                                           "\"2013-01-01T10:00:00Z\"",
                                           "\"2013-01-01T25:00:00Z\"",
                                           "\"2013-02-29T00:00:00Z\"",
                                           "\"2013-01-01\"",
                                           "\"0001-01-01T00:00:00Z\"",
                                           "\"0000-01-01T00:00:00Z\"",
                                           "\"NaN\"",
                                           "[1]",
                                           "{}",
                                           "-",
                                           "1.",
                                           ".5",
                                           "1e",
                                           " 1",
                                           "1 ",
                                           "\"a\" ",
                                           "\"\t\"",
                                           "\"AQID\"",
                                           "\"AQ\""};
  const std::string schema =
      "a bigint, b smallint, c double, d string, e timestamp, f boolean, g date, h float, "
      "i decimal(12,3), j binary, k int";
  const std::string keys = "abcdefghijkx";
  for (const std::uint32_t seed : {1U, 2U, 3U}) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    TemporaryDirectory together;
    TemporaryDirectory alone;
    std::string all;
    for (int n = 0; n < 400; ++n) {
      std::string line = "{";
      for (const char key : keys) {
        // Mostly a fitting value, so that the known shape is used; then one that may not fit.
        const std::string fitting = key == 'd'   ? "\"text\""
                                    : key == 'e' ? "\"2013-01-01T10:00:00Z\""
                                    : key == 'f' ? "true"
                                    : key == 'g' ? "\"2013-01-01\""
                                    : key == 'j' ? "null"
                                                 : "12";
        const bool odd = random() % 16 == 0;
        line += std::string(line.size() > 1 ? ", " : "") + "\"" + key +
                "\": " + (odd ? tokens[random() % tokens.size()] : fitting);
      }
      line += "}";
      all += line + "\n";
      alone.write(std::to_string(100000 + n), line);
    }
    together.write("a", all);
    for (const char* mode : {"PERMISSIVE", "DROPMALFORMED"}) {
      const OptionList options{{"mode", mode}};
      CHECK(text_of(read_files(together, "json", schema, options, false)) ==
            text_of(read_files(alone, "json", schema, options, true)));
    }
  }
}

TEST_CASE("CSV values, header, separators, null values") {
  CHECK(csv("a bigint, b string, c double, d timestamp, e boolean",
            "1,x,2.5,2013-01-01 10:00:00,TRUE\n-2,,,,\n") ==
        "1 x 2.5 2013-01-01T10:00:00Z true | -2 null null null null");
  CHECK(csv("a bigint, b string", "b,a\nx,1\n", {{"header", "true"}}) == "1 x");
  CHECK(csv("a bigint, b string", "c,B,A\n9,x,1\n", {{"header", "true"}}) == "1 x");
  CHECK(csv("a bigint, b string", "first,second\n1,x\n", {{"header", "true"}}) == "1 x");
  CHECK(csv("a bigint, b string", "a,b,a\n1,x,2\n", {{"header", "true"}}) == "null null");
  CHECK(csv("a bigint, b string", "a,b\n", {{"header", "true"}}) == "");
  CHECK(csv("a bigint, b string", "1\tx\n", {{"sep", "\\t"}}) == "1 x");
  CHECK(csv("a bigint, b string", "1;'x;y'\n", {{"sep", ";"}, {"quote", "'"}}) == "1 x;y");
  CHECK(csv("a bigint, b string", "NA,NA\n1,x\n", {{"nullValue", "NA"}}) == "null null | 1 x");
  CHECK(csv("a string, b string", "\"\",\n", {}) == " null");
  CHECK(csv("a string, b string", "\"x\\\"y\",z\n", {{"escape", "\\"}}) == "x\"y z");
}

TEST_CASE("CSV: quotes, embedded line ends, line endings, byte order mark") {
  CHECK(csv("a string, b string", "\"x,\"\"y\"\"\nz\",1\r\n\"\"\"\",2") == "x,\"y\"\nz 1 | \" 2");
  CHECK(csv("a string", "\xEF\xBB\xBF\"q\"\r\n\r\n\nx\ry\n") == "q | x\ry");
  CHECK(csv("a string, b bigint", "x\"y,1\n") == "x\"y 1");
  CHECK(csv("a string", "") == "");
}

TEST_CASE("CSV that is malformed gives null rows with the text") {
  const std::string_view schema = "a bigint, b string, _corrupt_record string";
  CHECK(csv(schema, "1\n1,x\n1,x,y\nz,x\n") ==
        "null null 1 | 1 x null | null null 1,x,y | null null z,x");
  CHECK(csv(schema, "1,\"x\"y\n2,z\n") == "null null 1,\"x\"y | 2 z null");
  CHECK(csv(schema, "1,a\n2,\"open\n3,c\n") == "1 a null | null null 2,\"open\n3,c");
  CHECK(csv(schema, "1,\xff\n") == "1 \xEF\xBF\xBD null");
}

TEST_CASE("CSV reads ten thousand columns") {
  std::string schema;
  std::string line;
  for (int i = 0; i < 10'000; ++i) {
    schema += (i ? ", c" : "c") + std::to_string(i) + " int";
    line += (i ? "," : "") + std::to_string(i);
  }
  TemporaryDirectory files;
  files.write("a", line + "\n" + line + "\n");
  const auto batches = read_files(files, "csv", schema, {}, false);
  std::size_t rows = 0;
  for (const BatchPtr& batch : batches) {
    for (std::size_t row = 0; row < batch->rows; ++row, ++rows) {
      CHECK(batch->columns[9'999]->values<std::int32_t>()[row] == 9'999);
    }
  }
  CHECK(rows == 2);
}

TEST_CASE("CSV agrees with a plain reading of RFC 4180 on random fields") {
  for (const std::uint32_t seed : {11U, 12U, 13U}) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const std::string letters = "ab,\"\n\r ";
    std::string file;
    std::string expected;
    for (int row = 0; row < 500; ++row) {
      for (int column = 0; column < 3; ++column) {
        std::string field;
        for (auto n = random() % 6; n > 0; --n) field += letters[random() % letters.size()];
        const bool special = field.find_first_of(",\"\n\r") != std::string::npos;
        const bool quoted = special || random() % 4 == 0;
        file += column == 0 ? "" : ",";
        if (quoted) {
          file += '"';
          for (const char c : field) file += c == '"' ? "\"\"" : std::string(1, c);
          file += '"';
        } else {
          file += field;
        }
        expected += (column == 0 ? (row == 0 ? "" : " | ") : " ") +
                    (field.empty() && !quoted ? std::string("null") : field);
      }
      file += random() % 2 == 0 ? "\n" : "\r\n";
    }
    CHECK(csv("a string, b string, c string", file) == expected);
  }
}

TEST_CASE("JSON and CSV files read back as the rows that were written") {
  const Schema flat = Schema::parse(
      "b boolean, s smallint, i int, l bigint, f float, d double, n decimal(10,2), w "
      "decimal(30,4), "
      "t string, x binary, y date, z timestamp");
  std::mt19937 random(7);
  std::vector<Row> rows;
  const std::vector<std::string> texts = {"",
                                          "a",
                                          "\"q\"",
                                          "x,y",
                                          "line\nend\r",
                                          "\\",
                                          "\xc3\xa4",
                                          std::string("\0\x01", 2),
                                          "longer than twelve bytes"};
  for (int n = 0; n < 300; ++n) {
    const auto number = static_cast<std::int64_t>(random()) - (std::int64_t{1} << 31);
    const double real =
        std::ldexp(static_cast<double>(number), static_cast<int>(random() % 80) - 40);
    Row row{Value(n % 2 == 0),
            Value(number % 30'000),
            Value(number),
            Value(number * 4'000'000'000),
            Value(static_cast<double>(static_cast<float>(real))),
            Value(n == 5   ? std::nan("")
                  : n == 6 ? INFINITY
                  : n == 7 ? 4.0
                           : real),
            Value(int128{number}),
            Value(int128{number} * 1'000'000'000'000'000'000),
            Value(texts[random() % texts.size()]),
            Value(texts[random() % texts.size()]),
            Value(std::int64_t{number % 100'000}),
            Value(number * 1'000'000 + n % 3 * 500)};
    for (Value& value : row) {
      if (random() % 8 == 0) value = nullptr;
    }
    rows.push_back(std::move(row));
  }
  const auto read_back = [&](const std::string& format, const OptionList& options) {
    TemporaryDirectory files;
    files.write("a", written(format, flat, {batch_of(flat, rows)}, options));
    std::vector<Row> found;
    for (const BatchPtr& batch : read_files(files, format, flat.to_string(), options, false)) {
      for (Row& row : rows_of(*batch)) found.push_back(std::move(row));
    }
    return found;
  };
  CHECK(read_back("json", {}) == rows);
  // An empty binary and a null are the same in CSV.
  for (Row& row : rows) {
    if (row[9] == Value("")) row[9] = nullptr;
  }
  CHECK(read_back("csv", {{"header", "true"}}) == rows);
}

TEST_CASE("JSON output has the form that readers of windows expect") {
  const Schema schema = Schema::parse(
      "origin string, window struct<start: timestamp, end: timestamp>, flights bigint, mean_delay "
      "double, worst_delay bigint");
  const std::int64_t start = 1357034400000000;
  const auto batch =
      batch_of(schema, {{"EWR", ValueList{start, start + 3'600'000'000}, 21, 4.2, 37},
                        {"JFK", ValueList{start, nullptr}, 1, 4.0, nullptr},
                        {nullptr, nullptr, nullptr, nullptr, nullptr}});
  CHECK(
      written("json", schema, {batch}) ==
      R"({"origin":"EWR","window":{"start":"2013-01-01T10:00:00Z","end":"2013-01-01T11:00:00Z"},"flights":21,"mean_delay":4.2,"worst_delay":37})"
      "\n"
      R"({"origin":"JFK","window":{"start":"2013-01-01T10:00:00Z"},"flights":1,"mean_delay":4.0})"
      "\n{}\n");
  const Schema list = Schema::parse("a array<string>");
  CHECK(
      written("json", list, {batch_of(list, {{ValueList{"x", nullptr, "\"\n"}}, {ValueList{}}})}) ==
      "{\"a\":[\"x\",null,\"\\\"\\n\"]}\n{\"a\":[]}\n");
}

TEST_CASE("CSV output has a header where asked for and quotes where needed") {
  const Schema schema = Schema::parse("a string, `b,c` bigint");
  const auto batch = batch_of(schema, {{"x", 1}, {"y,z", nullptr}, {nullptr, 2}, {"", 3}});
  CHECK(written("csv", schema, {batch}, {{"header", "true"}}) ==
        "a,\"b,c\"\nx,1\n\"y,z\",\n,2\n\"\",3\n");
  CHECK(written("csv", schema, {batch}, {{"sep", ";"}, {"nullValue", "NA"}}) ==
        "x;1\ny,z;NA\nNA;2\n\"\";3\n");
}

TEST_CASE("Types that a format cannot hold are refused when the query starts") {
  SinkSpec spec;
  spec.format = "csv";
  spec.path = "/nowhere";
  const auto sink = make_sink(spec, OutputMode::append, Environment{});
  CHECK_THROWS_AS(sink->set_schema(Schema::parse("a array<bigint>")), Error);
  CHECK_THROWS_AS(sink->set_schema(Schema::parse("a struct<b: bigint>")), Error);
  sink->set_schema(Schema::parse("a bigint"));
}
