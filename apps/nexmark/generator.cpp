#include "generator.hpp"

#include <libstream/column.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace libstream::apps {
namespace {

constexpr std::int64_t first_person = 1000;
constexpr std::int64_t first_auction = 1000;
constexpr std::int64_t first_category = 10;
constexpr std::int64_t auctions_in_flight = 100;
constexpr std::int64_t active_people = 1000;
constexpr std::int64_t unborn_ids = 10;  ///< ids drawn that do not exist yet
constexpr std::int64_t hot_group = 100;
constexpr std::uint64_t hot_channels = 4;
constexpr std::uint64_t cold_channels = 10'000;
constexpr std::uint64_t letter_pool = 1U << 16;

constexpr std::array<const char*, 11> first_names = {
    "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"};
constexpr std::array<const char*, 9> last_names = {
    "Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"};
constexpr std::array<const char*, 10> cities = {
    "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland",
    "Bend",    "Redmond",     "Seattle",       "Kent",  "Cheyenne"};
constexpr std::array<const char*, 6> states = {"AZ", "CA", "ID", "OR", "WA", "WY"};

std::int64_t last_person(std::uint64_t id) {
  return static_cast<std::int64_t>(id / Generator::group);
}

std::int64_t last_auction(std::uint64_t id) {
  const auto round = static_cast<std::int64_t>(id / Generator::group);
  const auto place = static_cast<std::int64_t>(id % Generator::group);
  if (place == 0) return 3 * (round - 1) + 2;
  return 3 * round + std::min<std::int64_t>(place - 1, 2);
}

std::int64_t next_person(std::uint64_t id, SeededDraws& draws) {
  const std::int64_t people = last_person(id) + 1;
  const std::int64_t active = std::min(people, active_people);
  return people - active + draws.below_signed(active + unborn_ids);
}

std::int64_t next_auction(std::uint64_t id, SeededDraws& draws) {
  const std::int64_t newest = last_auction(id);
  const std::int64_t oldest = std::max<std::int64_t>(newest - auctions_in_flight, 0);
  return oldest + draws.below_signed(newest - oldest + 1 + unborn_ids);
}

std::int64_t price(SeededDraws& draws) {
  constexpr double log_million = 13.815510557964274;  // 10^(6u) = e^(u ln 10^6)
  return std::llround(std::exp(draws.unit() * log_million) * 100);
}

std::int64_t person_or_hot(std::uint64_t id, std::int64_t hot_offset, SeededDraws& draws) {
  const bool hot = draws.below(4) != 0;
  return hot ? last_person(id) / hot_group * hot_group + hot_offset : next_person(id, draws);
}

std::string words(std::uint64_t most, char space, SeededDraws& draws) {
  std::string text(3 + draws.below(most - 3), ' ');
  for (char& c : text) {
    c = draws.below(13) == 0 ? space : static_cast<char>('a' + draws.below(26));
  }
  const auto begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

/// Length of the padding that brings a row of `current` bytes to about `average`; 0 beyond it.
std::uint64_t extra_length(std::uint64_t current, std::uint64_t average, SeededDraws& draws) {
  if (current >= average) return 0;
  const std::uint64_t missing = average - current;
  const auto spread = static_cast<std::uint64_t>(std::llround(0.2 * static_cast<double>(missing)));
  return missing - spread + draws.below(2 * spread);
}

std::uint32_t reversed(std::uint32_t bits) {
  std::uint32_t result = 0;
  for (int i = 0; i < 32; ++i) result |= ((bits >> i) & 1U) << (31 - i);
  return result;
}

class Builders final {
 public:
  Builders(const Schema& schema, std::size_t rows) {
    for (const Field& field : schema) columns_.emplace_back(field.type, rows);
  }
  ColumnBuilder& operator[](std::size_t index) { return columns_[index]; }
  BatchPtr finish() {
    if (columns_[0].size() == 0) return nullptr;
    std::vector<ColumnPtr> columns;
    for (ColumnBuilder& builder : columns_) columns.push_back(builder.finish());
    return make_batch(std::move(columns));
  }

 private:
  std::vector<ColumnBuilder> columns_;
};

}  // namespace

struct Generator::Columns {
  Columns(std::uint64_t first, std::uint64_t count)
      : persons(person_schema(), rows(EventKind::person, first, count)),
        auctions(auction_schema(), rows(EventKind::auction, first, count)),
        bid_columns(bid_schema(), rows(EventKind::bid, first, count)) {}
  Builders persons;
  Builders auctions;
  Builders bid_columns;
};

Generator::Generator(GeneratorOptions options)
    : options_(options), letters_(Buffer::allocate(letter_pool + 1024)) {
  SeededDraws draws(options_.seed, ~std::uint64_t{1});
  char* letters = letters_->as<char>();
  for (std::size_t i = 0; i < letters_->size(); ++i) {
    letters[i] = static_cast<char>('a' + draws.below(26));
  }
  make_channels();
}

void Generator::make_channels() {
  SeededDraws draws(options_.seed, ~std::uint64_t{0});
  const auto url = [&] {
    std::string text = "https://www.nexmark.com";
    for (int part = 0; part < 3; ++part) text += "/" + words(5, '_', draws);
    return text + "/item.htm?query=1";
  };
  std::vector<std::string> texts;
  for (const char* name : {"Google", "Facebook", "Baidu", "Apple"}) {
    texts.push_back(name);
    texts.push_back(url());
  }
  for (std::uint32_t i = 0; i < cold_channels; ++i) {
    texts.push_back("channel-" + std::to_string(i));
    std::string text = url();
    if (draws.below(10) != 0) {
      const auto id = static_cast<std::int64_t>(static_cast<std::int32_t>(reversed(i)));
      text += "&channel_id=" + std::to_string(std::abs(id));
    }
    texts.push_back(std::move(text));
  }
  std::size_t bytes = 0;
  for (const std::string& text : texts) bytes += text.size();
  const auto buffer = Buffer::allocate(bytes);
  char* place = buffer->as<char>();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::memcpy(place, texts[i].data(), texts[i].size());
    (i % 2 == 0 ? channels_ : urls_).emplace_back(std::string_view(place, texts[i].size()));
    place += texts[i].size();
  }
  texts_ = buffer;
}

Schema Generator::person_schema() {
  return Schema::parse(
      "id bigint, name string, emailAddress string, creditCard string, city string, "
      "state string, dateTime timestamp, extra string");
}

Schema Generator::auction_schema() {
  return Schema::parse(
      "id bigint, itemName string, description string, initialBid bigint, reserve bigint, "
      "dateTime timestamp, expires timestamp, seller bigint, category bigint, extra string");
}

Schema Generator::bid_schema() {
  return Schema::parse(
      "auction bigint, bidder bigint, price bigint, channel string, url string, "
      "dateTime timestamp, extra string");
}

std::int64_t Generator::milliseconds(std::uint64_t id) const {
  const double microseconds = static_cast<double>(id) * (1e6 / options_.events_per_second);
  return options_.base_milliseconds + static_cast<std::int64_t>(microseconds) / 1000;
}

std::int64_t Generator::span_microseconds(std::uint64_t events) const {
  return std::llround(static_cast<double>(events) * (1e6 / options_.events_per_second));
}

Schema Generator::schema(EventKind kind) {
  if (kind == EventKind::person) return person_schema();
  return kind == EventKind::auction ? auction_schema() : bid_schema();
}

EventKind Generator::kind_of(std::uint64_t id) {
  const std::uint64_t place = id % group;
  if (place >= 4) return EventKind::bid;
  return place > 0 ? EventKind::auction : EventKind::person;
}

std::uint64_t Generator::rows(EventKind kind, std::uint64_t first, std::uint64_t count) {
  // Of a group the person comes first, then three auctions, then the bids.
  const auto before = [kind](std::uint64_t id) -> std::uint64_t {
    const std::uint64_t place = id % group;
    switch (kind) {
      case EventKind::person:
        return id / group + std::min<std::uint64_t>(place, 1);
      case EventKind::auction:
        return id / group * 3 + (place > 1 ? std::min<std::uint64_t>(place - 1, 3) : 0);
      case EventKind::bid:
        return id / group * bids_per_group + (place > 4 ? place - 4 : 0);
    }
    return 0;
  };
  return before(first + 2 + count) - before(first + 2);
}

void Generator::add(std::uint64_t id, EventKind kind, Columns& columns) const {
  if (kind == EventKind::bid) return add_bid(id, columns);
  if (kind == EventKind::auction) return add_auction(id, columns);
  add_person(id, columns);
}

Events Generator::generate(std::uint64_t first, std::uint64_t count) const {
  Columns columns(first, count);
  for (std::uint64_t id = first + 2; id < first + 2 + count; ++id) add(id, kind_of(id), columns);
  return finish(columns);
}

BatchPtr Generator::generate(std::uint64_t first, std::uint64_t count, EventKind kind) const {
  Columns columns(first, count);
  for (std::uint64_t id = first + 2; id < first + 2 + count; ++id) {
    if (kind_of(id) == kind) add(id, kind, columns);
  }
  const Events events = finish(columns);
  if (kind == EventKind::person) return events.persons;
  return kind == EventKind::auction ? events.auctions : events.bids;
}

Events Generator::finish(Columns& columns) const {
  // Channels and extras point into bytes of the generator.
  for (const std::size_t column : {3, 4}) columns.bid_columns[column].keep_alive(texts_);
  columns.bid_columns[6].keep_alive(letters_);
  columns.persons[7].keep_alive(letters_);
  columns.auctions[9].keep_alive(letters_);
  return {columns.persons.finish(), columns.auctions.finish(), columns.bid_columns.finish()};
}

std::string_view Generator::letters(std::uint64_t length, SeededDraws& draws) const {
  return {letters_->as<char>() + draws.below(letter_pool), length};
}

void Generator::add_person(std::uint64_t id, Columns& columns) const {
  SeededDraws draws(options_.seed, id);
  Builders& to = columns.persons;
  const std::string name = std::string(first_names[draws.below(first_names.size())]) + " " +
                           last_names[draws.below(last_names.size())];
  const std::string email = words(7, ' ', draws) + "@" + words(5, ' ', draws) + ".com";
  std::string card;
  for (int part = 0; part < 4; ++part) {
    const std::string digits = std::to_string(10'000 + draws.below(10'000));
    card += (part == 0 ? "" : " ") + digits.substr(1);
  }
  const std::string_view city = cities[draws.below(cities.size())];
  const std::string_view state = states[draws.below(states.size())];
  const auto size = 8 + name.size() + email.size() + card.size() + city.size() + state.size();
  to[0].append<std::int64_t>(first_person + last_person(id));
  to[1].append_string(name);
  to[2].append_string(email);
  to[3].append_string(card);
  to[4].append_string(city);
  to[5].append_string(state);
  to[6].append<std::int64_t>(milliseconds(id) * 1000);
  to[7].append_view(StringView(letters(extra_length(size, 200, draws), draws)));
}

void Generator::add_auction(std::uint64_t id, Columns& columns) const {
  SeededDraws draws(options_.seed, id);
  Builders& to = columns.auctions;
  const std::int64_t seller = first_person + person_or_hot(id, 0, draws);
  const std::int64_t category = first_category + draws.below_signed(5);
  const std::int64_t initial = price(draws);
  const std::int64_t reserve = initial + price(draws);
  const std::string item = words(20, ' ', draws);
  const std::string description = words(100, ' ', draws);
  const std::int64_t time = milliseconds(id);
  const std::int64_t horizon = milliseconds(id + auctions_in_flight * group / 3) - time;
  const std::int64_t expires =
      time + 1 + draws.below_signed(std::max<std::int64_t>(2 * horizon, 1));
  const auto size = 8 + item.size() + description.size() + 8 * 6;
  to[0].append<std::int64_t>(first_auction + last_auction(id));
  to[1].append_string(item);
  to[2].append_string(description);
  to[3].append<std::int64_t>(initial);
  to[4].append<std::int64_t>(reserve);
  to[5].append<std::int64_t>(time * 1000);
  to[6].append<std::int64_t>(expires * 1000);
  to[7].append<std::int64_t>(seller);
  to[8].append<std::int64_t>(category);
  to[9].append_view(StringView(letters(extra_length(size, 500, draws), draws)));
}

void Generator::add_bid(std::uint64_t id, Columns& columns) const {
  SeededDraws draws(options_.seed, id);
  Builders& to = columns.bid_columns;
  const bool hot_auction = draws.below(2) != 0;
  const std::int64_t auction = options_.even_auctions > 0
                                   ? static_cast<std::int64_t>(draws.below(options_.even_auctions))
                               : hot_auction ? last_auction(id) / hot_group * hot_group
                                             : next_auction(id, draws);
  // The original adds the first person's id twice; bidders of the two agree only so.
  const std::int64_t bidder = 2 * first_person + person_or_hot(id, 1, draws);
  const bool hot_channel = draws.below(2) != 0;
  const auto channel =
      hot_channel ? draws.below(hot_channels) : hot_channels + draws.below(cold_channels);
  to[0].append<std::int64_t>(first_auction + auction);
  to[1].append<std::int64_t>(bidder);
  to[2].append<std::int64_t>(price(draws));
  to[3].append_view(channels_[channel]);
  to[4].append_view(urls_[channel]);
  to[5].append<std::int64_t>(milliseconds(id) * 1000);
  // Counts the four numbers alone, as the original does.
  to[6].append_view(StringView(letters(extra_length(32, 100, draws), draws)));
}

}  // namespace libstream::apps
