#include <triptych/io/json_text.hpp>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <support/catch.hpp>
#include <triptych/core/philox.hpp>

namespace io = triptych::io;

TEST_CASE("JSON strings escape what JSON forbids and keep the rest") {
  CHECK(io::json_string("plain") == R"("plain")");
  CHECK(io::json_string("a\"b\\c\nd\te") == R"("a\"b\\c\nd\u0009e")");
  CHECK(io::json_string(std::string_view("\0\x1f\x7f", 3)) == R"("\u0000\u001f\u007f")");
  CHECK(io::json_string("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80") ==
        "\"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\"");
}

TEST_CASE("JSON strings hold no control character that a terminal could obey") {
  CHECK(io::json_string("\xC2\x9B"
                        "2J \xC2\xA0") == "\"\\u009b2J \xC2\xA0\"");
}

TEST_CASE("bytes that are not UTF-8 become replacement characters") {
  CHECK(io::json_string("a\xFF"
                        "b") == R"("a\ufffdb")");
  CHECK(io::json_string("\xC3") == R"("\ufffd")");
}

TEST_CASE("numbers are short and read back as the same bits") {
  CHECK(io::number_text(0.1f) == "0.1");
  CHECK(io::number_text(0.1) == "0.1");
  CHECK(io::number_text(3) == "3");
  CHECK(io::number_text(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(io::number_text(std::numeric_limits<double>::infinity()).empty());
  CHECK(io::number_text(std::numeric_limits<float>::quiet_NaN()).empty());
  triptych::random_stream random(1, triptych::stream::shuffle);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint32_t bits = random.next();
    float number;
    std::memcpy(&number, &bits, sizeof number);
    const std::string text = io::number_text(number);
    if (text.empty()) continue;
    const float back = std::strtof(text.c_str(), nullptr);
    REQUIRE(std::memcmp(&back, &number, sizeof number) == 0);
  }
}
