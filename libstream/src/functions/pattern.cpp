#include "text_rows.hpp"
#include "utf8.hpp"

#include <libstream/error.hpp>

#include <re2/re2.h>

namespace libstream {
namespace {

/// The last pattern seen, compiled: once for a literal, once a change for a column.
class PatternState final : public FunctionState {
 public:
  const RE2& get(const KernelCall& call, std::size_t row, std::string_view pattern, bool whole) {
    if (!compiled_ || pattern != pattern_) {
      RE2::Options options;
      options.set_log_errors(false);
      options.set_dot_nl(whole);
      pattern_ = pattern;
      compiled_ = std::make_unique<RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
      if (!compiled_->ok()) {
        const std::string message = "bad pattern '" + pattern_ + "': " + compiled_->error();
        compiled_.reset();
        fail_row(call, row, message);
      }
    }
    return *compiled_;
  }

 private:
  std::string pattern_;
  std::unique_ptr<RE2> compiled_;
};
std::unique_ptr<FunctionState> prepare_pattern(std::span<const BoundPtr>) {
  return std::make_unique<PatternState>();
}

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

/// LIKE without a regular expression: literal parts between % and _ wildcards.
class LikePattern {
 public:
  /// False where the escape character stands before something else than a wildcard or itself.
  bool parse(std::string_view pattern, char escape) {
    text_.clear();
    wild_.clear();
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] == escape) {
        if (++i >= pattern.size() ||
            (pattern[i] != '%' && pattern[i] != '_' && pattern[i] != escape)) {
          return false;
        }
        text_ += pattern[i];
        wild_ += ' ';
      } else {
        const bool wild = pattern[i] == '%' || pattern[i] == '_';
        if (pattern[i] == '%' && !text_.empty() && text_.back() == '%' && wild_.back() == 'w') {
          continue;
        }
        text_ += pattern[i];
        wild_ += wild ? 'w' : ' ';
      }
    }
    return true;
  }

  bool matches(std::string_view text) const {
    // Greedy with one place to go back to: the last %.
    std::size_t at = 0;
    std::size_t in = 0;
    std::size_t back_at = std::string::npos;
    std::size_t back_in = 0;
    while (in < text.size()) {
      const bool wild = at < text_.size() && wild_[at] == 'w';
      if (wild && text_[at] == '%') {
        back_at = ++at;
        back_in = in;
      } else if (wild) {
        ++at;
        in += character_size(text, in);
      } else if (at < text_.size() && text_[at] == text[in]) {
        ++at;
        ++in;
      } else if (back_at != std::string::npos) {
        at = back_at;
        back_in += character_size(text, back_in);
        in = back_in;
      } else {
        return false;
      }
    }
    while (at < text_.size() && wild_[at] == 'w' && text_[at] == '%') ++at;
    return at == text_.size();
  }

 private:
  static std::size_t character_size(std::string_view text, std::size_t at) {
    std::size_t size = 1;
    while (at + size < text.size() && !begins_character(text[at + size])) ++size;
    return size;
  }
  std::string text_;
  std::string wild_;  // 'w' where text_ holds a wildcard
};

class LikeState final : public FunctionState {
 public:
  const LikePattern& get(const KernelCall& call, std::size_t row, std::string_view pattern,
                         std::string_view escape) {
    if (!known_ || pattern != text_ || escape != escape_) {
      if (escape.size() != 1) {
        fail_row(call, row,
                 "the escape of LIKE is one character, not '" + std::string(escape) + "'");
      }
      if (!pattern_.parse(pattern, escape[0])) {
        fail_row(call, row,
                 "bad pattern '" + std::string(pattern) + "': the escape character '" +
                     std::string(escape) + "' stands before %, _ or itself only");
      }
      text_ = pattern;
      escape_ = escape;
      known_ = true;
    }
    return pattern_;
  }

 private:
  bool known_ = false;
  std::string text_;
  std::string escape_;
  LikePattern pattern_;
};
std::unique_ptr<FunctionState> prepare_like(std::span<const BoundPtr>) {
  return std::make_unique<LikeState>();
}

ColumnPtr like_kernel(const KernelCall& call) {
  auto& state = static_cast<LikeState&>(*call.state);
  auto values = allocate_values<std::uint8_t>(call.rows);
  auto* out = values->as<std::uint8_t>();
  for (std::size_t i = 0; i < call.rows; ++i) {
    out[i] = 0;
    if (!call.valid(i)) continue;
    const std::string_view escape =
        call.arguments.size() == 3 ? text_at(call.arguments[2], i) : "\\";
    const LikePattern& pattern = state.get(call, i, text_at(call.arguments[1], i), escape);
    out[i] = pattern.matches(text_at(call.arguments[0], i)) ? 1 : 0;
  }
  return make_result(call, std::move(values));
}

ColumnPtr rlike_kernel(const KernelCall& call) {
  auto& state = static_cast<PatternState&>(*call.state);
  auto values = allocate_values<std::uint8_t>(call.rows);
  auto* out = values->as<std::uint8_t>();
  for (std::size_t i = 0; i < call.rows; ++i) {
    out[i] = 0;
    if (!call.valid(i)) continue;
    const RE2& pattern = state.get(call, i, text_at(call.arguments[1], i), false);
    out[i] = RE2::PartialMatch(piece(text_at(call.arguments[0], i)), pattern) ? 1 : 0;
  }
  return make_result(call, std::move(values));
}

/// Replacement in RE2's form: groups are $1 in SQL, \1 there; what stands behind a \ in SQL means
/// itself. False where it names a group above `groups`.
bool rewritten(std::string_view replacement, int groups, std::string& rewrite) {
  rewrite.clear();
  for (std::size_t at = 0; at < replacement.size(); ++at) {
    char c = replacement[at];
    if (c == '$') {
      const char digit = at + 1 < replacement.size() ? replacement[at + 1] : '\0';
      if (digit < '0' || digit > '9' || digit - '0' > groups) return false;
      rewrite += '\\';
      rewrite += digit;
      ++at;
      continue;
    }
    if (c == '\\') {
      if (++at == replacement.size()) return false;
      c = replacement[at];
    }
    if (c == '\\') rewrite += '\\';
    rewrite += c;
  }
  return true;
}

ColumnPtr regexp_replace_kernel(const KernelCall& call) {
  auto& state = static_cast<PatternState&>(*call.state);
  StringHeap heap(call.rows, call.rows * 16);
  std::string text;  // one buffer for all rows
  std::string rewrite;
  for (std::size_t i = 0; i < call.rows; ++i) {
    if (!call.valid(i)) {
      heap.append({});
      continue;
    }
    const RE2& pattern = state.get(call, i, text_at(call.arguments[1], i), false);
    const std::string_view replacement = text_at(call.arguments[2], i);
    text = text_at(call.arguments[0], i);
    const bool fits = rewritten(replacement, pattern.NumberOfCapturingGroups(), rewrite);
    if (!fits && RE2::PartialMatch(text, pattern)) {
      fail_row(call, i,
               "the replacement '" + std::string(replacement) +
                   "' names a group that the pattern does not have",
               "a $ or \\ that stands for itself is written with a \\ before it");
    }
    if (fits) RE2::GlobalReplace(&text, pattern, piece(rewrite));
    heap.append(text);
  }
  return heap.finish(call.type, call.validity);
}

ColumnPtr regexp_extract_kernel(const KernelCall& call) {
  auto& state = static_cast<PatternState&>(*call.state);
  auto views = allocate_values<StringView>(call.rows);
  for (std::size_t i = 0; i < call.rows; ++i) {
    StringView& out = views->as<StringView>()[i];
    out = StringView();
    if (!call.valid(i)) continue;
    const Vector* index = call.arguments.size() == 3 ? &call.arguments[2] : nullptr;
    const int group = index ? index->column->values<std::int32_t>()[index->constant ? 0 : i] : 1;
    const RE2& pattern = state.get(call, i, text_at(call.arguments[1], i), false);
    constexpr int most = 10;
    const std::string_view text = text_at(call.arguments[0], i);
    re2::StringPiece groups[most];
    const bool there = group >= 0 && group < most && group <= pattern.NumberOfCapturingGroups();
    if (!pattern.Match(piece(text), 0, text.size(), RE2::UNANCHORED, groups,
                       there ? group + 1 : 1)) {
      continue;
    }
    if (!there) fail_row(call, i, "the pattern has no group " + std::to_string(group));
    if (groups[group].data() != nullptr) {
      const re2::StringPiece& hit = groups[group];
      out = StringView(text.substr(static_cast<std::size_t>(hit.data() - text.data()), hit.size()));
    }
  }
  return Column::fixed(call.type, call.rows, std::move(views), call.validity, heaps_of(call));
}

/// Calls f(hit) for each match from left to right, until it gives false. Behind an empty match the
/// search goes on with the next character.
template <class F>
void for_matches(std::string_view text, const RE2& pattern, F&& f) {
  re2::StringPiece hit;
  for (std::size_t at = 0; at <= text.size();) {
    if (!pattern.Match(piece(text), at, text.size(), RE2::UNANCHORED, &hit, 1)) return;
    const auto begin = static_cast<std::size_t>(hit.data() - text.data());
    if (!f(text.substr(begin, hit.size()))) return;
    at = begin + hit.size();
    if (hit.empty()) {
      do ++at;
      while (at < text.size() && !begins_character(text[at]));
    }
  }
}

ColumnPtr regexp_count_kernel(const KernelCall& call) {
  auto& state = static_cast<PatternState&>(*call.state);
  return make_values<std::int32_t>(call, [&](std::size_t i, std::int32_t& out) {
    for_matches(text_at(call.arguments[0], i),
                state.get(call, i, text_at(call.arguments[1], i), false),
                [&](std::string_view) { return ++out, true; });
    return true;
  });
}
/// Place of the first match in characters from 1, else 0; a third argument changes nothing.
ColumnPtr regexp_instr_kernel(const KernelCall& call) {
  auto& state = static_cast<PatternState&>(*call.state);
  return make_values<std::int32_t>(call, [&](std::size_t i, std::int32_t& out) {
    const std::string_view text = text_at(call.arguments[0], i);
    for_matches(text, state.get(call, i, text_at(call.arguments[1], i), false),
                [&](std::string_view hit) {
                  const auto at = static_cast<std::size_t>(hit.data() - text.data());
                  out = static_cast<std::int32_t>(characters(text.substr(0, at))) + 1;
                  return false;
                });
    return true;
  });
}
/// The first match; null where there is none or it is empty.
ColumnPtr regexp_substr_kernel(const KernelCall& call) {
  auto& state = static_cast<PatternState&>(*call.state);
  return make_texts(call, [&](std::size_t i, std::string& out) {
    bool found = false;
    for_matches(text_at(call.arguments[0], i),
                state.get(call, i, text_at(call.arguments[1], i), false),
                [&](std::string_view hit) {
                  out = hit;
                  found = !hit.empty();
                  return false;
                });
    return found;
  });
}

/// Elements of an array of strings that grows; they point into the argument.
class Elements {
 public:
  explicit Elements(std::size_t capacity)
      : views_(Buffer::allocate(capacity * sizeof(StringView))), capacity_(capacity) {}
  void append(std::string_view text) {
    if (count_ == capacity_) reserve(1);
    views_->as<StringView>()[count_++] = StringView(text);
  }
  /// Room for `more` elements behind the ones there are.
  StringView* reserve(std::size_t more) {
    if (count_ + more > capacity_) {
      capacity_ = std::max(capacity_ * 2, count_ + more);
      auto grown = Buffer::allocate(capacity_ * sizeof(StringView));
      std::memcpy(grown->data(), views_->data(), count_ * sizeof(StringView));
      views_ = std::move(grown);
    }
    return views_->as<StringView>() + count_;
  }
  void commit(std::size_t more) { count_ += more; }
  std::size_t size() const { return count_; }
  ColumnPtr finish(std::vector<BufferPtr> heaps) {
    return Column::fixed(TypeId::string, count_, std::move(views_), nullptr, std::move(heaps));
  }

 private:
  std::shared_ptr<Buffer> views_;
  std::size_t capacity_;
  std::size_t count_ = 0;
};

/// The character that a pattern stands for, if it is one that means only itself.
std::optional<char> single_character(std::string_view pattern) {
  constexpr std::string_view special = "\\^$.|?*+()[]{}";
  if (pattern.size() == 1 && special.find(pattern[0]) == std::string_view::npos &&
      static_cast<unsigned char>(pattern[0]) < 0x80) {
    return pattern[0];
  }
  if (pattern.size() == 2 && pattern[0] == '\\' &&
      special.find(pattern[1]) != std::string_view::npos) {
    return pattern[1];
  }
  return std::nullopt;
}

void split_by_character(std::string_view text, char separator, Elements& elements) {
  // Room for every byte a separator, so that the loop has no checks.
  StringView* out = elements.reserve(text.size() + 1);
  std::size_t count = 0;
  const char* begin = text.data();
  const char* const end = begin + text.size();
  for (const char* at = begin; at != end; ++at) {
    if (*at != separator) continue;
    out[count++] = StringView(std::string_view(begin, static_cast<std::size_t>(at - begin)));
    begin = at + 1;
  }
  out[count++] = StringView(std::string_view(begin, static_cast<std::size_t>(end - begin)));
  elements.commit(count);
}

void split_by_pattern(std::string_view text, const RE2& pattern, std::int64_t limit,
                      Elements& elements) {
  std::size_t begin = 0;
  std::size_t at = 0;
  std::int64_t count = 1;
  re2::StringPiece hit;
  while (at <= text.size() && (limit <= 0 || count < limit) &&
         pattern.Match(piece(text), at, text.size(), RE2::UNANCHORED, &hit, 1)) {
    const auto place = static_cast<std::size_t>(hit.data() - text.data());
    if (hit.empty()) {
      // An empty match parts characters, but not before the first or behind the last one.
      if (place >= text.size()) break;
      if (place == begin) {
        at = place + 1;
        while (at < text.size() && !begins_character(text[at])) ++at;
        continue;
      }
    }
    elements.append(text.substr(begin, place - begin));
    ++count;
    begin = place + hit.size();
    at = begin;
  }
  elements.append(text.substr(begin));
}

ColumnPtr split_kernel(const KernelCall& call) {
  auto& state = static_cast<PatternState&>(*call.state);
  auto offsets = allocate_offsets(call.rows);
  auto* out = offsets->as<std::int32_t>();
  const Vector& text = call.arguments[0];
  const Vector& pattern = call.arguments[1];
  const Vector* limits = call.arguments.size() == 3 ? &call.arguments[2] : nullptr;
  Elements elements(call.rows * 4 + 16);
  std::optional<char> separator;
  if (pattern.constant && limits == nullptr) separator = single_character(text_at(pattern, 0));
  for (std::size_t i = 0; i < call.rows; ++i) {
    out[i] = static_cast<std::int32_t>(elements.size());
    if (!call.valid(i)) continue;
    if (separator) {
      split_by_character(text_at(text, i), *separator, elements);
      continue;
    }
    const std::int64_t limit =
        limits ? limits->column->values<std::int32_t>()[limits->constant ? 0 : i] : -1;
    split_by_pattern(text_at(text, i), state.get(call, i, text_at(pattern, i), false), limit,
                     elements);
  }
  out[call.rows] = static_cast<std::int32_t>(elements.size());
  // Short elements are inline; long ones point into what the argument keeps alive.
  return Column::array(call.type, call.rows, std::move(offsets),
                       elements.finish(text.column->heaps()), call.validity);
}

std::optional<Signature> resolve_texts(std::span<const BoundPtr> a, DataType type) {
  for (const BoundPtr& argument : a) {
    if (!is_scalar(argument)) return std::nullopt;
  }
  return signature(std::vector<DataType>(a.size(), TypeId::string), std::move(type));
}
std::optional<Signature> resolve_match(std::span<const BoundPtr> a) {
  return resolve_texts(a, TypeId::boolean);
}
std::optional<Signature> resolve_text(std::span<const BoundPtr> a) {
  return resolve_texts(a, TypeId::string);
}
template <TypeId result>
std::optional<Signature> resolve_search(std::span<const BoundPtr> a) {
  auto found = resolve_texts(a, result);
  if (found && a.size() == 3) found->arguments[2] = TypeId::integer;
  if (found) found->nullable = result == TypeId::string;
  return found;
}
std::optional<Signature> resolve_extract(std::span<const BoundPtr> a) {
  auto result = resolve_texts(a, TypeId::string);
  if (result && a.size() == 3) result->arguments[2] = TypeId::integer;
  return result;
}
std::optional<Signature> resolve_split(std::span<const BoundPtr> a) {
  auto result = resolve_texts(a, DataType::array(TypeId::string, false));
  if (result && a.size() == 3) result->arguments[2] = TypeId::integer;
  return result;
}

template <Kernel kernel>
Kernel only(std::span<const BoundPtr>, const DataType&) {
  return kernel;
}

}  // namespace

std::span<const Function> pattern_functions() {
  static const std::vector<Function> rows = [] {
    TableBuilder t;
    const auto add = [&](std::string_view name, std::string_view usage, std::size_t least,
                         std::size_t most, auto resolve, auto kernel, auto prepare) {
      Function& row = t.add(name, usage, least, most, resolve, kernel);
      row.prepare = prepare;
      row.fallible = true;  // a bad pattern
    };
    add("like", "string LIKE pattern [ESCAPE character]", 2, 3, resolve_match, only<like_kernel>,
        prepare_like);
    for (const char* name : {"rlike", "regexp_like"}) {
      add(name, "string RLIKE pattern", 2, 2, resolve_match, only<rlike_kernel>, prepare_pattern);
    }
    add("regexp_replace", "regexp_replace(string, pattern, replacement)", 3, 3, resolve_text,
        only<regexp_replace_kernel>, prepare_pattern);
    add("regexp_extract", "regexp_extract(string, pattern[, group])", 2, 3, resolve_extract,
        only<regexp_extract_kernel>, prepare_pattern);
    add("regexp_count", "regexp_count(string, pattern)", 2, 2, resolve_search<TypeId::integer>,
        only<regexp_count_kernel>, prepare_pattern);
    add("regexp_instr", "regexp_instr(string, pattern)", 2, 3, resolve_search<TypeId::integer>,
        only<regexp_instr_kernel>, prepare_pattern);
    add("regexp_substr", "regexp_substr(string, pattern)", 2, 2, resolve_search<TypeId::string>,
        only<regexp_substr_kernel>, prepare_pattern);
    add("split", "split(string, pattern[, limit])", 2, 3, resolve_split, only<split_kernel>,
        prepare_pattern);
    return t.take();
  }();
  return rows;
}

}  // namespace libstream
