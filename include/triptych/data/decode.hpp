// triptych/data/decode.hpp
//
// Image files to 8-bit RGB: binary PPM always, JPEG with libjpeg-turbo if TRIPTYCH_HAS_JPEG is
// defined (the same bits as Pillow's), PNG with libpng if TRIPTYCH_HAS_PNG is. What a file is, its
// first bytes say, not its name.
//
// Files are untrusted: sizes are bounded before memory is taken, and an image whose data ends early
// is refused, not filled with grey. Every failure is an error::data naming the file.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/data/read_file.hpp>

#if defined(TRIPTYCH_HAS_JPEG)
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it first

#include <jpeglib.h>

#include <jerror.h>
#endif
#if defined(TRIPTYCH_HAS_PNG)
#include <png.h>
#endif

namespace triptych::data {

/// A decoded image: pixels (height, width, 3).
struct decoded {
  int height = 0, width = 0;
  std::vector<std::uint8_t> pixels;
};

inline constexpr std::uintmax_t largest_image_file = std::uintmax_t{64} << 20;  ///< bytes
inline constexpr std::int64_t largest_image = std::int64_t{1} << 25;            ///< pixels

namespace detail {

/// Takes memory for height x width pixels; false if there are none or too many.
inline bool reserve_image(std::int64_t height, std::int64_t width, decoded& image) {
  if (height < 1 || width < 1 || height > largest_image / width) return false;
  image.height = static_cast<int>(height);
  image.width = static_cast<int>(width);
  image.pixels.resize(static_cast<std::size_t>(height * width * 3));
  return true;
}

inline constexpr const char* size_refused = "its size is zero or above 33,554,432 pixels";

// Each decoder returns what is wrong, or nothing.

/// P6 with at most 255 per channel, comments allowed in the header.
inline std::string decode_ppm(std::span<const std::uint8_t> bytes, decoded& image) {
  std::size_t at = 2;
  std::array<std::int64_t, 3> header{};  // width, height, largest value
  for (auto& field : header) {
    const auto space = [&] {
      const std::uint8_t c = bytes[at];
      return c == ' ' || (c >= '\t' && c <= '\r');
    };
    while (at < bytes.size() && (space() || bytes[at] == '#')) {
      if (bytes[at] == '#') {
        while (at < bytes.size() && bytes[at] != '\n') ++at;
      } else {
        ++at;
      }
    }
    const std::size_t start = at;
    while (at < bytes.size() && bytes[at] >= '0' && bytes[at] <= '9' && at < start + 9) {
      field = field * 10 + (bytes[at++] - '0');
    }
    if (at == start || at == bytes.size() || !space()) return "its header is damaged";
  }
  ++at;
  if (header[2] != 255) return "its largest value is not 255";
  if (!reserve_image(header[1], header[0], image)) return size_refused;
  if (bytes.size() - at < image.pixels.size()) {
    return "it ends at byte " + std::to_string(bytes.size()) + ", before its last pixel";
  }
  const auto pixels = bytes.subspan(at, image.pixels.size());
  image.pixels.assign(pixels.begin(), pixels.end());
  return {};
}

#if defined(TRIPTYCH_HAS_JPEG)
struct jpeg_failure {
  jpeg_error_mgr manager;  // first: libjpeg hands back a pointer to it
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

struct jpeg_decoder {
  jpeg_decompress_struct info{};
  jpeg_failure failure{};
  jpeg_decoder() = default;
  jpeg_decoder(const jpeg_decoder&) = delete;
  jpeg_decoder& operator=(const jpeg_decoder&) = delete;
  ~jpeg_decoder() { jpeg_destroy_decompress(&info); }
};

[[noreturn]] inline void jpeg_stop(j_common_ptr info) {
  auto* failure = reinterpret_cast<jpeg_failure*>(info->err);
  info->err->format_message(info, failure->message);
  std::longjmp(failure->jump, 1);
}

/// Missing data is a failure; other warnings (stray bytes between segments) are harmless.
inline void jpeg_warn(j_common_ptr info, int level) {
  const int code = info->err->msg_code;
  if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER)) jpeg_stop(info);
}

inline std::string decode_jpeg(std::span<const std::uint8_t> bytes, decoded& image) {
  jpeg_decoder decoder;
  auto& info = decoder.info;
  info.err = jpeg_std_error(&decoder.failure.manager);
  decoder.failure.manager.error_exit = jpeg_stop;
  decoder.failure.manager.emit_message = jpeg_warn;
  // libjpeg reports by longjmp, which lands here; only C frames lie between.
  if (setjmp(decoder.failure.jump) != 0) return decoder.failure.message;
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes.data(), static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&info, TRUE);
  if (!reserve_image(info.image_height, info.image_width, image)) return size_refused;
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = image.pixels.data() +
                   std::size_t{info.output_scanline} * static_cast<std::size_t>(image.width) * 3;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  return {};
}
#endif

#if defined(TRIPTYCH_HAS_PNG)
struct png_decoder {
  png_image info{};
  png_decoder() { info.version = PNG_IMAGE_VERSION; }
  png_decoder(const png_decoder&) = delete;
  png_decoder& operator=(const png_decoder&) = delete;
  ~png_decoder() { png_image_free(&info); }
};

/// Transparent pixels are laid over black.
inline std::string decode_png(std::span<const std::uint8_t> bytes, decoded& image) {
  png_decoder decoder;
  auto& info = decoder.info;
  if (png_image_begin_read_from_memory(&info, bytes.data(), bytes.size()) == 0) {
    return info.message;
  }
  info.format = PNG_FORMAT_RGB;
  if (!reserve_image(info.height, info.width, image)) return size_refused;
  const png_color black{0, 0, 0};
  if (png_image_finish_read(&info, &black, image.pixels.data(), 0, nullptr) == 0) {
    return info.message;
  }
  return {};
}
#endif

[[noreturn]] inline void throw_built_without(const fs::path& path, const std::string& format,
                                             const std::string& package) {
  throw error::data(path.string() + " is a " + format +
                    " file, and this program was built without " + format + "; install " + package +
                    " and build again");
}

}  // namespace detail

/// Decodes one image file. error::data naming it if that cannot be done.
inline decoded decode_image(const fs::path& path) {
  const auto bytes = read_file(path, largest_image_file);
  const auto begins = [&bytes](std::initializer_list<std::uint8_t> magic) {
    return bytes.size() > magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
  };
  decoded image;
  std::string problem = "it begins like no JPEG, PNG or binary PPM file";
  if (begins({'P', '6'})) {
    problem = detail::decode_ppm(bytes, image);
  } else if (begins({0xFF, 0xD8, 0xFF})) {
#if defined(TRIPTYCH_HAS_JPEG)
    problem = detail::decode_jpeg(bytes, image);
#else
    detail::throw_built_without(path, "JPEG", "libjpeg-dev");
#endif
  } else if (begins({0x89, 'P', 'N', 'G'})) {
#if defined(TRIPTYCH_HAS_PNG)
    problem = detail::decode_png(bytes, image);
#else
    detail::throw_built_without(path, "PNG", "libpng-dev");
#endif
  }
  if (!problem.empty()) {
    throw error::data("cannot decode " + path.string() + " (" + std::to_string(bytes.size()) +
                      " bytes): " + problem + "; replace or remove this file");
  }
  return image;
}

}  // namespace triptych::data
