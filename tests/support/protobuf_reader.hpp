// Takes a message of Protocol Buffers apart, without knowing what its fields mean.
#pragma once

#include <bit>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace triptych::test {

struct protobuf_field {
  std::uint32_t number = 0, kind = 0;
  std::uint64_t bits = 0;   ///< of a number
  std::string_view text{};  ///< of a string, bytes or a message

  [[nodiscard]] std::int64_t integer() const { return static_cast<std::int64_t>(bits); }
  [[nodiscard]] float float32() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  }
  [[nodiscard]] double float64() const { return std::bit_cast<double>(bits); }
};

/// The fields of a message in their order. Throws std::runtime_error for what is none.
inline std::vector<protobuf_field> fields_of(std::string_view message) {
  std::size_t at = 0;
  const auto byte = [&]() -> std::uint64_t {
    if (at >= message.size()) throw std::runtime_error("the message ends within a field");
    return static_cast<unsigned char>(message[at++]);
  };
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto b = byte();
      value |= (b & 0x7F) << shift;
      if (b < 0x80) return value;
    }
    throw std::runtime_error("a number of more than 64 bits");
  };
  std::vector<protobuf_field> fields;
  while (at < message.size()) {
    const auto key = varint();
    protobuf_field f{.number = static_cast<std::uint32_t>(key >> 3),
                     .kind = static_cast<std::uint32_t>(key & 7)};
    if (f.kind == 0) {
      f.bits = varint();
    } else if (f.kind == 1 || f.kind == 5) {
      for (int i = 0; i < (f.kind == 1 ? 8 : 4); ++i) f.bits |= byte() << (8 * i);
    } else if (f.kind == 2) {
      const auto size = varint();
      if (size > message.size() - at) throw std::runtime_error("the message ends within bytes");
      f.text = message.substr(at, size);
      at += size;
    } else {
      throw std::runtime_error("a field of no known kind");
    }
    fields.push_back(f);
  }
  return fields;
}

/// All fields of a number, in their order.
inline std::vector<protobuf_field> fields_of(std::string_view message, std::uint32_t number) {
  auto all = fields_of(message);
  std::erase_if(all, [&](const auto& f) { return f.number != number; });
  return all;
}

/// The one field of a number. Throws where there is none or are several.
inline protobuf_field field_of(std::string_view message, std::uint32_t number) {
  const auto all = fields_of(message, number);
  if (all.size() != 1) {
    throw std::runtime_error("field " + std::to_string(number) + " is there " +
                             std::to_string(all.size()) + " times");
  }
  return all.front();
}

}  // namespace triptych::test
