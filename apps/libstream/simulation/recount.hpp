#pragma once

// What a query must have answered in each decided epoch, told by the simplest means from the rows
// that the decision covers. No code of the operators.

#include "plan.hpp"

#include <libstream/checkpoint/log_entry.hpp>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace libstream::apps::simulation {

/// Rows of one epoch as text, sorted.
using Lines = std::vector<std::string>;

struct Answer {
  Lines rows;
  Lines late;
};

/// One kind of query.
class Answering {
 public:
  virtual ~Answering() = default;
  /// A row that passed the filter; false where it is late.
  virtual bool take(const Event& event, std::size_t stream, std::int64_t late_watermark) = 0;
  /// Ends an epoch.
  virtual Lines finish(std::int64_t watermark) = 0;
  virtual std::uint64_t state_rows() const { return 0; }
};
std::unique_ptr<Answering> answering(const Plan& plan);

class Recount {
 public:
  Recount(const Plan& plan, const std::vector<Feed>& feeds);

  /// Follows a decision; the first thing in it that is wrong, if any.
  std::optional<std::string> decide(const EpochEntry& entry);
  const std::vector<Answer>& answers() const { return answers_; }
  /// Batches read, by stream.
  const std::vector<std::size_t>& read() const { return read_; }

 private:
  std::optional<std::string> take_range(const EpochEntry& entry, Answer& answer);
  std::optional<std::string> check_watermarks(const EpochEntry& entry);
  std::optional<std::string> check_totals(const EpochEntry& entry) const;

  const Plan& plan_;
  const std::vector<Feed>& feeds_;
  std::unique_ptr<Answering> query_;
  std::vector<Answer> answers_;
  std::vector<std::size_t> read_;
  std::int64_t watermark_ = 0;
  std::int64_t next_watermark_ = 0;
  std::optional<std::int64_t> max_time_;
  std::map<std::string, std::uint64_t> totals_;
};

}  // namespace libstream::apps::simulation
