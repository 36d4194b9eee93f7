#include "expression_support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

using namespace libstream;
using test::check;
using test::evaluated;

TEST_CASE("More strings") {
  check({{"lpad('hi', 5, '?')",
          "?"
          "?"
          "?hi"},
         {"rpad('hi', 5, 'ab')", "hiaba"},
         {"lpad('hello', 2)", "he"},
         {"rpad('hi', 4) || '|'", "hi  |"},
         {"reverse('hällo')", "olläh"},
         {"repeat('ab', 3)", "ababab"},
         {"repeat('ab', -1)", ""},
         {"initcap('sPark sql')", "Spark Sql"},
         {"translate('AaBbCc', 'abc', '12')", "A1B2C"},
         {"ascii('2')", "50"},
         {"ascii('')", "0"},
         {"chr(65)", "A"},
         {"hex(17)", "11"},
         {"hex('Spark SQL')", "537061726B2053514C"},
         {"hex(-1L)", "FFFFFFFFFFFFFFFF"},
         {"cast(unhex('537061726B') AS string)", "Spark"},
         {"unhex('xx')", "null"},
         {"base64(cast('Spark SQL' AS binary))", "U3BhcmsgU1FM"},
         {"cast(unbase64('U3BhcmsgU1FM') AS string)", "Spark SQL"},
         {"unbase64('a?')", "error: 'a?' is no base64"},
         {"split_part('11.12.13', '.', 3)", "13"},
         {"split_part('11.12.13', '.', -2)", "12"},
         {"split_part('11.12.13', '.', 9)", ""},
         {"split_part('a', '.', 0)", "error: the index 0"},
         {"substring_index('www.apache.org', '.', 2)", "www.apache"},
         {"substring_index('www.apache.org', '.', -1)", "org"},
         {"levenshtein('kitten', 'sitting')", "3"},
         {"levenshtein('kitten', 'sitting', 2)", "-1"},
         {"locate('bar', 'foobarbar')", "4"},
         {"locate('bar', 'foobarbar', 5)", "7"},
         {"format_string('Hello World %d %s %.2f %x', 100, 'days', 1.5D, 255)",
          "Hello World 100 days 1.50 ff"},
         {"printf('%5d|%-4s|%%', 7, NULL)", "    7|null|%"},
         {"format_string('%d', 'x')", "error: %d does not print"},
         {"format_string('%s')", "error: the format '%s' has too few"}});
}

TEST_CASE("More numbers") {
  check({{"tan(0)", "0.0"},
         {"acos(1)", "0.0"},
         {"atan2(0, 0)", "0.0"},
         {"sinh(0)", "0.0"},
         {"cbrt(27)", "3.0"},
         {"hypot(3, 4)", "5.0"},
         {"degrees(pi())", "180.0"},
         {"round(e(), 4)", "2.7183"},
         {"radians(180) = pi()", "true"},
         {"rint(12.5D)", "12.0"},
         {"bround(2.5D)", "2.0"},
         {"bround(25, -1)", "20.0"},
         {"log(10, 100)", "2.0"},
         {"log(1)", "0.0"},
         {"log(0)", "null"},
         {"nanvl(cast('NaN' AS double), 123)", "123.0"},
         {"3 & 5", "1"},
         {"3 | 5", "7"},
         {"3 ^ 5", "6"},
         {"~0", "-1"},
         {"1 | 2 = 3", "true"},
         {"shiftleft(2, 1)", "4"},
         {"shiftright(-4, 1)", "-2"},
         {"shiftrightunsigned(-4L, 60)", "15"},
         {"bit_count(7)", "3"},
         {"conv('100', 2, 10)", "4"},
         {"conv('-10', 16, -10)", "-16"},
         {"conv('zz', 10, 16)", "0"},
         {"1.5D & 1", "error: & does not take"}});
}

TEST_CASE("Zones, formats and distances of time") {
  check({{"from_utc_timestamp('2016-08-31', 'Asia/Seoul')", "2016-08-31T09:00:00Z"},
         {"to_utc_timestamp('2016-08-31', 'Asia/Seoul')", "2016-08-30T15:00:00Z"},
         {"from_utc_timestamp('2020-07-01 00:00:00', 'Europe/Berlin')", "2020-07-01T02:00:00Z"},
         {"from_utc_timestamp('2020-01-01 00:00:00', '+05:30')", "2020-01-01T05:30:00Z"},
         {"from_utc_timestamp('2020-01-01', 'Mars/Base')", "error: there is no time zone"},
         {"date_format('2016-04-08', 'y')", "2016"},
         {"date_format(TIMESTAMP '2016-04-08T13:04:05.678Z', 'EEE, d MMM yyyy hh:mm:ss.SSS a')",
          "Fri, 8 Apr 2016 01:04:05.678 PM"},
         {"date_format('2016-04-08', \"'day' D\")", "day 99"},
         {"date_format('2016-04-08', 'b')", "error: 'b' is no field"},
         {"from_unixtime(0)", "1970-01-01 00:00:00"},
         {"from_unixtime(86399, 'HH:mm')", "23:59"},
         {"make_date(2013, 7, 15)", "2013-07-15"},
         {"make_date(2019, 2, 30)", "error: there is no date 2019-2-30"},
         {"make_timestamp(2014, 12, 28, 6, 30, 45.887)", "2014-12-28T06:30:45.887Z"},
         {"next_day('2015-01-14', 'TU')", "2015-01-20"},
         {"next_day('2015-01-14', 'xx')", "error: 'xx' is no day"},
         {"months_between('1997-02-28 10:30:00', '1996-10-30')", "3.94959677"},
         {"months_between('2013-03-31', '2013-02-28')", "1.0"},
         {"timestampadd(MONTH, 1, TIMESTAMP '2013-01-31T10:00:00Z')", "2013-02-28T10:00:00Z"},
         {"timestampadd(HOUR, -1, TIMESTAMP '2013-01-31T10:00:00Z')", "2013-01-31T09:00:00Z"},
         {"timestampdiff(MONTH, '2013-01-31', '2013-03-30')", "1"},
         {"timestampdiff('day', '2013-01-31', '2013-01-01')", "-30"},
         {"timestampdiff(EON, '2013-01-31', '2013-01-01')", "error: 'EON' is no unit"}});
}

TEST_CASE("More arrays") {
  check({{"sort_array(array('b', 'd', NULL, 'c', 'a'), true)", "[null, a, b, c, d]"},
         {"sort_array(array(1, NULL, 3), false)", "[3, 1, null]"},
         {"array_distinct(array(1, 2, 3, NULL, 3, NULL))", "[1, 2, 3, null]"},
         {"array_join(array('hello', NULL, 'world'), ' ')", "hello world"},
         {"array_join(array('hello', NULL), ' ', ',')", "hello ,"},
         {"array_max(array(1, 20, NULL, 3))", "20"},
         {"array_min(array(NULL, 20, 3))", "3"},
         {"array_position(array(312, 773, 708), 708)", "3"},
         {"array_position(array(312), 7)", "0"},
         {"slice(array(1, 2, 3, 4), 2, 2)", "[2, 3]"},
         {"slice(array(1, 2, 3, 4), -2, 2)", "[3, 4]"},
         {"slice(array(1), 0, 2)", "error: the start 0"},
         {"flatten(array(array(1, 2), array(3)))", "[1, 2, 3]"},
         {"sequence(1, 5)", "[1, 2, 3, 4, 5]"},
         {"sequence(5, 1, -2)", "[5, 3, 1]"},
         {"sequence(1, 5, -1)", "error: a sequence from 1 by -1"}});
}

TEST_CASE("Hashes and digests agree with other systems") {
  check({{"hash('Spark', array(123), 2)", "-1321691492"},
         {"xxhash64('Spark', array(123), 2)", "5602566077635097486"},
         {"md5('Spark')", "8cde774d6f7333752ed72cacddb05126"},
         {"sha1('Spark')", "85f5955f4b27a9a4c2aab6ffe5d7189fc298b92c"},
         {"sha2('Spark', 256)", "529bc3b07127ecb7e53a4dcf1991d9152c24537d919178022b2c42657f79a26b"},
         {"sha2('abc', 224)", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
         {"left(sha2('abc', 512), 16)", "ddaf35a193617aba"},
         {"left(sha2('abc', 384), 16)", "cb00753f45a35e8b"},
         {"sha2('abc', 1)", "null"},
         {"crc32('Spark')", "1557323817"}});
}
