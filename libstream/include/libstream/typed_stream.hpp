#pragma once

#include <libstream/data_stream.hpp>
#include <libstream/operation.hpp>
#include <libstream/row_type.hpp>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace libstream {

template <class K, class T>
class KeyedStream;

/// Rethrows what a user's function threw as Error(user_function), naming the function.
[[noreturn]] void throw_user_error(const std::string& function);

/// Turns batches into values of T in one task: the decoder and the functions behind it.
template <class T>
class TypedRun {
 public:
  virtual ~TypedRun() = default;
  /// Replaces `rows`; views in them live as long as the batch and until the next call.
  virtual void run(const Batch& batch, std::vector<T>& rows) = 0;
};

/// The same before it is bound to a schema. Immutable, shared by tasks.
template <class T>
class TypedStage {
 public:
  virtual ~TypedStage() = default;
  /// Throws Error(analysis) where the schema does not fit.
  virtual std::unique_ptr<TypedRun<T>> bind(const Schema& schema) const = 0;
  /// Columns of the schema that are read.
  virtual std::vector<std::uint32_t> columns(const Schema& schema) const = 0;
  virtual std::string name() const = 0;  ///< "as<Bid>, filter, map"
};

/// Columns of a batch as values.
template <class T>
class DecodeRun final : public TypedRun<T> {
 public:
  explicit DecodeRun(const Schema& schema) : reader_(schema) {}
  void run(const Batch& batch, std::vector<T>& rows) override { reader_.read(batch, rows); }

 private:
  RowReader<T> reader_;
};

/// Stages of a typed stream; null: none, the values are those of the columns.
template <class T>
using TypedStages = std::shared_ptr<const TypedStage<T>>;
template <class T>
std::unique_ptr<TypedRun<T>> bind_stages(const TypedStages<T>& stages, const Schema& schema) {
  if (stages) return stages->bind(schema);
  return std::unique_ptr<TypedRun<T>>(new DecodeRun<T>(schema));
}
template <class T>
std::vector<std::uint32_t> stages_columns(const TypedStages<T>& stages, const Schema& schema) {
  return stages ? stages->columns(schema) : RowReader<T>(schema).columns();
}
template <class T>
std::string stages_name(const TypedStages<T>& stages) {
  return stages ? stages->name() : "as<" + type_name<T>() + ">";
}

/// A function behind a stage. `Apply(function, input rows, output rows)`; each task has a copy of
/// the function.
template <class In, class Out, class F, class Apply>
class FunctionStage final : public TypedStage<Out> {
 public:
  FunctionStage(TypedStages<In> below, F function, std::string name)
      : below_(std::move(below)), function_(std::move(function)), name_(std::move(name)) {}

  std::unique_ptr<TypedRun<Out>> bind(const Schema& schema) const override {
    return std::unique_ptr<TypedRun<Out>>(new Run(bind_stages(below_, schema), function_, name_));
  }
  std::vector<std::uint32_t> columns(const Schema& schema) const override {
    return stages_columns(below_, schema);
  }
  std::string name() const override { return stages_name(below_) + ", " + name_; }

 private:
  class Run final : public TypedRun<Out> {
   public:
    Run(std::unique_ptr<TypedRun<In>> below, const F& function, const std::string& name)
        : below_(std::move(below)), function_(function), name_(name) {}
    void run(const Batch& batch, std::vector<Out>& rows) override {
      below_->run(batch, input_);
      rows.clear();
      try {
        Apply()(function_, input_, rows);
      } catch (...) {
        throw_user_error(name_);
      }
    }

   private:
    std::unique_ptr<TypedRun<In>> below_;
    F function_;
    std::string name_;
    std::vector<In> input_;
  };

  TypedStages<In> below_;
  F function_;
  std::string name_;
};

struct ApplyMap {
  template <class F, class In, class Out>
  void operator()(F& function, std::vector<In>& input, std::vector<Out>& output) const {
    output.reserve(input.size());
    for (const In& row : input) output.push_back(std::invoke(function, row));
  }
};
struct ApplyFlatMap {
  template <class F, class In, class Out>
  void operator()(F& function, std::vector<In>& input, std::vector<Out>& output) const {
    for (const In& row : input) {
      for (auto&& value : std::invoke(function, row)) {
        output.push_back(std::forward<decltype(value)>(value));
      }
    }
  }
};
struct ApplyFilter {
  template <class F, class T>
  void operator()(F& function, std::vector<T>& input, std::vector<T>& output) const {
    std::erase_if(input, [&](const T& row) { return !std::invoke(function, row); });
    std::swap(input, output);
  }
};

/// Type-erased step of a typed stream as an operator: a batch in, a batch out. The counts and the
/// emission lie in the operator, see typed_operation.
class BatchTransform {
 public:
  virtual ~BatchTransform() = default;
  /// Null where no row is left.
  virtual BatchPtr run(const Batch& batch) = 0;
};
using BindTransform = std::function<std::unique_ptr<BatchTransform>(const Schema&)>;
/// An operation over one input that gives rows of `output`. `columns`: those that are read of an
/// input.
std::shared_ptr<const Operation> typed_operation(
    std::string name, Schema output, BindTransform bind,
    std::function<std::vector<std::uint32_t>(const Schema&)> columns);

/// What functions that give any number of rows return.
template <class Range>
concept RangeOfRows = requires(Range& range) {
  std::begin(range);
  std::end(range);
};

/// Rows as C++ values. Functions run a batch at a time, one after the other, without columns in
/// between; each task has its own copy of them. An exception of theirs ends the query with an
/// Error(user_function).
template <class T>
class TypedStream {
 public:
  static_assert(check_row<T>() || Described<T>,
                "libstream: as<T>() and map need a struct named in BOOST_DESCRIBE_STRUCT(T, (), "
                "(fields...)), or a type that one column holds; see field_type.hpp");

  explicit TypedStream(DataStream base, TypedStages<T> stages = nullptr)
      : base_(std::move(base)), stages_(std::move(stages)) {}

  /// f: const T& → U.
  template <class F>
  auto map(F f) const {
    static_assert(std::is_invocable_v<F&, const T&>,
                  "libstream: the function of map must take a const T& of the stream's type");
    if constexpr (std::is_invocable_v<F&, const T&>) {
      using U = std::remove_cvref_t<std::invoke_result_t<F&, const T&>>;
      static_assert(!std::is_void_v<U>,
                    "libstream: the function of map must return a struct named in "
                    "BOOST_DESCRIBE_STRUCT or a type that one column holds; it returns nothing");
      if constexpr (!std::is_void_v<U>) return with<U, ApplyMap>(std::move(f), "map");
    }
  }
  /// f: const T& → a range of U, e.g. std::vector<U>.
  template <class F>
  auto flat_map(F f) const {
    static_assert(std::is_invocable_v<F&, const T&>,
                  "libstream: the function of flat_map must take a const T& and return a range");
    if constexpr (std::is_invocable_v<F&, const T&>) {
      using Range = std::remove_cvref_t<std::invoke_result_t<F&, const T&>>;
      constexpr bool range = RangeOfRows<Range>;
      static_assert(range,
                    "libstream: the function of flat_map must return a range, such as "
                    "std::vector<Row>; to return one row for each use map");
      if constexpr (range) {
        using U = std::remove_cvref_t<decltype(*std::begin(std::declval<Range&>()))>;
        return with<U, ApplyFlatMap>(std::move(f), "flat_map");
      }
    }
  }
  /// f: const T& → bool.
  template <class F>
  auto filter(F f) const {
    static_assert(std::is_invocable_r_v<bool, F&, const T&>,
                  "libstream: the function of filter must take a const T& and return a bool");
    if constexpr (std::is_invocable_r_v<bool, F&, const T&>) {
      return with<T, ApplyFilter>(std::move(f), "filter");
    }
  }

  /// f: const T& → a key. Declared in keyed_stream.hpp, as the next one.
  template <class F>
  requires(!RowType<F>) auto group_by_key(F f) const;
  /// By a column, whose values are K.
  template <class K>
  KeyedStream<K, T> group_by_key(std::string_view column) const;

  /// Back to columns: a field each.
  DataStream to_stream() const {
    if constexpr (RowType<T>) {
      if (exact_) return base_;
      return base_.apply(typed_operation(
          stages_name(stages_), schema_of<T>(),
          [stages = stages_](const Schema& schema) {
            return std::unique_ptr<BatchTransform>(new Transform(bind_stages(stages, schema)));
          },
          [stages = stages_](const Schema& schema) { return stages_columns(stages, schema); }));
    }
  }

  /// Of a stream whose columns are those of T already.
  static TypedStream exact(DataStream base) {
    TypedStream stream(std::move(base));
    stream.exact_ = true;
    return stream;
  }
  const DataStream& base() const { return base_; }

 private:
  template <class U, class Apply, class F>
  TypedStream<U> with(F f, std::string name) const {
    return TypedStream<U>(base_, TypedStages<U>(new FunctionStage<T, U, F, Apply>(
                                     stages_, std::move(f), std::move(name))));
  }

  class Transform final : public BatchTransform {
   public:
    explicit Transform(std::unique_ptr<TypedRun<T>> run) : run_(std::move(run)) {}
    BatchPtr run(const Batch& batch) override {
      run_->run(batch, rows_);
      return rows_.empty() ? nullptr : writer_.write(rows_);
    }

   private:
    std::unique_ptr<TypedRun<T>> run_;
    RowWriter<T> writer_;
    std::vector<T> rows_;
  };

  DataStream base_;
  TypedStages<T> stages_;
  bool exact_ = false;  ///< the columns of `base` are those of T and no others
};

template <class T>
TypedStream<T> DataStream::as() const {
  return TypedStream<T>(*this);
}

}  // namespace libstream
