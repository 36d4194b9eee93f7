// Reads directories of files with the engine and prints what came of it, for bad_files.py.
//
// A request is a line of stdin, its fields parted by tabs:
//   name, format, directory, schema, options ("mode=DROPMALFORMED;header=true"), checkpoint (may be
//   empty), condition, grouping keys, output expressions (parted by '|'; may be empty: all columns)
// The answer: lines "row" with a tab before each value, then "malformed N" or "error CODE MESSAGE",
// then "end NAME". Values are texts with '\\', tabs and line ends escaped; "\N" is null.
#include <libstream/libstream.hpp>

#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace libstream;

std::vector<std::string> parted(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0;;) {
    const auto end = text.find(separator, begin);
    parts.emplace_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '\\':
        result += "\\\\";
        break;
      case '\t':
        result += "\\t";
        break;
      case '\n':
        result += "\\n";
        break;
      case '\r':
        result += "\\r";
        break;
      default:
        result += c;
    }
  }
  return result;
}

struct Request {
  std::string name, format, directory, schema, options, checkpoint, condition, keys, outputs;

  explicit Request(const std::string& line) {
    const auto fields = parted(line, '\t');
    LIBSTREAM_ASSERT(fields.size() == 9, "a request has nine fields");
    name = fields[0], format = fields[1], directory = fields[2], schema = fields[3];
    options = fields[4], checkpoint = fields[5], condition = fields[6], keys = fields[7];
    outputs = fields[8];
  }
};

std::vector<Expression> expressions(const std::string& texts) {
  std::vector<Expression> list;
  if (texts.empty()) return list;
  for (const auto& text : parted(texts, '|')) list.push_back(expr(text));
  return list;
}

DataStream query_of(Session& session, const Request& request) {
  auto reader = session.read_stream();
  if (!request.schema.empty()) reader.schema(request.schema);
  reader.option("fileOrder", "name");
  if (!request.options.empty()) {
    for (const auto& option : parted(request.options, ';')) {
      const auto equals = option.find('=');
      reader.option(option.substr(0, equals), std::string_view(option).substr(equals + 1));
    }
  }
  auto rows = request.format == "json"  ? reader.json(request.directory)
              : request.format == "csv" ? reader.csv(request.directory)
                                        : reader.text(request.directory);
  if (!request.condition.empty()) rows = rows.where(request.condition);
  auto outputs = expressions(request.outputs);
  if (outputs.empty()) return rows;
  std::vector<ColumnArgument> keys;
  for (auto& key : expressions(request.keys)) keys.emplace_back(std::move(key));
  if (!keys.empty()) return rows.group_by(std::move(keys)).agg(std::move(outputs));
  std::vector<ColumnArgument> columns;
  for (auto& output : outputs) columns.emplace_back(std::move(output));
  return rows.select(std::move(columns));
}

void print_rows(const MemoryTable& table) {
  const auto& schema = table.shared()->schema;
  for (const auto& row : table.rows()) {
    std::cout << "row";
    for (std::size_t i = 0; i < row.size(); ++i) {
      std::cout << '\t' << (row[i].is_null() ? "\\N" : escaped(to_text(row[i], schema[i].type)));
    }
    std::cout << '\n';
  }
}

void answer(Session& session, const Request& request) {
  MemoryTable table;
  auto writer = query_of(session, request).write_stream();
  writer.trigger(Trigger::available_now());
  writer.output_mode(request.keys.empty() ? OutputMode::append : OutputMode::complete);
  if (!request.checkpoint.empty()) writer.checkpoint(request.checkpoint);
  auto query = writer.memory(table).start();
  query.await_termination();
  print_rows(table);
  std::uint64_t malformed = 0;
  if (const auto progress = query.last_progress()) malformed = progress->totals.at("malformedRows");
  std::cout << "malformed " << malformed << '\n';
}

}  // namespace

int main() {
  Session session({.threads = 2, .partitions = 2});
  for (std::string line; std::getline(std::cin, line);) {
    const Request request(line);
    try {
      answer(session, request);
    } catch (const Error& error) {
      std::cout << "error " << to_string(error.code()) << ' ' << escaped(error.what()) << '\n';
    }
    std::cout << "end " << request.name << std::endl;
  }
}
