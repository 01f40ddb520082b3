#include <triptych/core/printable.hpp>

#include <string>
#include <string_view>

#include <support/catch.hpp>
#include <triptych/core/error.hpp>

using namespace triptych;

TEST_CASE("no control character that a terminal could obey gets through") {
  CHECK(printable("\x1b[31mred\x07\r\n") == R"(\u001b[31mred\u0007\u000d\n)");
  CHECK(printable("\xC2\x80 \xC2\x9B \x7f") == R"(\u0080 \u009b \u007f)");
  CHECK(printable(std::string_view("a\0b", 3)) == R"(a\u0000b)");
  CHECK(printable("gr\xC3\xB6\xC3\x9F"
                  "e \xF0\x9F\x98\x80 \\ \"") == "gr\xC3\xB6\xC3\x9F"
                                                 "e \xF0\x9F\x98\x80 \\ \"");
  CHECK(printable("\x9b"
                  "2J \xE2\x82") == R"(\x9b2J \xe2\x82)");  // C1 as Latin-1; cut short
  CHECK(printable("").empty());
}

TEST_CASE("nothing turns the direction of a line or breaks it") {
  CHECK(printable("a\xE2\x80\xAE.b\xE2\x81\xA9") == R"(a\u202e.b\u2069)");
  CHECK(printable("\xD8\x9C\xE2\x80\x8F\xE2\x80\xA8") == R"(\u061c\u200f\u2028)");
  CHECK(printable("\xE2\x80\x93 \xE2\x82\xAC") == "\xE2\x80\x93 \xE2\x82\xAC");  // neighbors
}

TEST_CASE("a text in quotes is short") {
  CHECK(in_quotes("a\nb") == R"('a\nb')");
  CHECK(in_quotes(std::string(200, 'x')) == "'" + std::string(200, 'x') + "'");
  CHECK(in_quotes(std::string(201, 'x')) == "'" + std::string(200, 'x') + "...'");
}

TEST_CASE("what is UTF-8 is known") {
  for (const char* bad : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\x80", "\xE2\x82", "\xC3("}) {
    CHECK_FALSE(is_utf8(bad));
  }
  CHECK(is_utf8("\xF4\x8F\xBF\xBF \xED\x9F\xBF \xEE\x80\x80 \xC2\x80"));
}

TEST_CASE("an error's sentence is one line that a terminal shows, whatever it quotes") {
  const std::string name = "on\n\x1b[2J\xFF";
  const auto refusal = error::data("there is no image '" + name + "'; give another");
  CHECK(std::string(refusal.what()) == R"(there is no image 'on\n\u001b[2J\xff'; give another)");
  // Said again, as with another piece of advice, it stays as it is.
  CHECK(std::string(error::data(refusal.what()).what()) == refusal.what());
}
