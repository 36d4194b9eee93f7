#pragma once

#include <libstream/operators/project.hpp>
#include <libstream/time.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace libstream {

/// The cuts of sliding windows: between two neighbouring cuts no window begins or ends, so what
/// lies there, a pane, is in a window as a whole or not at all. One pane a slide where the slide
/// divides the size, else two: the rest of the size, and the rest of the slide. Windows and panes
/// are numbered in the order of time, also below zero.
/// Source: Krishnamurthy, Wu, Franklin 2006, "On-the-Fly Sharing for Streamed Aggregation".
class PaneGrid {
 public:
  explicit PaneGrid(const WindowSpec& windows);

  /// The panes of `count` times; neighbours that share one cost no division.
  void panes_of(const EventTime* times, std::size_t count, std::int64_t* panes) const;
  std::int64_t pane_of(EventTime time) const;

  /// Windows that hold a pane: first_window … last_window.
  std::int64_t first_window(std::int64_t pane) const;
  std::int64_t last_window(std::int64_t pane) const;
  /// Panes of a window: first_pane … first_pane + panes_per_window - 1.
  std::int64_t first_pane(std::int64_t window) const { return window * panes_per_slide_; }
  std::int64_t panes_per_window() const { return panes_per_window_; }

  EventTime window_start(std::int64_t window) const { return start_ + window * slide_; }
  EventTime window_end(std::int64_t window) const { return window_start(window) + size_; }
  /// The first window that the watermark does not cover.
  std::int64_t first_open(Watermark watermark) const;

  /// "panes of 2 seconds", "panes of 4 seconds and 3 seconds".
  std::string text() const;

 private:
  EventTime size_;
  EventTime slide_;
  EventTime start_;
  EventTime rest_;  // of the size by the slide
  std::int64_t panes_per_slide_;
  std::int64_t panes_per_window_;
};

}  // namespace libstream
