#include "text_rows.hpp"

#include <cinttypes>
#include <cstdio>

namespace libstream {
namespace {

/// One conversion of a format: "%-10.2f".
struct Conversion {
  std::string flags;  // with width and precision
  char kind = 0;
};

/// Reads from behind the %; false where it is none that we know.
bool parse_conversion(std::string_view format, std::size_t& at, Conversion& conversion) {
  const std::size_t begin = at;
  while (at < format.size() && std::string_view("-+ 0#").find(format[at]) != std::string_view::npos)
    ++at;
  std::size_t digits = at;
  while (at < format.size() && format[at] >= '0' && format[at] <= '9') ++at;
  if (at - digits > 4) return false;
  if (at < format.size() && format[at] == '.') {
    digits = ++at;
    while (at < format.size() && format[at] >= '0' && format[at] <= '9') ++at;
    if (at - digits > 4) return false;
  }
  conversion.flags = "%" + std::string(format.substr(begin, at - begin));
  if (at >= format.size()) return false;
  conversion.kind = format[at++];
  return true;
}

template <class T>
void print(const std::string& format, T value, std::string& out) {
  char small[128];
  const int size = std::snprintf(small, sizeof small, format.c_str(), value);
  if (size < static_cast<int>(sizeof small)) {
    out.append(small, static_cast<std::size_t>(size));
    return;
  }
  const std::size_t begin = out.size();
  out.resize(begin + static_cast<std::size_t>(size) + 1);
  std::snprintf(out.data() + begin, static_cast<std::size_t>(size) + 1, format.c_str(), value);
  out.pop_back();
}

void append_argument(const KernelCall& call, std::size_t row, const Conversion& conversion,
                     const Vector& argument, std::string& out) {
  const TypeId type = argument.column->type().id();
  const char kind = conversion.kind;
  if (kind == 's' || argument.is_null(row) || (kind == 'b' && type == TypeId::boolean)) {
    const std::size_t at = argument.constant ? 0 : row;
    const std::string text = argument.is_null(row) ? "null"
                             : type == TypeId::string
                                 ? std::string(text_at(argument, row))
                                 : to_text(argument.column->value(at), argument.column->type());
    return print(conversion.flags + "s", text.c_str(), out);
  }
  const bool whole = type == TypeId::bigint;
  if (whole && kind == 'd') {
    return print(conversion.flags + PRId64, value_at<std::int64_t>(argument, row), out);
  }
  if (whole && (kind == 'x' || kind == 'X' || kind == 'o')) {
    const std::string suffix = kind == 'x' ? PRIx64 : kind == 'X' ? PRIX64 : PRIo64;
    return print(conversion.flags + suffix,
                 static_cast<std::uint64_t>(value_at<std::int64_t>(argument, row)), out);
  }
  if (type == TypeId::float64 && std::string_view("feEgG").find(kind) != std::string_view::npos) {
    return print(conversion.flags + kind, value_at<double>(argument, row), out);
  }
  fail_row(call, row,
           std::string("%") + kind + " does not print " + argument.column->type().to_string() +
               " " + shown(argument, row),
           "use %s, or cast the argument");
}

ColumnPtr format_kernel(const KernelCall& call) {
  StringHeap heap(call.rows, call.rows * 24);
  NullMarks marks(call);
  std::string out;
  Conversion conversion;
  for (std::size_t i = 0; i < call.rows; ++i) {
    out.clear();
    if (call.arguments[0].is_null(i)) {
      marks.mark(i);
      heap.append(out);
      continue;
    }
    const std::string_view format = text_at(call.arguments[0], i);
    std::size_t next = 1;
    for (std::size_t at = 0; at < format.size();) {
      const char c = format[at++];
      if (c != '%') {
        out += c;
      } else if (!parse_conversion(format, at, conversion)) {
        fail_row(call, i, "bad format '" + std::string(format) + "'");
      } else if (conversion.kind == '%') {
        out += '%';
      } else if (conversion.kind == 'n') {
        out += '\n';
      } else if (next >= call.arguments.size()) {
        fail_row(call, i, "the format '" + std::string(format) + "' has too few arguments");
      } else {
        append_argument(call, i, conversion, call.arguments[next++], out);
      }
    }
    heap.append(out);
  }
  return heap.finish(call.type, marks.finish());
}

std::optional<Signature> resolve_format(std::span<const BoundPtr> a) {
  std::vector<DataType> types{TypeId::string};
  for (std::size_t i = 1; i < a.size(); ++i) {
    const DataType& type = a[i]->type;
    if (!is_scalar(a[i])) return std::nullopt;
    if (type.is_integral()) {
      types.emplace_back(TypeId::bigint);
    } else if (type.is_numeric()) {
      types.emplace_back(TypeId::float64);
    } else {
      types.push_back(type.id() == TypeId::boolean ? type : DataType(TypeId::string));
    }
  }
  return signature(std::move(types), TypeId::string, a[0]->nullable);
}

}  // namespace

std::span<const Function> format_functions() {
  static const std::vector<Function> rows = [] {
    TableBuilder t;
    for (const char* name : {"format_string", "printf"}) {
      Function& row = t.add(name, "format_string(format, value, …)", 1, any_number, resolve_format,
                            always<format_kernel>);
      row.nulls = NullRule::own;
      row.fallible = true;
    }
    return t.take();
  }();
  return rows;
}

}  // namespace libstream
