// triptych/data/decode_inl.hpp
//
// The bodies of decode.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/decode.hpp>
#include <triptych/data/decoder/format.hpp>
#include <triptych/data/decoder/jpeg.hpp>
#include <triptych/data/decoder/png.hpp>
#include <triptych/data/decoder/ppm.hpp>
#include <triptych/data/decoder/webp.hpp>
#include <triptych/data/read_file.hpp>

namespace triptych::data {

namespace detail {

#ifdef TRIPTYCH_COMPILED
template <>
void compiled_library_with_formats<has_jpeg, has_png, has_webp>() {}
#endif

inline std::string built_without(const std::string& format, const std::string& package) {
  return "it is a " + format + " file, and this program was built without " + format +
         "; install " + package + " and build again";
}

}  // namespace detail

TRIPTYCH_INLINE bool is_picture(const fs::path& path) {
  const std::string extension = lower_case(path.extension().string());
  constexpr std::array<std::string_view, 16> usual{
      ".jpg", ".jpeg", ".jpe", ".jfif", ".png",  ".ppm",  ".webp", ".gif",
      ".bmp", ".dib",  ".tif", ".tiff", ".heic", ".heif", ".avif", ".jxl"};
  if (std::find(usual.begin(), usual.end(), extension) != usual.end()) return true;
  return detail::format_of(read_beginning(path, 32)) != detail::picture_format::none;
}

TRIPTYCH_INLINE std::string try_decode(const fs::path& path, decoded& image) {
  const auto bytes = read_file(path, largest_image_file);
  const auto format = detail::format_of(bytes);
  switch (format) {
  case detail::picture_format::ppm:
    return detail::decode_ppm(bytes, image);
  case detail::picture_format::jpeg:
#if defined(TRIPTYCH_HAS_JPEG)
    return detail::decode_jpeg(bytes, image);
#else
    return detail::built_without("JPEG", "libjpeg-dev");
#endif
  case detail::picture_format::png:
#if defined(TRIPTYCH_HAS_PNG)
    return detail::decode_png(bytes, image);
#else
    return detail::built_without("PNG", "libpng-dev");
#endif
  case detail::picture_format::webp:
#if defined(TRIPTYCH_HAS_WEBP)
    return detail::decode_webp(bytes, image);
#else
    return detail::built_without("WebP", "libwebp-dev");
#endif
  case detail::picture_format::none:
    return "it begins like no picture";
  default:
    return std::string("it is a ") + detail::format_names[static_cast<std::size_t>(format)] +
           " file, and JPEG, PNG, WebP and binary PPM are read; convert it";
  }
}

TRIPTYCH_INLINE decoded decode_image(const fs::path& path) {
  decoded image;
  if (const auto problem = try_decode(path, image); !problem.empty()) {
    throw error::data("cannot decode " + path.string() + ": " + problem +
                      (problem.find(';') == problem.npos ? "; replace or remove this file" : ""));
  }
  return image;
}

}  // namespace triptych::data
