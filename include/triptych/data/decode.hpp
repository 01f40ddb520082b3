// triptych/data/decode.hpp
//
// Image files to 8-bit RGB: binary PPM always, JPEG with libjpeg-turbo if TRIPTYCH_HAS_JPEG is
// defined, PNG with libpng if TRIPTYCH_HAS_PNG is. What a file is, its first bytes say, not its
// name. The pixels are those of Pillow's convert("RGB") on the picture as it is meant to be seen
// (ImageOps.exif_transpose): docs/images.md has a row for each kind of file.
//
// Files are untrusted: memory and work are bounded before they are spent (docs/limits.md), and an
// image whose data ends early is refused, not filled with gray. Every failure is an error::data
// naming the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/read_file.hpp>

namespace triptych::data {

/// A decoded image: pixels (height, width, 3).
struct decoded {
  int height = 0, width = 0;
  std::vector<std::uint8_t> pixels;
};

inline constexpr std::uintmax_t largest_image_file = std::uintmax_t{64} << 20;  ///< bytes
inline constexpr std::int64_t largest_image = std::int64_t{1} << 25;            ///< pixels
inline constexpr std::int64_t largest_in_scans = 2 * largest_image;             ///< a JPEG in scans
inline constexpr std::int64_t longest_side = 65'535;                            ///< pixels
inline constexpr int most_scans = 100;                                          ///< of a JPEG
inline constexpr int smallest_scale = 8;  ///< a larger JPEG is read at 1/2, 1/4 or 1/8 of its size

/// What a file may cost, in pixels of an 8-bit PNG: so much at any length, and so much a byte.
inline constexpr std::int64_t free_work = 3'500'000;
inline constexpr std::int64_t work_per_byte = 80;

/// Decodes one image file. error::data naming it if that cannot be done.
decoded decode_image(const fs::path& path);

/// The same where pictures are read one after the other: what is wrong with the file, or nothing.
std::string try_decode(const fs::path& path, decoded& image);

/// Whether a file is a picture, of a format that is read or another one, by its name or its first
/// bytes.
bool is_picture(const fs::path& path);

#ifdef TRIPTYCH_COMPILED
namespace detail {

#if defined(TRIPTYCH_HAS_JPEG)
constexpr bool has_jpeg = true;
#else
constexpr bool has_jpeg = false;
#endif
#if defined(TRIPTYCH_HAS_PNG)
constexpr bool has_png = true;
#else
constexpr bool has_png = false;
#endif

/// Defined by the library alone, for the formats that it reads: a program that was told of others
/// does not link.
template <bool Jpeg, bool Png>
void compiled_library_with_formats();
template <>
void compiled_library_with_formats<has_jpeg, has_png>();
[[gnu::used]] constexpr void (*linked_formats)() =
    &compiled_library_with_formats<has_jpeg, has_png>;  // one in every object file

}  // namespace detail
#endif

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/decode_inl.hpp>
#endif
