#include "text_parser.hpp"

#include "scalar_text.hpp"

namespace libstream {
namespace {

class TextParser final : public RecordParser {
 public:
  void start_file(const std::string&) override { first_ = true; }

  std::size_t parse(const Chunk& chunk, RowBuilder& rows) override {
    const char* p = chunk.begin;
    if (first_) p += byte_order_mark(chunk);
    while (!rows.full()) {
      const Line line = next_line(p, chunk);
      if (line.taken == 0) break;
      p += line.taken;
      if (line.text.size() > record_limit_bytes) {
        rows.malformed(line.text.substr(0, 1024), "the line is longer than 16 MiB");
        rows.add_lines(1);
        continue;
      }
      if (chunk.valid_utf8) {
        rows.column(0).append_string(line.text);
      } else {
        rows.column(0).append_string(replace_invalid_utf8(line.text));
      }
      rows.add_bytes(line.text.size());
      rows.end_full_row();
      rows.add_lines(1);
    }
    first_ = first_ && p == chunk.begin;
    return static_cast<std::size_t>(p - chunk.begin);
  }

 private:
  bool first_ = true;
};

}  // namespace

std::unique_ptr<RecordParser> text_parser() { return std::make_unique<TextParser>(); }

}  // namespace libstream
