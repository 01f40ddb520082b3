// triptych/data/decoder/webp.hpp
//
// WebP by libwebp, where TRIPTYCH_HAS_WEBP is defined: lossy and lossless, of one frame.
#pragma once

#if defined(TRIPTYCH_HAS_WEBP)
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>

#include <webp/decode.h>

#include <triptych/data/decoded.hpp>
#include <triptych/data/decoder/image.hpp>

namespace triptych::data::detail {

inline std::string webp_problem(VP8StatusCode status) {
  switch (status) {
  case VP8_STATUS_OK:
    return {};
  case VP8_STATUS_NOT_ENOUGH_DATA:
    return "it ends before its last pixel";
  case VP8_STATUS_OUT_OF_MEMORY:
    throw std::bad_alloc();
  default:
    return "libwebp calls it damaged, number " + std::to_string(static_cast<int>(status));
  }
}

/// The orientation that the chunk EXIF of the container names. A chunk is its name, the length of
/// what follows, and that, filled up to an even length.
inline int webp_orientation(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t container = 12, head = 8;
  for (auto rest = bytes.subspan(std::min(container, bytes.size())); rest.size() >= head;) {
    std::size_t length = 0;
    for (std::size_t i = head; i-- > 4;) length = length << 8 | rest[i];
    const std::string_view name(reinterpret_cast<const char*>(rest.data()), 4);
    const auto chunk = rest.subspan(head, std::min(length, rest.size() - head));
    if (name == "EXIF") {  // some programs begin it as in a JPEG
      const std::string_view text(reinterpret_cast<const char*>(chunk.data()), chunk.size());
      constexpr std::string_view prefix("Exif\0\0", 6);
      return orientation_of(chunk.subspan(text.starts_with(prefix) ? prefix.size() : 0));
    }
    rest = rest.subspan(std::min(head + length + (length & 1), rest.size()));
  }
  return 1;
}

inline std::string decode_webp(std::span<const std::uint8_t> bytes, decoded& image) {
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) return "libwebp is of another version than its headers";
  const std::unique_ptr<WebPDecBuffer, void (*)(WebPDecBuffer*)> buffer(&config.output,
                                                                        WebPFreeDecBuffer);
  if (auto wrong = webp_problem(WebPGetFeatures(bytes.data(), bytes.size(), &config.input));
      !wrong.empty()) {
    return wrong;
  }
  const auto& about = config.input;
  if (about.has_animation != 0) return "it is animated; save the frame that is meant";
  const auto pixels = std::int64_t{about.height} * about.width;
  if (!affordable(2 * pixels, bytes.size())) return work_refused;
  if (!reserve_image(about.height, about.width, image)) return size_refused;
  config.output.colorspace = MODE_RGB;  // transparency is dropped
  config.output.is_external_memory = 1;
  auto& rows = config.output.u.RGBA;
  rows.rgba = image.pixels.data();
  rows.size = image.pixels.size();
  rows.stride = 3 * about.width;
  if (auto wrong = webp_problem(WebPDecode(bytes.data(), bytes.size(), &config)); !wrong.empty()) {
    return wrong;
  }
  orient(webp_orientation(bytes), image);
  return {};
}

}  // namespace triptych::data::detail
#endif
