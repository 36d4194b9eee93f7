#include "pane_grid.hpp"

#include <libstream/error.hpp>
#include <libstream/resolved_plan.hpp>

#include <algorithm>
#include <limits>

namespace libstream {
namespace {

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

PaneGrid::PaneGrid(const WindowSpec& windows)
    : size_(windows.size),
      slide_(windows.slide),
      start_(windows.start),
      rest_(windows.size % windows.slide),
      panes_per_slide_(rest_ == 0 ? 1 : 2),
      panes_per_window_(rest_ == 0 ? size_ / slide_ : 2 * (size_ / slide_) + 1) {
  LIBSTREAM_ASSERT(slide_ > 0 && slide_ <= size_, "0 < slide <= size");
}

std::int64_t PaneGrid::pane_of(EventTime time) const {
  const std::int64_t window = floor_divide(time - start_, slide_);
  if (panes_per_slide_ == 1) return window;
  return 2 * window + (time - window_start(window) >= rest_ ? 1 : 0);
}

void PaneGrid::panes_of(const EventTime* times, std::size_t count, std::int64_t* panes) const {
  EventTime begin = 0;
  EventTime end = 0;  // of the pane known last
  std::int64_t pane = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (times[i] < begin || times[i] >= end) {
      pane = pane_of(times[i]);
      const EventTime slide_start = window_start(last_window(pane));
      const bool second = panes_per_slide_ == 2 && (pane & 1) != 0;
      begin = second ? slide_start + rest_ : slide_start;
      end = panes_per_slide_ == 1 || second ? slide_start + slide_ : slide_start + rest_;
    }
    panes[i] = pane;
  }
}

std::int64_t PaneGrid::last_window(std::int64_t pane) const {
  return panes_per_slide_ == 1 ? pane : floor_divide(pane, 2);
}

std::int64_t PaneGrid::first_window(std::int64_t pane) const {
  const std::int64_t earliest = pane - panes_per_window_ + 1;
  return panes_per_slide_ == 1 ? earliest : -floor_divide(-earliest, 2);
}

std::int64_t PaneGrid::first_open(Watermark watermark) const {
  // Far enough for every time of day, with room for the sums here and in the callers.
  constexpr auto most = std::numeric_limits<std::int64_t>::max() / 8;
  const std::int64_t limit = std::min(watermark.milliseconds, most / 1000) * 1000;
  return floor_divide(limit - start_ - size_, slide_) + 1;
}

std::string PaneGrid::text() const {
  if (panes_per_slide_ == 1) return "panes of " + duration_text(slide_);
  return "panes of " + duration_text(rest_) + " and " + duration_text(slide_ - rest_);
}

}  // namespace libstream
