#pragma once

#include <libstream/aggregate.hpp>
#include <libstream/row_type.hpp>
#include <libstream/state_bytes.hpp>
#include <libstream/udf.hpp>

#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace libstream {

/// Buffer and parameters of `reduce(Buffer, parameters…)`.
template <class Arguments>
struct ReduceArguments;
template <class B, class... A>
struct ReduceArguments<std::tuple<B, A...>> {
  using buffer = B;
  using inputs = std::tuple<A...>;
};

template <class A>
concept HasReduce = requires {
  &A::reduce;
};
template <class A>
using BufferOf =
    typename ReduceArguments<typename CallSignature<decltype(&A::reduce)>::arguments>::buffer;
template <class A>
using InputsOf =
    typename ReduceArguments<typename CallSignature<decltype(&A::reduce)>::arguments>::inputs;

template <class F>
inline constexpr bool is_const_member = false;
template <class R, class C, class... A>
inline constexpr bool is_const_member<R (C::*)(A...) const> = true;
template <class R, class C, class... A>
inline constexpr bool is_const_member<R (C::*)(A...) const noexcept> = true;
template <class A>
inline constexpr bool reduce_is_const = is_const_member<decltype(&A::reduce)>;

/// True where `reduce` gets a reference to the buffer or returns the next one.
template <class F>
inline constexpr bool changes_buffer = true;
template <class C, class B, class... In>
inline constexpr bool changes_buffer<void (C::*)(B, In...) const> = std::is_lvalue_reference_v<B>;
template <class A>
inline constexpr bool reduce_changes = changes_buffer<decltype(&A::reduce)>;

/// True where the members of T, in their order, fill it without gaps and own nothing: its bytes are
/// then the whole value.
template <class T>
struct FlatBytes {
  static constexpr bool value = std::is_arithmetic_v<T>;
};
template <Described T>
struct FlatBytes<T> {
  template <class M>
  using MemberOf = std::remove_cvref_t<decltype(std::declval<T&>().*M::pointer)>;
  template <class... M>
  static constexpr bool fills(boost::mp11::mp_list<M...>*) {
    return (std::is_arithmetic_v<MemberOf<M>> && ...) &&
           (sizeof(MemberOf<M>) + ... + 0) == sizeof(T);
  }
  static constexpr bool value =
      fills(static_cast<boost::mp11::mp_rename<MembersOf<T>, boost::mp11::mp_list>*>(nullptr));
};

/// Values of T as one column: a struct's fields each in one pass.
template <class T>
ColumnPtr column_of(std::span<const T> values) {
  if constexpr (Described<T>) {
    std::vector<ColumnPtr> fields;
    if (values.empty()) return ColumnBuilder(FieldType<T>::type(), 0).finish();
    const BatchPtr batch = RowWriter<T>().write(values);
    return Column::structure(FieldType<T>::type(), values.size(), batch->columns);
  } else {
    ResultColumn<T> column(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) column.set(i, values[i]);
    return column.finish(nullptr);
  }
}

/// Calls a user's aggregate in one of its two spellings: one that changes the buffer it gets, and
/// one that returns the next.
template <class A, class B, class... In>
void call_reduce(const A& user, B& buffer, const In&... inputs) {
  if constexpr (std::is_void_v<decltype(user.reduce(buffer, inputs...))>) {
    user.reduce(buffer, inputs...);
  } else {
    buffer = user.reduce(std::move(buffer), inputs...);
  }
}
template <class A, class B>
void call_merge(const A& user, B& buffer, const B& other) {
  if constexpr (std::is_void_v<decltype(user.merge(buffer, other))>) {
    user.merge(buffer, other);
  } else {
    buffer = user.merge(std::move(buffer), other);
  }
}

/// A user's aggregate over columns of C++ types In. Buffers lie in the table of groups where they
/// are plain values of at most 64 bytes, else on the heap.
template <class A, class B, class Out, class Reduce, class... In>
class TypedAggregate final : public AggregateFunction {
  static constexpr bool inlined =
      std::is_trivially_copyable_v<B> && alignof(B) <= 8 && sizeof(B) <= 64;

 public:
  TypedAggregate(const A& user, std::string name, std::vector<DataType> arguments)
      : user_(user), what_("the aggregate " + name), zero_(first_buffer()) {
    name_ = std::move(name);
    result_type_ = FieldType<Out>::type();
    argument_types_ = std::move(arguments);
    intermediate_types_ = {FieldType<B>::type()};
    state_size_ = inlined ? (sizeof(B) + 7) / 8 * 8 : sizeof(B*);
    trivial_ = inlined && FlatBytes<B>::value && in_order();
  }

  void initialize(std::byte* state) const override {
    std::memset(state, 0, state_size_);
    if constexpr (inlined) {
      new (state) B(zero_);
    } else {
      *reinterpret_cast<B**>(state) = new B(zero_);
    }
  }
  void destroy(std::byte* state) const override {
    if constexpr (!inlined) {
      delete *reinterpret_cast<B**>(state);
      *reinterpret_cast<B**>(state) = nullptr;
    }
  }

  void update(std::span<std::byte* const> states,
              std::span<const ColumnPtr> arguments) const override {
    ArgumentRows<In...> rows;
    rows.read(arguments, states.size(), what_);
    guarded("reduce", [&](std::size_t& row) {
      rows.for_each(states.size(), row, [&](std::size_t at, const In&... values) {
        if (states[at]) Reduce::call(user_, buffer(states[at]), values...);
      });
    });
  }
  void update_single(std::byte* state, std::span<const ColumnPtr> arguments,
                     const std::uint8_t* mask, std::size_t count) const override {
    ArgumentRows<In...> rows;
    rows.read(arguments, count, what_);
    guarded("reduce", [&](std::size_t& row) {
      B local = std::move(buffer(state));
      rows.for_each(count, row, [&](std::size_t at, const In&... values) {
        if (mask == nullptr || mask[at]) Reduce::call(user_, local, values...);
      });
      buffer(state) = std::move(local);
    });
  }
  void merge(std::span<std::byte* const> states,
             std::span<const ColumnPtr> intermediates) const override {
    const std::vector<B> others = buffers(*intermediates[0], states.size());
    guarded("merge", [&](std::size_t& row) {
      for (row = 0; row < states.size(); ++row) {
        if (states[row]) call_merge(user_, buffer(states[row]), others[row]);
      }
    });
  }
  std::vector<ColumnPtr> intermediates(std::span<const std::byte* const> states) const override {
    std::vector<B> values;
    values.reserve(states.size());
    for (const std::byte* state : states) values.push_back(buffer(state));
    return {column_of<B>(values)};
  }
  std::vector<ColumnPtr> singletons(std::span<const ColumnPtr> arguments, const std::uint8_t* mask,
                                    std::size_t count) const override {
    ArgumentRows<In...> rows;
    rows.read(arguments, count, what_);
    std::vector<B> values(count, zero_);
    guarded("reduce", [&](std::size_t& row) {
      rows.for_each(count, row, [&](std::size_t at, const In&... inputs) {
        if (mask == nullptr || mask[at]) Reduce::call(user_, values[at], inputs...);
      });
    });
    return {column_of<B>(values)};
  }
  ColumnPtr finish(std::span<const std::byte* const> states) const override {
    ResultColumn<Out> result(states.size());
    guarded("finish", [&](std::size_t& row) {
      for (row = 0; row < states.size(); ++row) {
        result.set(row, user_.finish(buffer(states[row])));
      }
    });
    return result.finish(nullptr);
  }

 private:
  static B& buffer(std::byte* state) {
    if constexpr (inlined) {
      return *reinterpret_cast<B*>(state);
    } else {
      return **reinterpret_cast<B**>(state);
    }
  }
  static const B& buffer(const std::byte* state) {
    if constexpr (inlined) {
      return *reinterpret_cast<const B*>(state);
    } else {
      return **reinterpret_cast<B* const*>(state);
    }
  }
  static std::vector<B> buffers(const Column& column, std::size_t rows) {
    std::vector<B> values(rows);
    FieldType<B>::read(column, 0, rows, Places<B>{values.data(), sizeof(B)});
    return values;
  }
  template <class F>
  void guarded(const char* member, F&& f) const {
    std::size_t row = 0;
    try {
      f(row);
    } catch (...) {
      throw_user_row_error(what_ + ": " + member, row);
    }
  }

  /// Fields in another order than they are described in would change their meaning with the source.
  static bool in_order() {
    if constexpr (Described<B>) {
      const B value{};
      const void* last = nullptr;
      bool ascending = true;
      const auto follows = [&](const void* at) {
        ascending = ascending && std::less<const void*>()(last, at);
        last = at;
      };
      each_member<B>([&]<class... D>() { (follows(&(value.*D::pointer)), ...); });
      return ascending;
    }
    return true;
  }
  B first_buffer() const {
    try {
      return user_.zero();
    } catch (...) {
      throw_user_row_error(what_ + ": zero", 0);
    }
  }

  A user_;
  std::string what_;
  B zero_;
};

/// Rows as values: a column a parameter.
struct ReduceColumns {
  template <class A, class B, class... In>
  static void call(const A& user, B& buffer, const In&... values) {
    call_reduce(user, buffer, values...);
  }
};
/// Rows as one struct: a column a field.
template <class T>
struct ReduceStruct {
  template <class A, class B, class... In>
  static void call(const A& user, B& buffer, const In&... values) {
    T row;
    std::tuple<const In&...> all(values...);
    fill(row, all, std::index_sequence_for<In...>());
    call_reduce(user, buffer, row);
  }
  template <class Values, std::size_t... I>
  static void fill(T& row, const Values& values, std::index_sequence<I...>) {
    ((row.*boost::mp11::mp_at_c<MembersOf<T>, I>::pointer = std::get<I>(values)), ...);
  }
};

template <class A, class B, class Out, class Reduce, class... In>
class TypedAggregateBody final : public UserAggregateBody {
 public:
  TypedAggregateBody(std::string name, A user, std::vector<std::string> columns)
      : UserAggregateBody(std::move(name)), user_(std::move(user)), columns_(std::move(columns)) {}

  std::vector<std::string> default_columns() const override { return columns_; }
  AggregatePtr resolve(std::span<const DataType> arguments) const override {
    using Check = void (*)(const DataType&, const std::string&, FieldProblems&);
    static constexpr std::array<Check, sizeof...(In)> checks{&FieldType<In>::check...};
    const std::vector<DataType> wanted{FieldType<In>::type()...};
    auto types = accepted_types(name(), arguments, wanted, [&](std::size_t i, const DataType& t) {
      FieldProblems problems;
      checks[i](t, name(), problems);
      return problems.empty();
    });
    return std::make_shared<TypedAggregate<A, B, Out, Reduce, In...>>(user_, name(),
                                                                      std::move(types));
  }

 private:
  A user_;
  std::vector<std::string> columns_;
};

template <class A, class B, class Out, class... In>
UserAggregate make_aggregate(std::string name, A user, std::tuple<In...>* /*inputs*/) {
  return UserAggregate(std::make_shared<TypedAggregateBody<A, B, Out, ReduceColumns, In...>>(
      std::move(name), std::move(user), std::vector<std::string>()));
}
template <class A, class B, class Out, Described In>
UserAggregate make_aggregate(std::string name, A user, std::tuple<In>* /*inputs*/) {
  std::vector<std::string> columns;
  for (const Field& field : FieldType<In>::fields()) columns.push_back(field.name);
  return [&]<class... M>(boost::mp11::mp_list<M...>*) {
    return UserAggregate(
        std::make_shared<
            TypedAggregateBody<A, B, Out, ReduceStruct<In>,
                               std::remove_cvref_t<decltype(std::declval<In&>().*M::pointer)>...>>(
            std::move(name), std::move(user), std::move(columns)));
  }(static_cast<boost::mp11::mp_rename<MembersOf<In>, boost::mp11::mp_list>*>(nullptr));
}

template <class... In>
constexpr bool all_fields(const std::tuple<In...>* /*inputs*/) {
  return (StreamField<In> && ...);
}

/// True where A has the four members and they fit together; says what is wrong otherwise.
template <class A>
constexpr bool check_aggregate() {
  constexpr bool reduces = HasReduce<A>;
  static_assert(reduces,
                "libstream: udaf needs a struct with zero, reduce, merge and finish, all const; "
                "reduce(Buffer&, inputs…) is missing or overloaded");
  if constexpr (reduces) {
    using B = BufferOf<A>;
    constexpr bool stored = check_row<B>() && owns_fields<B>;
    constexpr bool inputs = all_fields(static_cast<InputsOf<A>*>(nullptr));
    static_assert(
        stored,
        "libstream: the buffer of this udaf (the first parameter of reduce) must be a "
        "struct named in BOOST_DESCRIBE_STRUCT, or a type that one column holds, and own its "
        "fields");
    constexpr bool kept = reduce_is_const<A> && reduce_changes<A>;
    static_assert(reduce_is_const<A>,
                  "libstream: this udaf's reduce must be const: one copy of it serves all tasks");
    static_assert(reduce_changes<A>,
                  "libstream: this udaf's reduce takes the buffer by value and returns nothing: "
                  "take a Buffer&, or return the Buffer");
    static_assert(inputs,
                  "libstream: an input of this udaf's reduce has a type that no column holds");
    constexpr bool zero = requires(const A& a) { B(a.zero()); };
    static_assert(zero, "libstream: this udaf needs Buffer zero() const");
    constexpr bool merge = requires(const A& a, B& b, const B& other) { a.merge(b, other); };
    static_assert(merge,
                  "libstream: this udaf needs void merge(Buffer&, const Buffer&) const, or Buffer "
                  "merge(Buffer, const Buffer&) const");
    constexpr bool finish = requires(const A& a, const B& b) {
      requires StreamField<std::remove_cvref_t<decltype(a.finish(b))>>;
    };
    static_assert(finish,
                  "libstream: this udaf needs Result finish(const Buffer&) const, where a column "
                  "can hold Result");
    return stored && kept && inputs && zero && merge && finish;
  }
  return false;
}

/// An aggregate of the user's own, as Structured Streaming's Aggregator: a struct with
///
///   Buffer zero() const;                            // neutral: merging it changes nothing
///   void reduce(Buffer&, inputs…) const;            // or Buffer reduce(Buffer, inputs…) const
///   void merge(Buffer&, const Buffer&) const;       // or Buffer merge(Buffer, const Buffer&)
///   const Result finish(const Buffer&) const;
///
/// Inputs are columns, or one described struct, which stands for a column a field (named by the
/// fields where the aggregate is called without arguments). Rows with a null for an input that is
/// no std::optional are passed over. The buffer is state: its fields own what they hold. One copy
/// serves all tasks, so the members must not change it.
///
///   const auto spread = udaf("spread", Spread{});
///   stream.group_by("sensor").agg(count(), spread("value").as("spread"))
template <class A>
auto udaf(std::string name, A user) {
  if constexpr (check_aggregate<A>()) {
    using B = BufferOf<A>;
    using Out = std::remove_cvref_t<decltype(user.finish(std::declval<const B&>()))>;
    return make_aggregate<A, B, Out>(std::move(name), std::move(user),
                                     static_cast<InputsOf<A>*>(nullptr));
  }
}

}  // namespace libstream
