#pragma once

#include <libstream/checkpoint/term.hpp>
#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

namespace libstream::test {

using Build = std::function<DataStream(const DataStream&)>;

/// Runs a query of one memory stream: each epoch's rows are added, in `pieces` of one row so that
/// every partition reads some, and all that they lead to is awaited. Returns the table as text;
/// with several epochs those of append and update are one after the other.
class QueryTest {
 public:
  QueryTest(std::string_view schema, const Build& build, OutputMode mode,
            std::uint32_t partitions = 1, bool late = false)
      : session_({.threads = 2, .io_threads = 1, .partitions = partitions}),
        input_(schema),
        pieces_(partitions > 1) {
    auto writer = build(session_.read_stream().memory(input_)).write_stream();
    writer.output_mode(mode).memory(output_);
    if (late) writer.late_rows(memory_sink(late_));
    query_.emplace(writer.start());
  }

  /// The rows that an epoch and the empty ones behind it give, sorted, as text.
  std::string epoch(const std::vector<Row>& rows) {
    output_.clear();
    late_.clear();
    std::vector<std::pair<MemoryStream, std::vector<Row>>> added;
    if (pieces_) {
      for (const Row& row : rows) added.emplace_back(input_, std::vector<Row>{row});
    } else {
      added.emplace_back(input_, rows);
    }
    MemoryStream::add_together(added);
    query_->process_all_available();
    return output_.text();
  }
  std::vector<Row> rows() const { return output_.rows(); }
  std::string late() const { return late_.text(); }
  Query& query() { return *query_; }
  MemoryStream& input() { return input_; }

 private:
  Session session_;
  MemoryStream input_;
  bool pieces_;
  MemoryTable output_;
  MemoryTable late_;
  std::optional<Query> query_;
};

/// One epoch of a query, with 1, 3 and 8 partitions, which must agree.
inline std::string answer(std::string_view schema, const std::vector<Row>& rows, const Build& build,
                          OutputMode mode = OutputMode::complete) {
  const auto text = QueryTest(schema, build, mode).epoch(rows);
  for (const std::uint32_t partitions : {3U, 8U}) {
    CAPTURE(partitions);
    CHECK(QueryTest(schema, build, mode, partitions).epoch(rows) == text);
  }
  return text;
}

/// The message with which a query fails over these rows.
inline std::string failure(std::string_view schema, const std::vector<Row>& rows,
                           const Build& build, OutputMode mode) {
  try {
    QueryTest(schema, build, mode).epoch(rows);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::data);
    return error.what();
  }
  return "no failure";
}

}  // namespace libstream::test
