#include "checkpoint_difference.hpp"

#include "checkpoint_text.hpp"

#include <libstream/operators/state_columns.hpp>

#include <boost/json.hpp>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace libstream::apps {
namespace {

namespace json = boost::json;

/// Entries of one key group, in the order of keys.
class Entries final : public StateReader {
 public:
  Entries() = default;
  Entries(const StateReader& from, std::uint32_t group) : group_(group) {
    from.for_each(
        [this](std::uint32_t, std::string_view key, std::string_view value) { add(key, value); });
  }
  void add(std::string_view key, std::string_view value) { entries_.emplace_back(key, value); }
  void for_each(const std::function<void(std::uint32_t, std::string_view, std::string_view)>& visit)
      const override {
    for (const auto& [key, value] : entries_) visit(group_, key, value);
  }
  const std::vector<std::pair<std::string, std::string>>& list() const { return entries_; }

 private:
  std::uint32_t group_ = 0;
  std::vector<std::pair<std::string, std::string>> entries_;
};

/// What became of the keys of one operator.
struct Changes {
  std::uint64_t added = 0;
  std::uint64_t removed = 0;
  std::uint64_t changed = 0;
  std::uint64_t same = 0;
  // Rows as JSON, as they are: read and written again, numbers would lose their last digit.
  using Rows = std::vector<std::string>;
  Rows added_rows;
  Rows removed_rows;
  Rows before_rows;  ///< of those that changed
  Rows after_rows;
};

void append_rows(const StateRows& rows, const Entries& entries, Changes::Rows& to) {
  const auto lines = state_lines(rows.schema(), LineFormat::json);
  rows.read(entries, [&](const Batch& batch) {
    std::string text;
    lines->write(batch, text);
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = text.find('\n', begin);
      to.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  });
}

/// Both lists are in the order of keys.
void compare_group(const Entries& from, const Entries& to, const StateRows* rows,
                   Changes& changes) {
  Entries added, removed, before, after;
  const auto& a = from.list();
  const auto& b = to.list();
  for (std::size_t i = 0, j = 0; i < a.size() || j < b.size();) {
    if (j == b.size() || (i < a.size() && a[i].first < b[j].first)) {
      removed.add(a[i].first, a[i].second);
      ++i;
    } else if (i == a.size() || b[j].first < a[i].first) {
      added.add(b[j].first, b[j].second);
      ++j;
    } else {
      if (a[i].second == b[j].second) {
        ++changes.same;
      } else {
        before.add(a[i].first, a[i].second);
        after.add(b[j].first, b[j].second);
      }
      ++i;
      ++j;
    }
  }
  changes.added += added.list().size();
  changes.removed += removed.list().size();
  changes.changed += after.list().size();
  if (rows == nullptr) return;
  append_rows(*rows, added, changes.added_rows);
  append_rows(*rows, removed, changes.removed_rows);
  append_rows(*rows, before, changes.before_rows);
  append_rows(*rows, after, changes.after_rows);
}

Changes compare(CheckpointReader& reader, const DifferenceQuestion& question,
                const OperatorMeta& op, std::uint32_t key_groups) {
  const auto rows = question.rows ? state_rows(StateColumns::parse(op.columns)) : nullptr;
  Changes changes;
  for (std::uint32_t group = 0; group < key_groups; ++group) {
    const Entries from(*reader.state(question.from, op.id, group, group + 1), group);
    const Entries to(*reader.state(question.to, op.id, group, group + 1), group);
    compare_group(from, to, rows.get(), changes);
  }
  return changes;
}

/// One operator's part of the answer.
struct Compared {
  OperatorMeta op;
  Changes changes;
};

std::string joined(const Changes::Rows& rows) {
  std::string text;
  for (const auto& row : rows) text += (text.empty() ? "" : ",") + row;
  return "[" + text + "]";
}

/// More fields for an object that has some.
std::string with_fields(const json::object& object, const std::string& fields) {
  auto text = json::serialize(object);
  text.pop_back();
  return text + "," + fields + "}";
}

std::string operator_json(const Compared& compared, bool rows) {
  const auto& changes = compared.changes;
  const json::object object{{"id", static_cast<std::uint32_t>(compared.op.id)},
                            {"name", compared.op.name},
                            {"added", changes.added},
                            {"removed", changes.removed},
                            {"changed", changes.changed},
                            {"same", changes.same}};
  if (!rows) return json::serialize(object);
  return with_fields(object, "\"addedRows\":" + joined(changes.added_rows) +
                                 ",\"removedRows\":" + joined(changes.removed_rows) +
                                 ",\"before\":" + joined(changes.before_rows) +
                                 ",\"after\":" + joined(changes.after_rows));
}

/// The fields of a decision that differ: name → [from, to].
json::object differing(const json::object& from, const json::object& to) {
  json::object fields;
  for (const auto& [name, value] : from) {
    const auto* other = to.if_contains(name);
    if (other != nullptr && *other == value) continue;
    fields[name] = json::array{value, other == nullptr ? json::value() : *other};
  }
  for (const auto& [name, value] : to) {
    if (!from.contains(name)) fields[name] = json::array{json::value(), value};
  }
  return fields;
}

/// What the two decisions say.
json::object decisions_json(CheckpointReader& reader, const DifferenceQuestion& question) {
  const auto entries = reader.entries();
  const auto decision = [&](Epoch epoch) {
    return json::parse(entry_json(entry_of(entries, epoch))).as_object();
  };
  const auto from = decision(question.from);
  const auto to = decision(question.to);
  json::object object{{"from", number(question.from)}, {"to", number(question.to)}};
  for (const auto* name : {"timestamp", "watermark", "nextWatermark", "sourceEnds"}) {
    if (from.at(name) != to.at(name)) object[name] = json::array{from.at(name), to.at(name)};
  }
  object["totals"] = differing(from.at("totals").as_object(), to.at("totals").as_object());
  return object;
}

void print_json(const json::object& decisions, const std::vector<Compared>& operators, bool rows,
                std::ostream& out) {
  std::string list;
  for (const auto& one : operators) {
    list += (list.empty() ? "" : ",") + operator_json(one, rows);
  }
  out << with_fields(decisions, "\"operators\":[" + list + "]") << '\n';
}

void print_fields(const json::object& fields, std::ostream& out) {
  for (const auto& [name, value] : fields) {
    if (!value.is_array()) continue;
    out << "  " << name << ": " << value.at(0) << " -> " << value.at(1) << '\n';
  }
}

void print_text(const json::object& decisions, const std::vector<Compared>& operators,
                std::ostream& out) {
  out << "epoch " << decisions.at("from") << " to " << decisions.at("to") << '\n';
  print_fields(decisions, out);
  print_fields(decisions.at("totals").as_object(), out);
  for (const auto& [op, changes] : operators) {
    out << "  operator " << static_cast<std::uint32_t>(op.id) << " (" << op.name
        << "): " << changes.added << " keys added, " << changes.removed << " removed, "
        << changes.changed << " changed, " << changes.same << " the same\n";
    for (const auto& row : changes.added_rows) out << "    + " << row << '\n';
    for (const auto& row : changes.removed_rows) out << "    - " << row << '\n';
    for (std::size_t i = 0; i < changes.before_rows.size(); ++i) {
      out << "    < " << changes.before_rows[i] << "\n    > " << changes.after_rows[i] << '\n';
    }
  }
}

}  // namespace

void print_difference(CheckpointReader& reader, const DifferenceQuestion& question,
                      std::ostream& out) {
  const auto decisions = decisions_json(reader, question);
  const auto meta = reader.meta();
  std::vector<Compared> operators;
  for (const auto& op : meta.operators) {
    operators.push_back({op, compare(reader, question, op, meta.key_groups)});
  }
  if (question.json) {
    print_json(decisions, operators, question.rows, out);
  } else {
    print_text(decisions, operators, out);
  }
}

}  // namespace libstream::apps
