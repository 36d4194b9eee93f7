#include <libstream/query.hpp>

namespace libstream {

void Query::await_termination() {
  control_->await(std::nullopt);
  if (const auto failure = control_->exception()) std::rethrow_exception(failure);
}

bool Query::await_termination(std::chrono::milliseconds timeout) {
  if (!control_->await(timeout)) return false;
  if (const auto failure = control_->exception()) std::rethrow_exception(failure);
  return true;
}

std::optional<QueryProgress> Query::last_progress() const {
  auto recent = control_->recent_progress();
  if (recent.empty()) return std::nullopt;
  return std::move(recent.back());
}

}  // namespace libstream
