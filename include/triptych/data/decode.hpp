// triptych/data/decode.hpp
//
// Image files to 8-bit RGB: binary PPM always, JPEG with libjpeg-turbo if TRIPTYCH_HAS_JPEG is
// defined, PNG with libpng if TRIPTYCH_HAS_PNG is, WebP with libwebp if TRIPTYCH_HAS_WEBP is. What a
// file is, its first bytes say, not its name. The pixels are those of Pillow's convert("RGB") on the
// picture as it is meant to be seen (ImageOps.exif_transpose): docs/images.md has a row for each
// kind of file.
//
// Files are untrusted: memory and work are bounded before they are spent (docs/limits.md), and an
// image whose data ends early is refused, not filled with gray. Every failure is an error::data
// naming the file.
#pragma once

#include <filesystem>
#include <string>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/decoded.hpp>
#include <triptych/data/read_file.hpp>

namespace triptych::data {

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
#if defined(TRIPTYCH_HAS_WEBP)
constexpr bool has_webp = true;
#else
constexpr bool has_webp = false;
#endif

/// Defined by the library alone, for the formats that it reads: a program that was told of others
/// does not link.
template <bool Jpeg, bool Png, bool WebP>
void compiled_library_with_formats();
template <>
void compiled_library_with_formats<has_jpeg, has_png, has_webp>();
[[gnu::used]] constexpr void (*linked_formats)() =
    &compiled_library_with_formats<has_jpeg, has_png, has_webp>;  // one in every object file

}  // namespace detail
#endif

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/decode_inl.hpp>
#endif
