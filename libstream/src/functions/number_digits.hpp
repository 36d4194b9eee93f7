#pragma once

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

namespace libstream {

/// The shortest digits that read back as a finite number: d0.d1d2… × 10^exponent, never negative.
class RealDigits {
 public:
  explicit RealDigits(double value) {
    char text[40];
    const char* const end = std::to_chars(text, text + sizeof text, value < 0 ? -value : value,
                                          std::chars_format::scientific)
                                .ptr;
    const char* at = text;
    for (; at != end && *at != 'e'; ++at) {
      if (*at >= '0' && *at <= '9') digits_[count_++] = *at;
    }
    at += at + 1 < end && at[1] == '+' ? 2 : 1;
    std::from_chars(at, end, exponent_);
    if (digits_[0] == '0') exponent_ = 0;
  }

  int exponent() const { return exponent_; }
  bool zero() const { return digits_[0] == '0'; }
  /// Digits behind the point of the plain number that are not 0 for sure.
  int fraction_digits() const { return std::max(count_ - 1 - exponent_, 0); }

  /// Keeps `count` digits (below 0: none), the last one rounded, halves up.
  void round_to(int count) {
    if (count >= count_) return;
    const bool up = count >= 0 && digits_[count] >= '5';
    count_ = std::max(count, 0);
    int at = count_ - 1;
    while (up && at >= 0 && digits_[at] == '9') digits_[at--] = '0';
    if (up && at >= 0) ++digits_[at];
    if (up && at < 0) {  // all nines
      digits_[0] = '1';
      count_ = 1;
      ++exponent_;
    }
    if (count_ == 0) {
      digits_[0] = '0';
      count_ = 1;
      exponent_ = 0;
    }
  }

  /// "1234.50" with that many digits behind the point.
  void append_plain(int fraction, std::string& out) const {
    for (int place = std::max(exponent_, 0); place >= -fraction; --place) {
      if (place == -1) out += '.';
      out += digit(exponent_ - place);
    }
  }
  /// "1.2345e+03"
  void append_scientific(int fraction, std::string& out) const {
    out += digit(0);
    if (fraction > 0) out += '.';
    for (int i = 1; i <= fraction; ++i) out += digit(i);
    out += exponent_ < 0 ? "e-" : "e+";
    const int size = exponent_ < 0 ? -exponent_ : exponent_;
    if (size < 10) out += '0';
    out += std::to_string(size);
  }

 private:
  char digit(int index) const { return index >= 0 && index < count_ ? digits_[index] : '0'; }

  char digits_[24] = {};
  int count_ = 0;
  int exponent_ = 0;
};

/// A comma before every third digit of the whole part that begins at `from`.
inline void group_digits(std::string& text, std::size_t from) {
  const std::size_t end = std::min(text.find('.', from), text.size());
  for (std::size_t at = end; at > from + 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
}

}  // namespace libstream
