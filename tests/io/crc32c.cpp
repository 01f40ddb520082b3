#include <triptych/io/crc32c.hpp>

#include <string>

#include "support/catch.hpp"

using triptych::io::crc32c;

TEST_CASE("CRC-32C is that of RFC 3720") {
  static_assert(crc32c("123456789") == 0xE3069283);  // the usual check value
  CHECK(crc32c("") == 0);
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AA);
  CHECK(crc32c(std::string(32, '\xFF')) == 0x62A8AB43);
  std::string rising, falling;
  for (int i = 0; i < 32; ++i) {
    rising += static_cast<char>(i);
    falling += static_cast<char>(31 - i);
  }
  CHECK(crc32c(rising) == 0x46DD794E);
  CHECK(crc32c(falling) == 0x113FDB5C);
}
