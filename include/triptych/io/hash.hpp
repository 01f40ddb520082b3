// triptych/io/hash.hpp
//
// XXH64 checksums (libxxhash, compiled in) of memory and of streams: they find damage, not malice.
// The digest of a file is its size together with its checksum. Cost: about 10 GB/s.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <triptych/config.hpp>

namespace triptych::io {

/// Size in bytes and XXH64 (seed 0) of everything written.
struct digest {
  std::uint64_t bytes = 0;
  std::uint64_t xxh64 = 0;

  bool operator==(const digest&) const = default;
};

/// Takes a checksum piece by piece.
class hasher {
 public:
  hasher() { XXH64_reset(&state_, 0); }

  void add(std::span<const std::byte> piece) {
    XXH64_update(&state_, piece.data(), piece.size());
    bytes_ += piece.size();
  }

  [[nodiscard]] digest result() const { return {bytes_, XXH64_digest(&state_)}; }

 private:
  XXH64_state_t state_;
  std::uint64_t bytes_ = 0;
};

inline digest digest_of(std::span<const std::byte> bytes) {
  return {bytes.size(), XXH64(bytes.data(), bytes.size(), 0)};
}

inline digest digest_of(std::string_view text) {
  return {text.size(), XXH64(text.data(), text.size(), 0)};
}

/// Sixteen lower-case hexadecimal digits, as `xxhsum -H64` prints them.
inline std::string hex_text(std::uint64_t value) {
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4) {
    *digit = "0123456789abcdef"[value & 15];
  }
  return text;
}

}  // namespace triptych::io
