#pragma once

#include "../decimal.hpp"
#include "kernels.hpp"

#include <libstream/time.hpp>

#include <algorithm>
#include <vector>

namespace libstream {

inline constexpr std::int64_t microseconds_per_day = 86'400'000'000;

/// What a decimal operator needs of its types.
struct DecimalTypes {
  int left_scale;
  int right_scale;
  int precision;
  int scale;
};

inline int128 decimal_at(const Vector& vector, std::size_t row) {
  const std::size_t at = vector.constant ? 0 : row;
  if (vector.column->type().is_wide_decimal()) return vector.column->values<int128>()[at];
  return vector.column->values<std::int64_t>()[at];
}

/// Op::apply(types, a, b, result) for every row; false = out of range.
template <class Op, class A, class B, class R, bool attempt>
ColumnPtr decimal_loop(const KernelCall& call) {
  const DecimalTypes types{call.arguments[0].column->type().scale(),
                           call.arguments[1].column->type().scale(), call.type.precision(),
                           call.type.scale()};
  auto values = allocate_values<R>(call.rows);
  R* out = values->template as<R>();
  NullMarks marks(call);
  with_operands<A, B>(call, [&](auto a, auto b) {
    for (std::size_t i = 0; i < call.rows; ++i) {
      int128 result = 0;
      if (!Op::apply(types, int128{a[i]}, int128{b[i]}, result)) [[unlikely]] {
        result = 0;
        if (call.valid(i)) {
          if constexpr (attempt) {
            marks.mark(i);
          } else {
            const bool zero = b[i] == 0 && (Op::sign[0] == '/' || Op::sign[0] == '%');
            fail_row(call, i,
                     (zero ? std::string("division by zero: ")
                           : "overflow of " + call.type.to_string() + ": ") +
                         shown(call.arguments[0], i) + " " + Op::sign + " " +
                         shown(call.arguments[1], i),
                     Op::way_out);
          }
        }
      }
      out[i] = static_cast<R>(result);
    }
  });
  return make_result(call, std::move(values), marks.finish());
}

template <class Op, bool attempt>
ColumnPtr decimal_kernel(const KernelCall& call) {
  return with_storage(call.arguments[0].column->type(), [&](auto a) -> ColumnPtr {
    return with_storage(call.arguments[1].column->type(), [&](auto b) -> ColumnPtr {
      using A = decltype(a);
      using B = decltype(b);
      constexpr bool wide_a = std::is_same_v<A, int128>;
      constexpr bool wide_b = std::is_same_v<B, int128>;
      if constexpr ((wide_a || std::is_same_v<A, std::int64_t>)&&(
                        wide_b || std::is_same_v<B, std::int64_t>)) {
        if (call.type.is_wide_decimal()) return decimal_loop<Op, A, B, int128, attempt>(call);
        return decimal_loop<Op, A, B, std::int64_t, attempt>(call);
      } else {
        LIBSTREAM_ASSERT(false, "decimals");
        return nullptr;
      }
    });
  });
}

/// Both to their common type; decimals keep theirs and give `decimals(left, right)`.
std::optional<Signature> resolve_numbers(std::span<const BoundPtr> arguments,
                                         DataType (*decimals)(const DataType&, const DataType&));
std::optional<Signature> resolve_time_sum(const BoundPtr& a, const BoundPtr& b, bool minus);

/// The rows of the table for /, div, %, pmod, negate and the kernel of `x % c = k`.
void append_division_functions(std::vector<Function>& table);

std::int64_t add_months_to_timestamp(std::int64_t time, std::int32_t months);
std::int32_t add_months_to_date(std::int32_t days, std::int32_t months);

}  // namespace libstream
