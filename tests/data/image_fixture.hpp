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

inline byte_vector ppm_file(int height, int width, const byte_vector& pixels) {
  const std::string header =
      "P6\n# a comment\n" + std::to_string(width) + " " + std::to_string(height) + "\n255\n";
  byte_vector bytes(header.begin(), header.end());
  bytes.insert(bytes.end(), pixels.begin(), pixels.end());
  return bytes;
}

#if defined(TRIPTYCH_HAS_JPEG)
/// `channels` 1: greyscale.
inline byte_vector jpeg_file(int height, int width, const byte_vector& pixels, int channels = 3) {
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
  info.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 95, TRUE);
  jpeg_start_compress(&info, TRUE);
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
#endif
