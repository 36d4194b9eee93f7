#include "rows.hpp"

#include <algorithm>
#include <cmath>

namespace libstream::oracle {
namespace {

Scalar column(std::string_view name, Kind kind, std::size_t index) {
  return {std::string(name), kind, [index](const Row& row) { return row[index]; }};
}

/// Null where one of the columns is; else `f` of the row.
template <class F>
std::function<Value(const Row&)> strict(std::initializer_list<std::size_t> columns, F f) {
  return [list = std::vector<std::size_t>(columns), f](const Row& row) -> Value {
    for (const auto index : list) {
      if (row[index].is_null()) return nullptr;
    }
    return f(row);
  };
}

Value upper(const Row& row) {
  std::string text = row[k].text();
  if (text == "ü") return "Ü";
  for (char& c : text) c = static_cast<char>(std::toupper(c));
  return text;
}

std::int64_t characters(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

}  // namespace

const std::vector<Scalar>& scalars() {
  static const std::vector<Scalar> list{
      column("k", Kind::text, k),
      column("t", Kind::text, t),
      column("g", Kind::real, g),
      column("d", Kind::real, d),
      column("ts", Kind::time, ts),
      column("v", Kind::whole, v),
      column("id", Kind::whole, id),
      column("m", Kind::decimal, m),
      {"v % 3", Kind::whole, strict({v}, [](const Row& r) { return r[v].integer() % 3; })},
      {"v * 2 + 1", Kind::whole, strict({v}, [](const Row& r) { return r[v].integer() * 2 + 1; })},
      {"coalesce(v, -1)", Kind::whole,
       [](const Row& r) { return r[v].is_null() ? Value(-1) : r[v]; }},
      {"nullif(v, 0)", Kind::whole, [](const Row& r) { return r[v] == Value(0) ? Value() : r[v]; }},
      {"greatest(v, 2)", Kind::whole,
       [](const Row& r) { return r[v].is_null() ? Value(2) : std::max(r[v], Value(2)); }},
      {"abs(v)", Kind::whole, strict({v}, [](const Row& r) { return std::abs(r[v].integer()); })},
      {"d * 2.0D", Kind::real, strict({d}, [](const Row& r) { return r[d].real() * 2; })},
      {"d + v", Kind::real,
       strict({d, v},
              [](const Row& r) { return r[d].real() + static_cast<double>(r[v].integer()); })},
      {"upper(k)", Kind::text, strict({k}, upper)},
      {"length(k)", Kind::whole, strict({k}, [](const Row& r) { return characters(r[k].text()); })},
      {"substring(k, 1, 1)", Kind::text,
       strict({k},
              [](const Row& r) { return r[k].text() == "ü" ? "ü" : r[k].text().substr(0, 1); })},
      {"concat_ws('-', k, t)", Kind::text,
       [](const Row& r) {
         std::string text = r[k].is_null() ? "" : r[k].text();
         if (!r[k].is_null() && !r[t].is_null()) text += "-";
         return Value(text + (r[t].is_null() ? "" : r[t].text()));
       }},
      {"CASE WHEN v > 3 THEN k WHEN d < 0 THEN t ELSE 'else' END", Kind::text,
       [](const Row& r) {
         if (!r[v].is_null() && r[v].integer() > 3) return r[k];
         return !r[d].is_null() && r[d].real() < 0 ? r[t] : Value("else");
       }},
      {"v > 0", Kind::truth, strict({v}, [](const Row& r) { return r[v].integer() > 0; })},
      {"k IS NULL", Kind::truth, [](const Row& r) { return Value(r[k].is_null()); }},
  };
  return list;
}

const std::vector<Scalar>& conditions() {
  const auto holds = [](std::string_view text, bool (*test)(const Row&)) {
    return Scalar{std::string(text), Kind::truth, [test](const Row& row) { return test(row); }};
  };
  static const std::vector<Scalar> list{
      holds("v > 0", [](const Row& r) { return !r[v].is_null() && r[v].integer() > 0; }),
      holds("k IS NULL OR k <> 'a'",
            [](const Row& r) { return r[k].is_null() || r[k].text() != "a"; }),
      holds("m BETWEEN -1.5 AND 20.25 AND v IN (-2, 0, 3, 4)",
            [](const Row& r) {
              if (r[m].is_null() || r[v].is_null()) return false;
              const auto digits = std::get<int128>(r[m].data);
              const auto whole = r[v].integer();
              return digits >= -150 && digits <= 2025 &&
                     (whole == -2 || whole == 0 || whole == 3 || whole == 4);
            }),
      holds("d IS NOT NULL", [](const Row& r) { return !r[d].is_null(); }),
      holds("NOT (v < 2 OR k = 'b')",
            [](const Row& r) {
              // Unknown where neither is true and one is unknown.
              if (r[v].is_null() || r[k].is_null()) return false;
              return r[v].integer() >= 2 && r[k].text() != "b";
            }),
      holds("contains(k, 'e')",
            [](const Row& r) {
              return !r[k].is_null() && r[k].text().find('e') != std::string::npos;
            }),
  };
  return list;
}

const std::vector<Scalar>& time_conditions() {
  static const std::vector<Scalar> list{
      {"ts IS NOT NULL", Kind::truth, [](const Row& r) { return Value(!r[ts].is_null()); }},
      {"ts < TIMESTAMP '1970-01-01T00:00:30Z'", Kind::truth,
       strict({ts}, [](const Row& r) { return r[ts].integer() < 30 * second; })},
      {"ts IS NULL OR unix_micros(ts) % 2000000 <> 500", Kind::truth,
       [](const Row& r) { return Value(r[ts].is_null() || r[ts].integer() % 2'000'000 != 500); }},
  };
  return list;
}

const std::vector<Scalar>& failing_scalars() {
  static const std::vector<Scalar> list{
      {"100 / (v - 7)", Kind::real,
       strict({v},
              [](const Row& r) {
                if (r[v].integer() == 7) throw RowError{};
                return 100.0 / static_cast<double>(r[v].integer() - 7);
              })},
      {"CAST(CASE WHEN v = 7 THEN k ELSE '5' END AS bigint)", Kind::whole,
       [](const Row& r) -> Value {
         if (r[v] != Value(7)) return 5;
         if (r[k].is_null()) return nullptr;
         throw RowError{};  // no text of the rows is a number
       }},
  };
  return list;
}

const Scalar& pick_scalar(Chance& chance, const std::vector<Kind>& kinds) {
  for (;;) {
    const Scalar& scalar = chance.of(scalars());
    if (std::find(kinds.begin(), kinds.end(), scalar.kind) != kinds.end()) return scalar;
  }
}

Columns input_row() {
  Columns columns;
  for (const char* name : {"k", "g", "ts", "v", "d", "m", "t", "id"}) columns.push_back({name});
  return columns;
}

Row pick_row(Chance& chance, std::int64_t now, std::int64_t number) {
  static const double reals[] = {0.0, -0.0, 1.5, -2.25, 1e300, std::nan("")};
  static const char* const texts[] = {
      "a", "b", "", "twelve bytes", "thirteen byte", "a long string of thirty-four bytes", "ü"};
  static const char* const lines[] = {"a", "a b a", "", "some a  longer-word-than-twelve", "b "};
  Row row(input_columns);
  if (!chance.one_in(7)) row[k] = chance.of(texts);
  if (!chance.one_in(6)) row[g] = chance.of(reals);
  if (!chance.one_in(12)) {
    row[ts] = now * second - chance.below(25) * second + chance.below(3) * 500;
  }
  if (!chance.one_in(6)) row[v] = chance.below(12) - 4;
  if (!chance.one_in(6)) {
    row[d] = chance.one_in(20) ? std::nan("") : static_cast<double>(chance.below(64) - 32) / 4;
  }
  if (!chance.one_in(6)) row[m] = static_cast<int128>(chance.below(5000) - 1000);
  if (!chance.one_in(6)) row[t] = chance.of(lines);
  row[id] = number;
  return row;
}

}  // namespace libstream::oracle
