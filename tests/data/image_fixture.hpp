// Image files for tests, written by the formats' own libraries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#if defined(TRIPTYCH_HAS_JPEG)
#include <jpeglib.h>
#endif
#if defined(TRIPTYCH_HAS_PNG)
#include <png.h>
#include <zlib.h>
#endif
#if defined(TRIPTYCH_HAS_WEBP)
#include <webp/encode.h>
#endif

using byte_vector = std::vector<std::uint8_t>;

/// A smooth picture (height, width, channels).
inline byte_vector picture(int height, int width, int channels = 3) {
  byte_vector pixels;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        pixels.push_back(static_cast<std::uint8_t>((3 * x + 5 * y + 40 * c) % 256));
      }
    }
  }
  return pixels;
}

/// An EXIF block that names an orientation, in either byte order.
inline byte_vector exif_block(int orientation, bool little) {
  byte_vector block(26, 0);
  const auto put = [&](std::size_t at, std::size_t bytes, int number) {
    for (std::size_t i = 0; i < bytes; ++i) {
      block[little ? at + i : at + bytes - 1 - i] = static_cast<std::uint8_t>(number >> (8 * i));
    }
  };
  block[0] = block[1] = little ? 'I' : 'M';
  put(2, 2, 42);
  put(4, 4, 8);       // where its directory begins
  put(8, 2, 1);       // with one entry:
  put(10, 2, 0x112);  // the orientation,
  put(12, 2, 3);      // of 16 bits,
  put(14, 4, 1);      // one number
  put(18, 2, orientation);
  return block;
}

inline byte_vector ppm_file(int height, int width, const byte_vector& pixels) {
  const std::string header =
      "P6\n# a comment\n" + std::to_string(width) + " " + std::to_string(height) + "\n255\n";
  byte_vector bytes(header.begin(), header.end());
  bytes.insert(bytes.end(), pixels.begin(), pixels.end());
  return bytes;
}

#if defined(TRIPTYCH_HAS_JPEG)
/// `channels` 1: grayscale; 4: what is left of white by four inks. `written` unknown: as usual.
inline byte_vector jpeg_file(int height, int width, const byte_vector& pixels, int channels = 3,
                             bool progressive = false, const byte_vector& exif = {},
                             J_COLOR_SPACE written = JCS_UNKNOWN) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &memory, &size);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = channels;
  info.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 4 ? JCS_CMYK : JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 95, TRUE);
  if (written != JCS_UNKNOWN) jpeg_set_colorspace(&info, written);
  if (progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  if (!exif.empty()) {
    byte_vector segment{'E', 'x', 'i', 'f', 0, 0};
    segment.insert(segment.end(), exif.begin(), exif.end());
    jpeg_write_marker(&info, JPEG_APP0 + 1, segment.data(), static_cast<unsigned>(segment.size()));
  }
  for (int y = 0; y < height; ++y) {
    byte_vector line(pixels.begin() + static_cast<std::ptrdiff_t>(y) * width * channels,
                     pixels.begin() + static_cast<std::ptrdiff_t>(y + 1) * width * channels);
    JSAMPROW row = line.data();
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  byte_vector bytes(memory, memory + size);
  std::free(memory);
  return bytes;
}

/// The same file with its last scan `count` times more.
inline byte_vector with_scans(const byte_vector& jpeg, int count) {
  std::size_t begin = jpeg.size() - 2;  // where the end marker lies
  while (jpeg[begin] != 0xFF || jpeg[begin + 1] != 0xDA) --begin;
  const auto at = jpeg.begin() + static_cast<std::ptrdiff_t>(begin), end = jpeg.end() - 2;
  byte_vector bytes(jpeg.begin(), end);
  for (int i = 0; i < count; ++i) bytes.insert(bytes.end(), at, end);
  bytes.insert(bytes.end(), end, jpeg.end());
  return bytes;
}
#endif

#if defined(TRIPTYCH_HAS_WEBP)
/// Lossless, or with `quality` above 0 lossy; of `channels` 4 the last is opacity.
inline byte_vector webp_file(int height, int width, const byte_vector& pixels, int channels = 3,
                             float quality = 0) {
  std::uint8_t* memory = nullptr;
  const int stride = width * channels;
  const auto* in = pixels.data();
  const std::size_t size =
      channels == 4 ? quality > 0 ? WebPEncodeRGBA(in, width, height, stride, quality, &memory)
                                  : WebPEncodeLosslessRGBA(in, width, height, stride, &memory)
      : quality > 0 ? WebPEncodeRGB(in, width, height, stride, quality, &memory)
                    : WebPEncodeLosslessRGB(in, width, height, stride, &memory);
  byte_vector bytes(memory, memory + size);
  WebPFree(memory);
  return bytes;
}

/// A chunk of a WebP file: its name, its length, what it holds, filled up to an even length.
inline byte_vector webp_chunk(const std::string& name, const byte_vector& content) {
  byte_vector chunk(name.begin(), name.end());
  for (int i = 0; i < 4; ++i) {
    chunk.push_back(static_cast<std::uint8_t>(content.size() >> (8 * i)));
  }
  chunk.insert(chunk.end(), content.begin(), content.end());
  if (content.size() % 2 != 0) chunk.push_back(0);
  return chunk;
}

/// A simple file in the extended form: `flags` (2 animated, 8 with EXIF), and more chunks behind it.
inline byte_vector extended_webp(const byte_vector& simple, int height, int width, int flags,
                                 const byte_vector& more) {
  byte_vector about(10, 0);
  about[0] = static_cast<std::uint8_t>(flags);
  about[4] = static_cast<std::uint8_t>(width - 1);
  about[7] = static_cast<std::uint8_t>(height - 1);
  byte_vector content{'W', 'E', 'B', 'P'};
  const auto extended = webp_chunk("VP8X", about);
  content.insert(content.end(), extended.begin(), extended.end());
  content.insert(content.end(), simple.begin() + 12, simple.end());
  content.insert(content.end(), more.begin(), more.end());
  return webp_chunk("RIFF", content);
}
#endif

#if defined(TRIPTYCH_HAS_PNG)
inline byte_vector png_file(int height, int width, const byte_vector& pixels) {
  png_image info{};
  info.version = PNG_IMAGE_VERSION;
  info.width = static_cast<png_uint_32>(width);
  info.height = static_cast<png_uint_32>(height);
  info.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  png_image_write_to_memory(&info, nullptr, &size, 0, pixels.data(), 0, nullptr);
  byte_vector bytes(size);
  png_image_write_to_memory(&info, bytes.data(), &size, 0, pixels.data(), 0, nullptr);
  bytes.resize(size);
  return bytes;
}

/// A file of any of PNG's forms, with a pattern in it, or black. `gamma` 0: none is written.
struct png_form {
  int color = PNG_COLOR_TYPE_RGB, depth = 8;
  bool interlaced = false, transparent = false;
  double gamma = 0;
  bool black = false;
  byte_vector exif{};

  [[nodiscard]] std::size_t row_bytes(int width) const {
    const int channels = color == PNG_COLOR_TYPE_RGB          ? 3
                         : color == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
                         : color == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                              : 1;
    return static_cast<std::size_t>((width * channels * depth + 7) / 8);
  }
  /// What its rows hold, which repeat.
  [[nodiscard]] std::vector<byte_vector> rows(int width) const {
    std::vector<byte_vector> lines(black ? 1 : 16, byte_vector(row_bytes(width)));
    std::uint32_t state = 1;
    for (auto& line : lines) {
      for (auto& byte : line) {
        state = state * 1664525u + 1013904223u;
        if (!black) byte = static_cast<std::uint8_t>(state >> 24);
      }
    }
    return lines;
  }
  /// The colors that a file with a palette names.
  static byte_vector palette_color(int i) {
    const auto level = [&](int k) { return static_cast<std::uint8_t>((i * k) % 256); };
    return {level(37), level(91), level(143)};
  }
};

inline byte_vector png_file(int height, int width, const png_form& form) {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  byte_vector bytes;
  png_set_write_fn(
      png, &bytes,
      [](png_structp p, png_bytep data, png_size_t size) {
        auto& to = *static_cast<byte_vector*>(png_get_io_ptr(p));
        to.insert(to.end(), data, data + size);
      },
      nullptr);
  png_set_compression_level(png, 1);
  png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height),
               form.depth, form.color, form.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (form.color == PNG_COLOR_TYPE_PALETTE) {
    std::vector<png_color> palette;
    for (int i = 0; i < 1 << form.depth; ++i) {
      const auto c = png_form::palette_color(i);
      palette.push_back({c[0], c[1], c[2]});
    }
    png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
  }
  const png_byte alphas[]{0, 128};
  const png_color_16 clear{1, 1, 1, 1, 1};
  if (form.transparent) png_set_tRNS(png, info, alphas, 2, &clear);
  if (form.gamma > 0) png_set_gAMA(png, info, form.gamma);
  byte_vector exif = form.exif;
  if (!exif.empty()) {
    png_set_eXIf_1(png, info, static_cast<png_uint_32>(exif.size()), exif.data());
  }
  png_write_info(png, info);
  auto lines = form.rows(width);
  std::vector<png_bytep> rows;
  for (int y = 0; y < height; ++y) {
    rows.push_back(lines[static_cast<std::size_t>(y) % lines.size()].data());
  }
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

// The chunks of a PNG file lie behind its signature of 8 bytes: length, name, data, checksum.

inline void put_number(std::uint8_t* at, std::size_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

/// Calls visit(chunk, bytes of its data) for each whole chunk.
template <class Visit>
void each_chunk(std::uint8_t* file, std::size_t size, const Visit& visit) {
  constexpr std::size_t frame = 12;  // bytes around the data
  for (std::size_t at = 8; at + frame <= size;) {
    const std::size_t length = png_get_uint_32(file + at);
    if (length > size - at - frame) return;
    visit(file + at, length);
    at += frame + length;
  }
}

/// Makes every chunk's checksum that of its name and data.
inline void set_checksums(std::uint8_t* file, std::size_t size) {
  each_chunk(file, size, [](std::uint8_t* chunk, std::size_t length) {
    put_number(chunk + 8 + length, crc32(0, chunk + 4, static_cast<uInt>(length + 4)));
  });
}

/// The same file saying that it has `height` rows.
inline byte_vector with_height(byte_vector png, std::uint32_t height) {
  put_number(png.data() + 20, height);
  set_checksums(png.data(), png.size());
  return png;
}
#endif
