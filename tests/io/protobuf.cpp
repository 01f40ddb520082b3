#include <triptych/io/protobuf.hpp>

#include <limits>
#include <string>

#include "support/catch.hpp"
#include "support/protobuf_reader.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

std::string hex(const std::string& bytes) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto b = static_cast<unsigned char>(c);
    text += {digits[b >> 4], digits[b & 15]};
  }
  return text;
}

}  // namespace

TEST_CASE("Messages are encoded as in the documentation of Protocol Buffers") {
  // Its own examples, and numbers whose bytes are known.
  io::protobuf_message a, b, c, negative, reals;
  CHECK(hex(a.integer(1, 150).text()) == "089601");
  CHECK(hex(b.bytes(2, "testing").text()) == "120774657374696e67");
  CHECK(hex(c.message(3, a).text()) == "1a03089601");
  CHECK(hex(negative.integer(1, -2).text()) == "08feffffffffffffffff01");
  CHECK(hex(reals.float32(1, 1.0f).float64(2, -2.0).text()) == "0d0000803f1100000000000000c0");
  CHECK(hex(io::protobuf_message().integer(16, 0).text()) == "800100");
  CHECK(io::protobuf_message().text().empty());
}

TEST_CASE("A message is read back as it was written") {
  using limits = std::numeric_limits<std::int64_t>;
  const std::string many(1000, 'x'), zero("\0\n", 2);
  io::protobuf_message inner, m;
  inner.integer(1, 7);
  m.integer(1, limits::max()).integer(2, limits::min()).float32(3, 0.1f).float64(4, 0.1);
  m.bytes(5, many).bytes(5, zero).bytes(5, "").message(1000, inner);
  CHECK(field_of(m.text(), 1).integer() == limits::max());
  CHECK(field_of(m.text(), 2).integer() == limits::min());
  CHECK(field_of(m.text(), 3).float32() == 0.1f);
  CHECK(field_of(m.text(), 4).float64() == 0.1);
  const auto texts = fields_of(m.text(), 5);
  REQUIRE(texts.size() == 3);
  CHECK(texts[0].text == many);
  CHECK(texts[1].text == zero);
  CHECK(texts[2].text.empty());
  CHECK(field_of(field_of(m.text(), 1000).text, 1).integer() == 7);
}
