#include "object.hpp"
#include "value_bytes.hpp"

namespace libstream::aggregates {
namespace {

void expect_typed(const Request& request) {
  if (request.arguments[0].id() == TypeId::null) {
    wrong_types(request, "a typed value; cast the NULL to a type");
  }
}

/// Values that are not null, in the order of arrival.
struct ListPolicy {
  struct Object {
    std::string bytes;  // each value behind its length, where the width is not fixed
    std::size_t count = 0;
    void clear() {
      bytes.clear();
      count = 0;
    }
  };
  ValueBytes values;
  std::vector<DataType> argument_types;
  std::vector<DataType> intermediate_types;
  DataType result_type;

  explicit ListPolicy(const DataType& type)
      : values(type),
        argument_types{type},
        intermediate_types{DataType::array(type, false)},
        result_type(intermediate_types[0]) {}

  std::unique_ptr<Object> make() const { return std::make_unique<Object>(); }
  void add(Object& list, std::span<const ColumnPtr> arguments, std::size_t row) const {
    append(list, *arguments[0], row);
  }
  void merge(Object& list, std::span<const ColumnPtr> columns, std::size_t row) const {
    for_elements(*columns[0], row, [&](std::size_t i) { append(list, *columns[0]->child(0), i); });
  }
  void write(const Object& list, std::vector<ColumnBuilder>& builders) const {
    finish(&list, builders[0]);
  }
  void finish(const Object* list, ColumnBuilder& builder) const {
    if (list == nullptr) return builder.append_array(0);
    std::string_view rest(list->bytes);
    for (std::size_t i = 0; i < list->count; ++i) {
      std::uint32_t size = static_cast<std::uint32_t>(values.width());
      if (size == 0) {
        std::memcpy(&size, rest.data(), sizeof size);
        rest.remove_prefix(sizeof size);
      }
      values.append(rest.substr(0, size), builder.child(0));
      rest.remove_prefix(size);
    }
    builder.append_array(list->count);
  }

 private:
  void append(Object& list, const Column& column, std::size_t row) const {
    ++list.count;
    if (const std::size_t width = values.width(); width > 0) {
      list.bytes.append(column.values<char>() + row * width, width);
      return;
    }
    std::string scratch;  // of nested values only
    const std::string_view value = values.read(column, row, scratch);
    const auto size = static_cast<std::uint32_t>(value.size());
    list.bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
    list.bytes.append(value);
  }
};

/// Distinct values that are not null, in the order of their first arrival.
struct SetPolicy {
  struct Object {
    ByteSet set;
    std::string scratch;
    void clear() { set.clear(); }
  };
  ValueBytes values;
  std::vector<DataType> argument_types;
  std::vector<DataType> intermediate_types;
  DataType result_type;

  explicit SetPolicy(const DataType& type)
      : values(type),
        argument_types{type},
        intermediate_types{DataType::array(type, false)},
        result_type(intermediate_types[0]) {}

  std::unique_ptr<Object> make() const { return std::make_unique<Object>(); }
  void add(Object& o, std::span<const ColumnPtr> arguments, std::size_t row) const {
    o.set.add(values.read(*arguments[0], row, o.scratch));
  }
  void merge(Object& o, std::span<const ColumnPtr> columns, std::size_t row) const {
    for_elements(*columns[0], row, [&](std::size_t i) {
      o.set.add(values.read(*columns[0]->child(0), i, o.scratch));
    });
  }
  void write(const Object& o, std::vector<ColumnBuilder>& builders) const {
    finish(&o, builders[0]);
  }
  void finish(const Object* o, ColumnBuilder& builder) const {
    const std::size_t size = o == nullptr ? 0 : o->set.size();
    for (std::size_t i = 0; i < size; ++i) values.append(o->set.at(i), builder.child(0));
    builder.append_array(size);
  }
};

/// Texts joined by a separator, in the order of arrival.
struct JoinPolicy {
  struct Object {
    std::string text;
    bool empty = true;
    void clear() {
      text.clear();
      empty = true;
    }
  };
  std::string separator;
  std::vector<DataType> argument_types;
  std::vector<DataType> intermediate_types;
  DataType result_type;

  JoinPolicy(const DataType& type, std::string between)
      : separator(std::move(between)),
        argument_types{type},
        intermediate_types{type},
        result_type(type) {}

  std::unique_ptr<Object> make() const { return std::make_unique<Object>(); }
  void add(Object& o, std::span<const ColumnPtr> arguments, std::size_t row) const {
    if (!o.empty) o.text += separator;
    o.empty = false;
    o.text += arguments[0]->string(row);
  }
  void merge(Object& o, std::span<const ColumnPtr> columns, std::size_t row) const {
    add(o, columns, row);
  }
  void write(const Object& o, std::vector<ColumnBuilder>& builders) const {
    finish(&o, builders[0]);
  }
  void finish(const Object* o, ColumnBuilder& builder) const {
    if (o == nullptr) return builder.append_null();
    builder.append_string(o->text);
  }
};

}  // namespace

AggregatePtr resolve_collect_list(const Request& request) {
  expect_typed(request);
  return std::make_shared<ObjectAggregate<ListPolicy>>(request, ListPolicy(request.arguments[0]));
}
AggregatePtr resolve_collect_set(const Request& request) {
  expect_typed(request);
  return std::make_shared<ObjectAggregate<SetPolicy>>(request, SetPolicy(request.arguments[0]));
}

AggregatePtr resolve_string_agg(const Request& request) {
  const DataType& type = request.arguments[0];
  if (type.id() == TypeId::array || type.id() == TypeId::structure) {
    wrong_types(request, "a string or binary value");
  }
  std::string separator;
  if (!request.options.empty() && !request.options[0].is_null()) {
    if (!std::holds_alternative<std::string>(request.options[0].data)) {
      wrong_types(request, "a string as the separator");
    }
    separator = request.options[0].text();
  }
  const DataType text = type.id() == TypeId::binary ? type : DataType(TypeId::string);
  return std::make_shared<ObjectAggregate<JoinPolicy>>(request,
                                                       JoinPolicy(text, std::move(separator)));
}

}  // namespace libstream::aggregates
