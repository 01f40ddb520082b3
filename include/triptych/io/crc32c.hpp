// triptych/io/crc32c.hpp
//
// CRC-32C (Castagnoli), the checksum of TensorFlow's record files: a byte at a time, by a table.
//
// Source: RFC 3720, section 12.1 and appendix B.4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <triptych/config.hpp>

namespace triptych::io {

namespace detail {

inline constexpr auto crc32c_table = [] {
  constexpr std::uint32_t polynomial = 0x82F63B78;  // its bits in reverse
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t rest = i;
    for (int bit = 0; bit < 8; ++bit) rest = rest >> 1 ^ (rest & 1 ? polynomial : 0);
    table[i] = rest;
  }
  return table;
}();

}  // namespace detail

constexpr std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t rest = ~std::uint32_t{0};
  for (const char c : bytes) {
    rest = rest >> 8 ^ detail::crc32c_table[(rest ^ static_cast<unsigned char>(c)) & 0xFF];
  }
  return ~rest;
}

}  // namespace triptych::io
