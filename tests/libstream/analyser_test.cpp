#include <libstream/analyser.hpp>

#include <doctest/doctest.h>

#include <support/plan_fixture.hpp>

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

TEST_CASE("x") {
  const auto r = stream("k string, v bigint, t timestamp");
  MESSAGE(to_text(*analysed(r.with_watermark("t", 2h).group_by(window("t", 1h), "k").agg(count().as("n"), expr("sum(v) / count(*) AS r"), expr("upper(k) AS u"), expr("window.start")))));
}
