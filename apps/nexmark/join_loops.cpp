#include "join_loops.hpp"

#include "ids.hpp"
#include "query_loops.hpp"

#include <libstream/column.hpp>

#include <algorithm>
#include <vector>

namespace libstream::apps {
namespace {

constexpr std::int64_t window = 10'000'000;

const std::int64_t* numbers(const Batch& batch, std::size_t column) {
  return batch.columns[column]->values<std::int64_t>();
}

const StringView* texts(const Batch& batch, std::size_t column) {
  return batch.columns[column]->values<StringView>();
}

/// A row, where it lies.
struct Place {
  const Batch* batch = nullptr;
  std::uint32_t row = 0;
};

/// Rows that wait for their partner, in a list a key.
class Waiting final {
 public:
  void add(std::uint32_t id, Place place) {
    auto& head = at(heads_, id);
    rows_.push_back({place, head});
    head = static_cast<std::uint32_t>(rows_.size());
  }
  template <class Visit>
  void each(std::uint32_t id, Visit&& visit) {
    for (auto i = at(heads_, id); i != 0; i = rows_[i - 1].next) visit(rows_[i - 1].place);
  }

 private:
  struct Row {
    Place place;
    std::uint32_t next;  ///< one more than its number; 0: none
  };
  std::vector<std::uint32_t> heads_;
  std::vector<Row> rows_;
};

/// Rows put out, one batch over and over.
template <std::size_t Words>
class Out final {
 public:
  std::array<StringView, Words>& next() { return rows_[count_++ % rows_.size()]; }

 private:
  std::vector<std::array<StringView, Words>> rows_{4096};
  std::size_t count_ = 0;
};

StringView word(std::int64_t value) {
  StringView view{};
  std::memcpy(static_cast<void*>(&view), &value, sizeof value);
  return view;
}

/// q3: the few persons and auctions that pass, by the person.
class LocalItems final {
 public:
  void operator()(const std::string& stream, const Batch& batch) {
    stream == "persons" ? add_persons(batch) : add_auctions(batch);
    clobber();
  }

 private:
  void add_persons(const Batch& batch) {
    const auto* states = texts(batch, 5);
    const auto& ids = people_.find(numbers(batch, 0), batch.rows);
    for (std::uint32_t i = 0; i < batch.rows; ++i) {
      const auto state = states[i].view();
      if (state != "OR" && state != "ID" && state != "CA") continue;
      at(places_, ids[i]) = {&batch, i};
      waiting_.each(ids[i], [&](Place auction) { emit({&batch, i}, auction); });
    }
  }
  void add_auctions(const Batch& batch) {
    const auto* categories = numbers(batch, 8);
    const auto& sellers = people_.find(numbers(batch, 7), batch.rows);
    for (std::uint32_t i = 0; i < batch.rows; ++i) {
      if (categories[i] != 10) continue;
      const Place person = at(places_, sellers[i]);
      if (person.batch != nullptr) emit(person, {&batch, i});
      waiting_.add(sellers[i], {&batch, i});
    }
  }
  void emit(Place person, Place auction) {
    out_.next() = {texts(*person.batch, 1)[person.row], texts(*person.batch, 4)[person.row],
                   texts(*person.batch, 5)[person.row],
                   word(numbers(*auction.batch, 0)[auction.row])};
  }

  Ids people_;
  std::vector<Place> places_;
  Waiting waiting_;
  Out<4> out_;
};

/// q8: of each person the window that he came in and the last one that he sold in.
class NewSellers final {
 public:
  void operator()(const std::string& stream, const Batch& batch) {
    const bool persons = stream == "persons";
    const auto& ids = people_.find(numbers(batch, persons ? 0 : 7), batch.rows);
    const auto* times = numbers(batch, persons ? 6 : 5);
    const auto* names = persons ? texts(batch, 1) : nullptr;
    std::int64_t begin = 0, current = 0;
    for (std::size_t i = 0; i < batch.rows; ++i) {
      if (times[i] - begin >= window || times[i] < begin) {
        current = times[i] / window;
        begin = current * window;
      }
      Person& person = at(list_, ids[i]);
      if (!persons) {
        person.sold = current;
      } else if (person.came != current) {
        person.came = current;
        person.name = names[i];
        person.through = false;
      }
      if (person.sold != person.came || person.through) continue;
      person.through = true;
      out_.next() = {word(static_cast<std::int64_t>(ids[i])), person.name, word(begin)};
    }
    clobber();
  }

 private:
  struct Person {
    std::int64_t came = -1;
    std::int64_t sold = -2;
    StringView name{};
    bool through = false;
  };
  Ids people_;
  std::vector<Person> list_;
  Out<3> out_;
};

/// q9: the best bid of each auction so far.
class WinningBids final {
 public:
  void operator()(const std::string& stream, const Batch& batch) {
    stream == "bids" ? add_bids(batch) : add_auctions(batch);
    clobber();
  }

 private:
  struct Auction {
    Place place;
    Place best;
    std::int64_t begin = 0, end = 0, price = 0, time = 0;
  };
  void add_auctions(const Batch& batch) {
    const auto& ids = auctions_.find(numbers(batch, 0), batch.rows);
    for (std::uint32_t i = 0; i < batch.rows; ++i) {
      Auction& auction = at(list_, ids[i]);
      auction.place = {&batch, i};
      auction.begin = numbers(batch, 5)[i];
      auction.end = numbers(batch, 6)[i];
      waiting_.each(ids[i], [&](Place bid) { offer(auction, bid); });
    }
  }
  void add_bids(const Batch& batch) {
    const auto& ids = auctions_.find(numbers(batch, 0), batch.rows);
    for (std::uint32_t i = 0; i < batch.rows; ++i) {
      Auction& auction = at(list_, ids[i]);
      if (auction.place.batch != nullptr) {
        offer(auction, {&batch, i});
      } else {
        waiting_.add(ids[i], {&batch, i});
      }
    }
  }
  static void offer(Auction& auction, Place bid) {
    const auto price = numbers(*bid.batch, 2)[bid.row];
    const auto time = numbers(*bid.batch, 5)[bid.row];
    if (time < auction.begin || time > auction.end) return;
    const bool better = price > auction.price || (price == auction.price && time < auction.time);
    if (auction.best.batch != nullptr && !better) return;
    auction.best = bid;
    auction.price = price;
    auction.time = time;
  }

  Ids auctions_;
  std::vector<Auction> list_;
  Waiting waiting_;
};

/// q20: auctions of the category, and bids that came before theirs.
class BidsOfCategory final {
 public:
  void operator()(const std::string& stream, const Batch& batch) {
    stream == "bids" ? add_bids(batch) : add_auctions(batch);
    clobber();
  }

 private:
  struct Auction {
    Place place;
    bool came = false;
  };
  void add_auctions(const Batch& batch) {
    const auto* categories = numbers(batch, 8);
    const auto& ids = auctions_.find(numbers(batch, 0), batch.rows);
    for (std::uint32_t i = 0; i < batch.rows; ++i) {
      Auction& auction = at(list_, ids[i]);
      auction.came = true;
      if (categories[i] != 10) continue;
      auction.place = {&batch, i};
      waiting_.each(ids[i], [&](Place bid) { emit(bid, auction.place); });
    }
  }
  void add_bids(const Batch& batch) {
    const auto& ids = auctions_.find(numbers(batch, 0), batch.rows);
    for (std::uint32_t i = 0; i < batch.rows; ++i) {
      const Auction& auction = at(list_, ids[i]);
      if (auction.place.batch != nullptr) {
        emit({&batch, i}, auction.place);
      } else if (!auction.came) {
        waiting_.add(ids[i], {&batch, i});
      }
    }
  }
  void emit(Place bid, Place auction) {
    auto& out = out_.next();
    std::size_t word_of = 0;
    for (const Place place : {bid, auction}) {
      for (const auto& column : place.batch->columns) {
        out[word_of++] = column->type().is_string_like()
                             ? column->values<StringView>()[place.row]
                             : word(column->values<std::int64_t>()[place.row]);
      }
    }
  }

  Ids auctions_;
  std::vector<Auction> list_;
  Waiting waiting_;
  Out<17> out_;
};

}  // namespace

JoinLoop join_loop(std::string_view query) {
  if (query == "q3") return LocalItems{};
  if (query == "q8") return NewSellers{};
  if (query == "q9") return WinningBids{};
  if (query == "q20") return BidsOfCategory{};
  return {};
}

}  // namespace libstream::apps
