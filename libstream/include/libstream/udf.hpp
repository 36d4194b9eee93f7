#pragma once

#include <libstream/field_type.hpp>
#include <libstream/user_function.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace libstream {

/// Parameters and result of something callable; without a member where it is overloaded or
/// generic.
template <class F>
struct CallSignature : CallSignature<decltype(&F::operator())> {};
template <class R, class... A>
struct CallSignature<R (*)(A...)> {
  using result = std::remove_cvref_t<R>;
  using arguments = std::tuple<std::remove_cvref_t<A>...>;
};
template <class R, class... A>
struct CallSignature<R (*)(A...) noexcept> : CallSignature<R (*)(A...)> {};
template <class R, class C, class... A>
struct CallSignature<R (C::*)(A...)> : CallSignature<R (*)(A...)> {};
template <class R, class C, class... A>
struct CallSignature<R (C::*)(A...) const> : CallSignature<R (*)(A...)> {};
template <class R, class C, class... A>
struct CallSignature<R (C::*)(A...) noexcept> : CallSignature<R (*)(A...)> {};
template <class R, class C, class... A>
struct CallSignature<R (C::*)(A...) const noexcept> : CallSignature<R (*)(A...)> {};

template <class F>
concept PlainFunction = std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>;
/// A function, or an object with one operator() that is no template.
template <class F>
concept PlainCallable = PlainFunction<F> || requires {
  &F::operator();
};

/// One column of arguments as an array of T: where its values lie so already, they are the column's
/// own.
template <class T>
class ArgumentValues {
 public:
  /// False: rows with a null must not be decoded.
  static constexpr bool reads_nulls = is_optional<T> || DescribedEnum<T> ||
                                      std::is_same_v<T, std::string> ||
                                      std::is_same_v<T, std::string_view> || requires {
    typename FieldType<T>::storage;
  };

  const T* read(const Column& column, std::size_t rows) {
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
      if (column.type() == FieldType<T>::type()) return column.values<T>();
    }
    if (size_ < rows) {
      values_ = std::make_unique<T[]>(rows);
      size_ = rows;
    }
    T* values = values_.get();
    FieldType<T>::read(column, 0, rows, Places<T>{values, sizeof(T)});
    return values;
  }

 private:
  std::unique_ptr<T[]> values_;
  std::size_t size_ = 0;
};

/// The arguments of a batch, row by row. Rows where a parameter that cannot hold a null gets one
/// are left out.
template <class... A>
class ArgumentRows {
 public:
  /// Throws Error(data) at a null inside a struct or an array that has no room for it.
  void read(std::span<const ColumnPtr> columns, std::size_t rows, const std::string& name) {
    static constexpr std::array<bool, sizeof...(A)> required{!is_optional<A>...};
    validity_ = common_validity(columns, required, rows);
    dense_ = validity_ != nullptr && !(ArgumentValues<A>::reads_nulls && ...);
    std::vector<ColumnPtr> kept;
    if (dense_) {
      std::vector<std::uint32_t> valid;
      for (std::uint32_t row = 0; row < rows; ++row) {
        if (this->valid(row)) valid.push_back(row);
      }
      rows = valid.size();
      for (const ColumnPtr& column : columns) kept.push_back(column->gather(valid));
      keep_ = kept;  // views point there
      columns = keep_;
    }
    try {
      read_each(columns, rows, std::index_sequence_for<A...>());
    } catch (const Error& error) {
      throw Error(error.code(), "an argument of " + name + ": " + error.what());
    }
  }

  bool valid(std::size_t row) const {
    return !validity_ || ((validity_->as<std::uint64_t>()[row >> 6] >> (row & 63)) & 1) != 0;
  }
  const BufferPtr& validity() const { return validity_; }

  /// Calls `f(row, arguments…)` for each row that is not left out; `row` is the one under way.
  template <class F>
  void for_each(std::size_t rows, std::size_t& row, F&& f) const {
    const auto arrays = values_;  // a copy, so that the compiler may keep it in registers
    if (!validity_) {
      for (row = 0; row < rows; ++row) call(f, row, row, arrays, std::index_sequence_for<A...>());
      return;
    }
    std::size_t next = 0;
    for (row = 0; row < rows; ++row) {
      if (!valid(row)) continue;
      call(f, row, dense_ ? next++ : row, arrays, std::index_sequence_for<A...>());
    }
  }

 private:
  template <std::size_t... I>
  void read_each([[maybe_unused]] std::span<const ColumnPtr> columns,
                 [[maybe_unused]] std::size_t rows, std::index_sequence<I...>) {
    ((std::get<I>(values_) = std::get<I>(arrays_).read(*columns[I], rows)), ...);
  }
  template <class F, std::size_t... I>
  static void call(F& f, std::size_t row, [[maybe_unused]] std::size_t at,
                   [[maybe_unused]] const std::tuple<const A*...>& arrays,
                   std::index_sequence<I...>) {
    f(row, std::get<I>(arrays)[at]...);
  }

  std::tuple<ArgumentValues<A>...> arrays_;
  std::tuple<const A*...> values_;
  std::vector<ColumnPtr> keep_;
  BufferPtr validity_;
  bool dense_ = false;
};

/// A column that is filled from the first row to the last; rows that are passed over are null.
template <class R>
class ResultColumn {
 public:
  explicit ResultColumn(std::size_t rows) : rows_(rows), builder_(FieldType<R>::type(), rows) {}
  void set(std::size_t row, const R& value) {
    fill(row);
    FieldType<R>::write(builder_, value);
  }
  ColumnPtr finish(const BufferPtr& /*validity*/) {
    fill(rows_);
    return builder_.finish();
  }

 private:
  void fill(std::size_t row) {
    while (builder_.size() < row) builder_.append_null();
  }
  std::size_t rows_;
  ColumnBuilder builder_;
};

/// Values of one width lie in an array; `validity` says which rows were passed over.
template <class R>
requires requires { typename FieldType<R>::storage; }
class ResultColumn<R> {
  using Storage = typename FieldType<R>::storage;

 public:
  explicit ResultColumn(std::size_t rows)
      : rows_(rows),
        buffer_(Buffer::allocate(rows * sizeof(Storage))),
        values_(buffer_->template as<Storage>()) {
    std::memset(values_, 0, rows * sizeof(Storage));
  }
  void set(std::size_t row, const R& value) { values_[row] = FieldType<R>::stored(value); }
  ColumnPtr finish(const BufferPtr& validity) {
    return Column::fixed(FieldType<R>::type(), rows_, std::move(buffer_), validity);
  }

 private:
  std::size_t rows_;
  std::shared_ptr<Buffer> buffer_;
  Storage* values_;
};

/// A function of C++ values, called once a row.
template <class F, class R, class... A>
class RowFunctionBody final : public UserFunctionBody {
 public:
  RowFunctionBody(std::string name, F function, UserFunctionOptions options)
      : UserFunctionBody(std::move(name), {FieldType<A>::type()...}, FieldType<R>::type(), options),
        function_(std::move(function)) {}

  bool nullable() const override { return is_optional<R>; }
  bool null_makes_null(std::size_t index) const override {
    static constexpr std::array<bool, sizeof...(A)> required{!is_optional<A>...};
    return required[index];
  }
  bool reads(std::size_t index, const DataType& type) const override {
    using Check = void (*)(const DataType&, const std::string&, FieldProblems&);
    static constexpr std::array<Check, sizeof...(A)> checks{&FieldType<A>::check...};
    FieldProblems problems;
    checks[index](type, name(), problems);
    return problems.empty();
  }
  std::unique_ptr<Call> make() const override { return std::make_unique<Run>(function_, name()); }

 private:
  class Run final : public Call {
   public:
    Run(const F& function, const std::string& name)
        : function_(function), what_("the function " + name) {}

    ColumnPtr run(std::span<const ColumnPtr> arguments, std::size_t rows) override {
      arguments_.read(arguments, rows, what_);
      ResultColumn<R> result(rows);
      std::size_t row = 0;
      try {
        arguments_.for_each(rows, row, [&](std::size_t at, const A&... values) {
          result.set(at, function_(values...));
        });
      } catch (...) {
        throw_user_row_error(what_, row);
      }
      return result.finish(arguments_.validity());
    }

   private:
    F function_;
    std::string what_;
    ArgumentRows<A...> arguments_;
  };

  F function_;
};

template <class F, class R, class... A>
constexpr bool check_row_function(const std::tuple<A...>* /*arguments*/) {
  constexpr bool arguments_fit = (StreamField<A> && ...);
  constexpr bool result_fits = StreamField<R>;
  static_assert(arguments_fit,
                "libstream: a parameter of this udf has a type that no column holds; see the table "
                "in docs/typed-streams.md");
  static_assert(result_fits,
                "libstream: this udf returns a type that no column holds (or nothing); see the "
                "table in docs/typed-streams.md");
  return arguments_fit && result_fits;
}

template <class F, class R, class... A>
UserFunction make_row_function(std::string name, F f, UserFunctionOptions options,
                               const std::tuple<A...>* /*arguments*/) {
  return UserFunction(
      std::make_shared<RowFunctionBody<F, R, A...>>(std::move(name), std::move(f), options));
}

/// A scalar function of the user's own; types come from its signature. A parameter that is a
/// std::optional gets nulls, a null for another one makes the result null without a call. Each task
/// has its own copy of `f`.
///
///   const auto score = udf("score", [](std::int64_t bids, std::optional<double> price) { … });
///   stream.select("id", score("bids", "price").as("score"))
template <class F>
auto udf(std::string name, F f, UserFunctionOptions options = {}) {
  constexpr bool callable = PlainCallable<F>;
  static_assert(callable,
                "libstream: udf needs a function or a lambda whose parameters have types (not "
                "auto) and that is not overloaded");
  if constexpr (callable) {
    using Signature = CallSignature<F>;
    using Result = typename Signature::result;
    constexpr auto* arguments = static_cast<typename Signature::arguments*>(nullptr);
    if constexpr (check_row_function<F, Result>(arguments)) {
      return make_row_function<F, Result>(std::move(name), std::move(f), options, arguments);
    }
  }
}

}  // namespace libstream
