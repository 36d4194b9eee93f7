#include "checkpoint_state.hpp"

#include <libstream/error.hpp>
#include <libstream/operators/state_columns.hpp>

#include <algorithm>

namespace libstream::apps {
namespace {

std::string operators_text(const CheckpointMeta& meta) {
  std::string text;
  for (const auto& op : meta.operators) {
    text += (text.empty() ? "" : ", ") + std::to_string(static_cast<std::uint32_t>(op.id)) + " (" +
            op.name + ")";
  }
  return text.empty() ? "no stateful operator" : text;
}

const OperatorMeta& find_operator(const CheckpointMeta& meta, const std::string& wanted) {
  const auto matches = [&](const OperatorMeta& op) {
    return op.name == wanted || std::to_string(static_cast<std::uint32_t>(op.id)) == wanted;
  };
  if (std::ranges::count_if(meta.operators, matches) != 1) {
    throw Error(ErrorCode::invalid_argument, "\"" + wanted +
                                                 "\" is not the one name or id of an operator; "
                                                 "the checkpoint has " +
                                                 operators_text(meta));
  }
  return *std::ranges::find_if(meta.operators, matches);
}

/// The text of a row's key up to each comma between its columns.
bool has_key(const Row& row, const Schema& schema, std::size_t columns, const std::string& wanted) {
  std::string text;
  for (std::size_t i = 0; i < columns; ++i) {
    if (i > 0) text += ',';
    text += to_text(row[i], schema[i].type);
    if (text == wanted) return true;
  }
  return false;
}

std::vector<std::uint32_t> with_key(const Batch& batch, const StateRows& rows,
                                    const std::string& wanted) {
  std::vector<std::uint32_t> found;
  const auto& schema = rows.schema();
  const auto all = rows_of(batch);
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    if (has_key(all[i], schema, rows.key_columns(), wanted)) found.push_back(i);
  }
  return found;
}

}  // namespace

void print_state(CheckpointReader& reader, Epoch epoch, const StateQuestion& question,
                 std::ostream& out) {
  const auto meta = reader.meta();
  const auto& op = find_operator(meta, question.op);
  const auto rows = state_rows(StateColumns::parse(op.columns));
  const auto lines = state_lines(rows->schema(), question.csv ? LineFormat::csv : LineFormat::json);
  out << lines->header();
  std::string text;
  rows->read(*reader.state(epoch, op.id, 0, meta.key_groups), [&](const Batch& batch) {
    text.clear();
    if (question.key) {
      lines->write(*gather(batch, with_key(batch, *rows, *question.key)), text);
    } else {
      lines->write(batch, text);
    }
    out << text;
  });
}

}  // namespace libstream::apps
