// triptych/data/decode_inl.hpp
//
// The bodies of decode.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/decode.hpp>
#include <triptych/data/read_file.hpp>

#if defined(TRIPTYCH_HAS_JPEG) || defined(TRIPTYCH_HAS_PNG)
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it first
#endif
#if defined(TRIPTYCH_HAS_JPEG)
#include <jpeglib.h>

#include <jerror.h>
#endif
#if defined(TRIPTYCH_HAS_PNG)
#include <png.h>
#endif

namespace triptych::data {

namespace detail {

#ifdef TRIPTYCH_COMPILED
template <>
void compiled_library_with_formats<has_jpeg, has_png>() {}
#endif

/// Takes memory for height x width pixels; false if there are none or too many.
inline bool reserve_image(std::int64_t height, std::int64_t width, decoded& image) {
  if (height < 1 || width < 1 || height > longest_side || width > longest_side ||
      height * width > largest_image) {
    return false;
  }
  image.height = static_cast<int>(height);
  image.width = static_cast<int>(width);
  image.pixels.resize(static_cast<std::size_t>(height * width * 3));
  return true;
}

inline constexpr const char* size_refused =
    "it has no pixels, or more than the 33,554,432 (65,535 on a side) that are read; save it "
    "smaller, "
    "or as a JPEG, of which larger ones are read at a half, a quarter or an eighth of their size";

/// Turns the picture as orientation 1 to 8 of EXIF says that it is meant to be seen.
inline void orient(int orientation, decoded& image) {
  if (orientation < 2 || orientation > 8) return;
  const auto height = static_cast<std::size_t>(image.height);
  const auto width = static_cast<std::size_t>(image.width);
  const bool swapped = orientation >= 5;  // rows become columns
  // Whether the first row, or column, of the file comes last of those it becomes.
  const bool from_bottom =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  std::vector<std::uint8_t> turned(image.pixels.size());
  const std::uint8_t* from = image.pixels.data();
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x, from += 3) {
      const std::size_t row = from_bottom ? height - 1 - y : y;
      const std::size_t column = from_right ? width - 1 - x : x;
      const std::size_t to = swapped ? column * height + row : row * width + column;
      std::copy(from, from + 3, &turned[3 * to]);
    }
  }
  image.pixels = std::move(turned);
  if (swapped) std::swap(image.height, image.width);
}

/// The orientation that an EXIF block (a TIFF header and its first directory) names; 1 if none.
inline int orientation_of(std::span<const std::uint8_t> exif) {
  const bool little = exif.size() >= 8 && exif[0] == 'I';
  const auto number = [&](std::size_t at, std::size_t bytes) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value = value << 8 | exif[little ? at + bytes - 1 - i : at + i];
    }
    return value;
  };
  if (exif.size() < 8 || number(2, 2) != 42) return 1;
  const std::size_t directory = number(4, 4);
  if (directory > exif.size() - 2) return 1;
  const std::size_t count = number(directory, 2);
  for (std::size_t i = 0, at = directory + 2; i < count && at + 12 <= exif.size(); ++i, at += 12) {
    constexpr std::size_t orientation = 0x112, sixteen_bits = 3;
    if (number(at, 2) == orientation && number(at + 2, 2) == sixteen_bits) {
      return static_cast<int>(number(at + 8, 2));
    }
  }
  return 1;
}

/// Whether a file of `bytes` may cost so much.
inline bool affordable(std::int64_t work, std::size_t bytes) {
  return work <= free_work + work_per_byte * static_cast<std::int64_t>(bytes);
}

inline constexpr const char* scans_refused = "it is a JPEG in several scans, which need the whole "
                                             "picture in memory, of more than 67,108,864 "
                                             "pixels; save it as a usual JPEG";

inline constexpr const char* work_refused =
    "it asks for far more work than pictures of its length do; if it is a picture, save it again "
    "with fewer pixels";

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

/// Counts what the scans of a file cost.
struct jpeg_work {
  jpeg_progress_mgr manager;  // first: libjpeg hands back a pointer to it
  std::int64_t done;          // in pixels
  std::size_t bytes;          // of the file
};

struct jpeg_decoder {
  jpeg_decompress_struct info{};
  jpeg_failure failure{};
  jpeg_work work{};
  std::vector<std::uint8_t> inks;  // a line (w, 4) of a file without RGB
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

[[noreturn]] inline void jpeg_refuse(j_common_ptr info, const char* why) {
  auto* failure = reinterpret_cast<jpeg_failure*>(info->err);
  std::snprintf(failure->message, sizeof failure->message, "%s", why);
  std::longjmp(failure->jump, 1);
}

/// Called before each row of blocks of a file in several scans: a scan visits every block of its
/// components, however few bytes it has, for a sixteenth of what a pixel costs.
inline void jpeg_count(j_common_ptr common) {
  auto* info = reinterpret_cast<j_decompress_ptr>(common);
  auto* work = reinterpret_cast<jpeg_work*>(common->progress);
  if (info->input_scan_number > most_scans) jpeg_refuse(common, "it has more than 100 scans");
  for (int c = 0; c < info->comps_in_scan; ++c) {
    const jpeg_component_info* component = info->cur_comp_info[c];
    constexpr std::int64_t block = DCTSIZE2 / 16;
    work->done += std::int64_t{component->width_in_blocks} * component->v_samp_factor * block;
  }
  if (!affordable(work->done, work->bytes)) jpeg_refuse(common, work_refused);
}

/// The orientation that an APP1 segment names.
inline int jpeg_orientation(const jpeg_decompress_struct& info) {
  constexpr std::string_view name("Exif\0\0", 6);
  for (auto* m = info.marker_list; m != nullptr; m = m->next) {
    const std::span segment(m->data, m->data_length);
    if (segment.size() > name.size() && std::equal(name.begin(), name.end(), segment.begin())) {
      return orientation_of(segment.subspan(name.size()));
    }
  }
  return 1;
}

/// RGB of a line of inks (w, 4), of which the files hold what is left of white (Adobe).
inline void from_inks(std::span<const std::uint8_t> inks, std::uint8_t* out) {
  for (std::size_t i = 0; i < inks.size(); i += 4, out += 3) {
    const int light = inks[i + 3];
    for (std::size_t c = 0; c < 3; ++c) {  // light - ink light / 255, rounded as Pillow does
      const int product = (255 - inks[i + c]) * light + 128;
      out[c] = static_cast<std::uint8_t>(std::max(0, light - (((product >> 8) + product) >> 8)));
    }
  }
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
  jpeg_mem_src(&info, bytes.data(), bytes.size());
  jpeg_save_markers(&info, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&info, TRUE);
  // Its decoder makes endless pixels of no data, and hardly any program writes it.
  if (info.arith_code) return "it is coded arithmetically; save it again as a usual JPEG";
  const bool several = jpeg_has_multiple_scans(&info) != FALSE;
  decoder.work.bytes = bytes.size();
  decoder.work.done = std::int64_t{info.image_height} * info.image_width * (several ? 3 : 2) / 4;
  if (!affordable(decoder.work.done, bytes.size())) return work_refused;
  const bool inked = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = inked ? JCS_CMYK : JCS_RGB;
  const auto pixels = std::int64_t{info.image_height} * info.image_width;
  if (several && pixels > largest_in_scans) return scans_refused;
  for (info.scale_denom = 1;; info.scale_denom *= 2) {
    jpeg_calc_output_dimensions(&info);
    const auto scaled = std::int64_t{info.output_height} * info.output_width;
    if (scaled <= largest_image || info.scale_denom == smallest_scale) break;
  }
  if (!reserve_image(info.output_height, info.output_width, image)) return size_refused;
  if (inked) decoder.inks.resize(std::size_t{4} * info.output_width);
  decoder.work.manager.progress_monitor = jpeg_count;
  if (several) info.progress = &decoder.work.manager;
  jpeg_start_decompress(&info);  // reads all scans if there are several
  info.progress = nullptr;
  while (info.output_scanline < info.output_height) {
    std::uint8_t* const line = image.pixels.data() + std::size_t{info.output_scanline} *
                                                         static_cast<std::size_t>(image.width) * 3;
    JSAMPROW row = inked ? decoder.inks.data() : line;
    jpeg_read_scanlines(&info, &row, 1);
    if (inked) from_inks(decoder.inks, line);
  }
  const int orientation = jpeg_orientation(info);
  jpeg_finish_decompress(&info);  // which forgets the segments
  orient(orientation, image);
  return {};
}
#endif

#if defined(TRIPTYCH_HAS_PNG)
struct png_failure {
  std::jmp_buf jump;
  char message[200];
};

/// libpng's objects; it is given the file's bytes and hands out rows.
struct png_decoder {
  png_failure failure{};
  png_structp png = nullptr;
  png_infop info = nullptr;
  decoded* image = nullptr;
  std::size_t rest = 0;                            // bytes behind the header
  bool header = false, rows = false, end = false;  // what was read
  png_decoder() = default;
  png_decoder(const png_decoder&) = delete;
  png_decoder& operator=(const png_decoder&) = delete;
  ~png_decoder() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] inline void png_stop(png_structp png, png_const_charp message) {
  auto* failure = static_cast<png_failure*>(png_get_error_ptr(png));
  std::snprintf(failure->message, sizeof failure->message, "%s", message);
  std::longjmp(failure->jump, 1);
}

inline void png_warn(png_structp, png_const_charp) {}

/// Everything before the pixels was read: pauses, so that memory is taken outside of libpng.
inline void png_header(png_structp png, png_infop) {
  auto* decoder = static_cast<png_decoder*>(png_get_progressive_ptr(png));
  decoder->header = true;
  decoder->rest = png_process_data_pause(png, 0);
}

/// A row; of an interlaced file one for each pass, or none where the pass has nothing new.
inline void png_row(png_structp png, png_bytep pixels, png_uint_32 row, int pass) {
  auto* decoder = static_cast<png_decoder*>(png_get_progressive_ptr(png));
  const auto width = static_cast<std::size_t>(decoder->image->width) * 3;
  const bool interlaced = png_get_interlace_type(png, decoder->info) != PNG_INTERLACE_NONE;
  if (row + 1 == png_get_image_height(png, decoder->info) && (!interlaced || pass == 6)) {
    decoder->rows = true;
  }
  if (pixels != nullptr) {
    png_progressive_combine_row(png, decoder->image->pixels.data() + row * width, pixels);
  }
}

inline void png_end(png_structp png, png_infop) {
  static_cast<png_decoder*>(png_get_progressive_ptr(png))->end = true;
}

/// What the pixels of a PNG cost: deep, transparent and interlaced ones more.
inline std::int64_t png_work(png_structp png, png_infop info) {
  const bool transparent = (png_get_color_type(png, info) & PNG_COLOR_MASK_ALPHA) != 0;
  const bool interlaced = png_get_interlace_type(png, info) != PNG_INTERLACE_NONE;
  const int each = png_get_bit_depth(png, info) == 16 || transparent || interlaced ? 2 : 1;
  return std::int64_t{png_get_image_height(png, info)} * png_get_image_width(png, info) * each;
}

/// Makes rows 8-bit RGB: numbers as they stand in the file, the upper half of 16 bits, without
/// transparency.
inline void png_transform(png_structp png) {
  png_set_strip_16(png);
  png_set_expand(png);
  png_set_gray_to_rgb(png);
  png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_start_read_image(png);
}

inline int png_orientation(png_structp png, png_infop info) {
  png_unknown_chunkp chunks = nullptr;  // libpng's own reader of them is not in all versions
  const int count = png_get_unknown_chunks(png, info, &chunks);
  return count > 0 ? orientation_of({chunks[0].data, chunks[0].size}) : 1;
}

/// libpng is fed rather than asked, because then it leaves alone what a file holds beyond its last
/// row: a megabyte of that may stand for a gigabyte.
inline std::string decode_png(std::span<const std::uint8_t> bytes, decoded& image) {
  png_decoder decoder;
  decoder.image = &image;
  // libpng reports by longjmp, which lands here; only C frames lie between.
  if (setjmp(decoder.failure.jump) != 0) return decoder.failure.message;
  decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder.failure, png_stop, png_warn);
  if (decoder.png == nullptr) return "libpng is of another version than its headers";
  decoder.info = png_create_info_struct(decoder.png);
  if (decoder.info == nullptr) throw std::bad_alloc();
  png_set_user_limits(decoder.png, longest_side, longest_side);
  // Of the chunks beside the pixels only the one that may turn the picture is looked at.
  png_set_keep_unknown_chunks(decoder.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  constexpr png_byte used[] = "eXIf";
  png_set_keep_unknown_chunks(decoder.png, PNG_HANDLE_CHUNK_ALWAYS, used, 1);
  png_set_progressive_read_fn(decoder.png, &decoder, png_header, png_row, png_end);

  const auto feed = [&](std::span<const std::uint8_t> part) {
    png_process_data(decoder.png, decoder.info, const_cast<png_bytep>(part.data()), part.size());
  };
  feed(bytes);
  if (!decoder.header) return "it ends before its pixels";
  if (!affordable(png_work(decoder.png, decoder.info), bytes.size())) return work_refused;
  if (!reserve_image(png_get_image_height(decoder.png, decoder.info),
                     png_get_image_width(decoder.png, decoder.info), image)) {
    return size_refused;
  }
  png_transform(decoder.png);
  feed(bytes.last(decoder.rest));
  if (!decoder.rows || !decoder.end) {
    return "its pixels are damaged, or it ends before its end chunk";
  }
  orient(png_orientation(decoder.png, decoder.info), image);
  return {};
}
#endif

enum class picture_format { none, ppm, jpeg, png, webp, gif, bmp, tiff, heif, jpeg_xl };

inline constexpr std::array<const char*, 10> format_names{
    "no picture", "PPM", "JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "HEIF or AVIF", "JPEG XL"};

/// The format of a file by its first bytes.
inline picture_format format_of(std::span<const std::uint8_t> bytes) {
  const auto has = [&bytes](std::size_t at, std::string_view magic) {
    return bytes.size() > at + magic.size() &&
           std::equal(
               magic.begin(), magic.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
               [](char c, std::uint8_t byte) { return static_cast<std::uint8_t>(c) == byte; });
  };
  using enum picture_format;
  using namespace std::string_view_literals;
  if (has(0, "P6")) return ppm;
  if (has(0, "\xFF\xD8\xFF")) return jpeg;
  if (has(0, "\x89PNG")) return png;
  if (has(0, "RIFF") && has(8, "WEBP")) return webp;
  if (has(0, "GIF87a") || has(0, "GIF89a")) return gif;
  if (has(0, "BM") && has(6, "\0\0\0\0"sv)) return bmp;
  if (has(0, "II*\0"sv) || has(0, "MM\0*"sv)) return tiff;
  if (has(4, "ftyphei") || has(4, "ftypmif1") || has(4, "ftypavif")) return heif;
  if (has(0, "\xFF\x0A") || has(4, "JXL \r\n")) return jpeg_xl;
  return none;
}

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
  case detail::picture_format::none:
    return "it begins like no picture";
  default:
    return std::string("it is a ") + detail::format_names[static_cast<std::size_t>(format)] +
           " file, and JPEG, PNG and binary PPM are read; convert it";
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
