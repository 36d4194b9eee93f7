#include <libstream/row_type.hpp>
#include <libstream/state_bytes.hpp>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace libstream;

namespace shop {

enum class Channel { web, phone };
BOOST_DESCRIBE_ENUM(Channel, web, phone)

struct Place {
  double latitude = 0;
  std::optional<double> longitude;
};
BOOST_DESCRIBE_STRUCT(Place, (), (latitude, longitude))

struct Order {
  bool paid = false;
  std::int16_t shop = 0;
  std::int32_t lines = 0;
  std::int64_t id = 0;
  float weight = 0;
  double price = 0;
  std::string_view customer;
  std::optional<std::string> note;
  Channel channel = Channel::web;
  std::chrono::sys_time<std::chrono::milliseconds> time;
  std::chrono::sys_days day;
  std::chrono::seconds open;
  std::vector<std::int32_t> items;
  Place place;
  std::optional<Place> target;
};
BOOST_DESCRIBE_STRUCT(Order, (),
                      (paid, shop, lines, id, weight, price, customer, note, channel, time, day,
                       open, items, place, target))

struct Narrow {
  std::int64_t id = 0;
  double price = 0;
};
BOOST_DESCRIBE_STRUCT(Narrow, (), (id, price))

struct Count1 {
  std::int64_t count = 0;
  std::string last;
};
BOOST_DESCRIBE_STRUCT(Count1, (), (count, last))
struct Count2 {
  std::optional<std::int64_t> first;
  std::string last;
  std::int32_t limit = 7;
  std::int64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(Count2, (), (first, last, limit, count))
struct Count3 {
  std::int32_t count = 0;
  std::string last;
};
BOOST_DESCRIBE_STRUCT(Count3, (), (count, last))

}  // namespace shop

namespace {

using namespace shop;

std::string message_of(const std::function<void()>& f, ErrorCode code) {
  try {
    f();
  } catch (const Error& error) {
    CHECK(error.code() == code);
    return error.what();
  }
  FAIL("no error");
  return "";
}

Order an_order() {
  using namespace std::chrono;
  Order order;
  order.paid = true;
  order.shop = -3;
  order.lines = 70'000;
  order.id = 5'000'000'000;
  order.weight = 1.5F;
  order.price = 2.25;
  order.customer = "a customer with a long name";
  order.note = "";
  order.channel = Channel::phone;
  order.time = sys_time<milliseconds>(milliseconds(-1));
  order.day = sys_days(days(-1));
  order.open = seconds(90);
  order.items = {1, 2, 3};
  order.place = {1.5, std::nullopt};
  order.target = Place{2.5, 3.5};
  return order;
}

TEST_CASE("a struct has a column for each described field, nullable where it is optional") {
  CHECK(schema_of<Order>().to_string() ==
        "paid boolean NOT NULL, shop smallint NOT NULL, lines int NOT NULL, id bigint NOT NULL, "
        "weight float NOT NULL, price double NOT NULL, customer string NOT NULL, note string, "
        "channel string NOT NULL, time timestamp NOT NULL, day date NOT NULL, "
        "open bigint NOT NULL, items array<int> NOT NULL, "
        "place struct<latitude: double, longitude: double> NOT NULL, "
        "target struct<latitude: double, longitude: double>");
  CHECK(schema_of<std::optional<double>>().to_string() == "value double");
}

TEST_CASE("rows come back from columns as they went in") {
  const std::vector<Order> orders{an_order(), Order{}};
  const auto batch = RowWriter<Order>().write(orders);
  CHECK(to_text(*batch) ==
        "true -3 70000 5000000000 1.5 2.25 a customer with a long name  phone "
        "1969-12-31T23:59:59.999Z 1969-12-31 90 [1, 2, 3] {1.5, null} {2.5, 3.5} | "
        "false 0 0 0 0.0 0.0  null web 1970-01-01T00:00:00Z 1970-01-01 0 [] {0.0, null} null");
  std::vector<Order> back;
  RowReader<Order>(schema_of<Order>()).read(*batch, back);
  REQUIRE(back.size() == 2);
  CHECK(to_text(*RowWriter<Order>().write(back)) == to_text(*batch));
}

TEST_CASE("fields find their columns by name, and read what is narrower") {
  const Schema schema = Schema::parse("x string, PRICE float, ID int");
  const auto batch = batch_of(schema, {{"a", 1.5, 7}, {"b", -2.0, -8}});
  std::vector<Narrow> rows;
  RowReader<Narrow> reader(schema);
  CHECK(reader.columns() == std::vector<std::uint32_t>{2, 1});
  reader.read(*batch, rows);
  CHECK(rows[0].id == 7);
  CHECK(rows[1].id == -8);
  CHECK(rows[1].price == -2.0);
}

TEST_CASE("what does not fit is named with both types, all of it at once") {
  const auto message = message_of(
      [] {
        RowReader<Order> reader(
            Schema::parse("paid boolean, shop int, line int, id bigint, weight float, price "
                          "double, customer string, note bigint, channel string, time timestamp, "
                          "day date, open bigint, items array<string>, place struct<latitude: "
                          "string, longitude: double>, target struct<latitude: double>"));
      },
      ErrorCode::analysis);
  CHECK(message ==
        "as<Order>(): Order.shop is smallint in C++, but the column is int (cast the column or "
        "change the field); Order.lines has no column \"lines\"; did you mean line; Order.note is "
        "string in C++, but the column is bigint (cast the column or change the field); "
        "Order.items[] is int in C++, but the column is string (cast the column or change the "
        "field); Order.place.latitude is double in C++, but the column is string (cast the column "
        "or change the field); Order.target.longitude has no column \"longitude\"; did you mean "
        "latitude");
}

TEST_CASE("a null for a field that is no optional is an error that names the field") {
  const Schema schema = Schema::parse("id bigint, price double");
  RowReader<Narrow> reader(schema);
  std::vector<Narrow> rows;
  const auto message = message_of(
      [&] {
        reader.read(*batch_of(schema, {{1, 1.0}, {2, nullptr}}), rows);
      },
      ErrorCode::data);
  CHECK(message.find("Narrow.price: a null came") == 0);
}

TEST_CASE("text that is no name of the enum is an error that lists the names") {
  const Schema schema = Schema::parse("value string");
  RowReader<Channel> reader(schema);
  std::vector<Channel> values;
  reader.read(*batch_of(schema, {{"phone"}, {"web"}}), values);
  CHECK(values == std::vector<Channel>{Channel::phone, Channel::web});
  const auto message =
      message_of([&] { reader.read(*batch_of(schema, {{"fax"}}), values); }, ErrorCode::data);
  CHECK(message.find("\"fax\" is no name of the enum, which has web, phone") != std::string::npos);
}

TEST_CASE("state bytes give the value back") {
  Count2 value{{}, "a text of more than fifteen bytes", 9, -4};
  std::string bytes;
  StateBytes<Count2>::append(bytes, value);
  std::string_view rest = bytes;
  Count2 back;
  StateLayout<Count2>(StateLayout<Count2>::text()).take(rest, back);
  CHECK(rest.empty());
  CHECK(!back.first);
  CHECK(back.last == value.last);
  CHECK(back.limit == 9);
  CHECK(back.count == -4);
  rest = std::string_view(bytes).substr(0, bytes.size() - 1);
  CHECK(message_of([&] { StateBytes<Count2>::take(rest, back); }, ErrorCode::corrupt)
            .find("too short") != std::string::npos);
}

TEST_CASE("state gains fields over a restart, and loses or changes none") {
  std::string bytes;
  StateBytes<Count1>::append(bytes, {41, "x"});
  std::string_view rest = bytes;
  Count2 now;
  now.limit = 0;
  const StateLayout<Count2> layout(StateLayout<Count1>::text());
  CHECK(!layout.same());
  layout.take(rest, now);
  CHECK(rest.empty());
  CHECK(now.count == 41);
  CHECK(now.last == "x");
  CHECK(now.limit == 7);
  CHECK(!now.first);
  auto message = message_of([] { StateLayout<Count1> back(StateLayout<Count2>::text()); },
                            ErrorCode::incompatible);
  CHECK(message.find("field first is gone") != std::string::npos);
  message = message_of([] { StateLayout<Count3> back(StateLayout<Count1>::text()); },
                       ErrorCode::incompatible);
  CHECK(message.find("[count bigint NOT NULL, last string NOT NULL]") != std::string::npos);
  CHECK(message.find("[count int NOT NULL, last string NOT NULL]") != std::string::npos);
  CHECK(message.find("field count has another type") != std::string::npos);
}

}  // namespace
