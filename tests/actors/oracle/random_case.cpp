#include "random_case.hpp"

#include "execution.hpp"

namespace libstream::oracle {
namespace {

/// `ordered`: once reads all batches in one epoch, and several tasks mix them.
Run random_run(Chance& chance, bool last, bool ordered) {
  static constexpr std::uint32_t partitions[] = {1, 2, 3, 5, 8};
  Run run;
  run.partitions = chance.of(partitions);
  run.schedule = chance.next();
  if (last) return run;
  const auto kind = chance.below(20);
  run.kind = kind < 2                ? Run::Kind::threads
             : kind < 8              ? Run::Kind::as_soon_as_possible
             : kind < 11 && !ordered ? Run::Kind::once
             : kind < 13             ? Run::Kind::processing_time
                                     : Run::Kind::available_now;
  if (run.kind != Run::Kind::threads && chance.one_in(2)) {
    run.crash_after = static_cast<std::uint64_t>(chance.below(chance.one_in(2) ? 150 : 700));
  }
  return run;
}

template <class T>
std::vector<T> without(const std::vector<T>& list, std::size_t begin, std::size_t count) {
  auto shorter = list;
  shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(begin),
                shorter.begin() + static_cast<std::ptrdiff_t>(begin + count));
  return shorter;
}

class Shrinker {
 public:
  explicit Shrinker(Case plan) : plan_(std::move(plan)) {}

  Case run() {
    for (bool smaller = true; smaller;) {
      smaller = shrink_list(plan_.runs.size(), [](Case& plan, std::size_t i, std::size_t count) {
        if (i + count < plan.runs.size()) plan.runs = without(plan.runs, i, count);
      });
      smaller = shrink_list(plan_.input.size(),
                            [](Case& plan, std::size_t i, std::size_t count) {
                              plan.input = without(plan.input, i, count);
                            }) ||
                smaller;
      for (std::size_t i = 0; i < plan_.input.size(); ++i) smaller = shrink_rows(i) || smaller;
      for (std::size_t i = 0; i < plan_.runs.size(); ++i) smaller = shrink_run(i) || smaller;
    }
    return plan_;
  }

 private:
  static std::size_t size(const Case& plan) {
    auto size = plan.runs.size() + plan.input.size();
    for (const Addition& addition : plan.input) {
      for (const auto& [stream, rows] : addition) size += rows.size();
    }
    for (const Run& run : plan.runs) size += run.partitions + (run.crash_after ? 1 : 0);
    return size;
  }

  bool accept(Case smaller) {
    if (size(smaller) >= size(plan_) || ++attempts_ > 2000) return false;
    if (!run_case(smaller)) return false;
    plan_ = std::move(smaller);
    return true;
  }

  /// Cuts halves, quarters, … and single elements out of a list of `size`.
  template <class Cut>
  bool shrink_list(std::size_t size, Cut cut) {
    bool any = false;
    for (auto count = size / 2; count > 0; count /= 2) {
      for (std::size_t i = 0; i + count <= size;) {
        auto smaller = plan_;
        cut(smaller, i, count);
        if (accept(std::move(smaller))) {
          size -= count;
          any = true;
        } else {
          i += count;
        }
      }
    }
    return any;
  }

  bool shrink_rows(std::size_t addition) {
    bool any = false;
    for (std::size_t i = 0; i < plan_.input[addition].size(); ++i) {
      const auto rows = plan_.input[addition][i].second.size();
      any = shrink_list(rows,
                        [&](Case& plan, std::size_t j, std::size_t count) {
                          auto& list = plan.input[addition][i].second;
                          if (list.size() > count) list = without(list, j, count);
                        }) ||
            any;
    }
    return any;
  }

  bool shrink_run(std::size_t index) {
    bool any = false;
    if (plan_.runs[index].partitions > 1) {
      auto smaller = plan_;
      smaller.runs[index].partitions = 1;
      any = accept(std::move(smaller));
    }
    if (plan_.runs[index].crash_after) {
      auto smaller = plan_;
      smaller.runs[index].crash_after.reset();
      any = accept(std::move(smaller)) || any;
    }
    return any;
  }

  Case plan_;
  int attempts_ = 0;
};

}  // namespace

Case random_case(std::uint64_t seed) {
  Case plan;
  plan.seed = seed;
  const auto query = random_query(seed);
  Chance chance(seed ^ 0x6f7261636c65);
  auto now = chance.below(40) - 20;
  std::int64_t number = 0;
  const auto additions = chance.between(1, 7);
  for (std::int64_t i = 0; i < additions; ++i) {
    auto& addition = plan.input.emplace_back();
    for (std::size_t stream = 0; stream < query.branches.size(); ++stream) {
      if (query.branches.size() > 1 && chance.one_in(4)) continue;
      for (auto batches = chance.between(1, query.ordered ? 1 : 3); batches > 0; --batches) {
        std::vector<Row> rows;
        for (auto left = chance.between(1, 8); left > 0; --left) {
          rows.push_back(pick_row(chance, now, number++));
        }
        addition.emplace_back(stream, std::move(rows));
      }
    }
    now += chance.below(15);
  }
  const auto runs = chance.between(1, 4);
  auto left = plan.input.size();
  for (std::int64_t i = 0; i < runs; ++i) {
    plan.runs.push_back(random_run(chance, i + 1 == runs, query.ordered));
    const auto taken =
        i + 1 == runs ? left
                      : static_cast<std::size_t>(chance.below(static_cast<std::int64_t>(left) + 1));
    plan.runs.back().additions = taken;
    left -= taken;
  }
  return plan;
}

std::optional<std::string> run_case(const Case& plan) { return Execution(plan).run(); }

std::string text_of(const Run& run) {
  static const char* const names[] = {"on threads", "available now", "once", "as soon as possible",
                                      "every 200 ms"};
  std::string text = names[static_cast<std::size_t>(run.kind)];
  text += ", " + std::to_string(run.partitions) + " partitions, after " +
          std::to_string(run.additions) + " additions";
  if (run.crash_after) text += ", crash after " + std::to_string(*run.crash_after) + " steps";
  return text;
}

Case shrink(Case plan) { return Shrinker(std::move(plan)).run(); }

std::string describe(const Case& plan) {
  std::string text = "seed " + std::to_string(plan.seed) + "\n" + random_query(plan.seed).words();
  for (const Addition& addition : plan.input) {
    text += "rows that come together:\n";
    for (const auto& [stream, rows] : addition) {
      text += "  stream " + std::to_string(stream) + ":";
      for (const Row& row : rows) text += " " + oracle::text_of(row);
      text += "\n";
    }
  }
  for (const Run& run : plan.runs) text += "run " + text_of(run) + "\n";
  return text;
}

}  // namespace libstream::oracle
