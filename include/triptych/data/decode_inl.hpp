// triptych/data/decode_inl.hpp
//
// The bodies of decode.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <new>
#include <span>
#include <string>
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
    "its size is zero, above 33,554,432 pixels, or above 65,535 on a side";

/// Whether a file of `bytes` may cost so much.
inline bool affordable(std::int64_t work, std::size_t bytes) {
  return work <= free_work + work_per_byte * static_cast<std::int64_t>(bytes);
}

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
  // Its decoder makes endless pixels of no data, and hardly any program writes it.
  if (info.arith_code) return "it is coded arithmetically; save it again as a usual JPEG";
  const bool several = jpeg_has_multiple_scans(&info) != FALSE;
  decoder.work.bytes = bytes.size();
  decoder.work.done = std::int64_t{info.image_height} * info.image_width * (several ? 3 : 2) / 4;
  if (!affordable(decoder.work.done, bytes.size())) return work_refused;
  if (!reserve_image(info.image_height, info.image_width, image)) return size_refused;
  decoder.work.manager.progress_monitor = jpeg_count;
  if (several) info.progress = &decoder.work.manager;
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);  // reads all scans if there are several
  info.progress = nullptr;
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
  const bool transparent = (png_get_color_type(png, info) & PNG_COLOR_MASK_ALPHA) != 0 ||
                           png_get_valid(png, info, PNG_INFO_tRNS) != 0;
  const bool interlaced = png_get_interlace_type(png, info) != PNG_INTERLACE_NONE;
  const int each = png_get_bit_depth(png, info) == 16 ? 4 : transparent || interlaced ? 2 : 1;
  return std::int64_t{png_get_image_height(png, info)} * png_get_image_width(png, info) * each;
}

/// Makes rows 8-bit sRGB, as libpng's simplified reader does.
inline void png_transform(png_structp png, png_infop info) {
  const bool deep = png_get_bit_depth(png, info) == 16;
  png_set_expand(png);
  png_set_gray_to_rgb(png);
  png_set_alpha_mode_fixed(png, PNG_ALPHA_PNG, deep ? PNG_GAMMA_LINEAR : PNG_DEFAULT_sRGB);
  png_set_alpha_mode_fixed(png, PNG_ALPHA_PNG, PNG_DEFAULT_sRGB);
  if (deep) png_set_scale_16(png);
  png_color_16 black{};
  png_set_background_fixed(png, &black, PNG_BACKGROUND_GAMMA_SCREEN, 0, 0);
  png_set_interlace_handling(png);
  png_start_read_image(png);
}

/// Transparent pixels are laid over black. libpng is fed rather than asked, because then it leaves
/// alone what a file holds beyond its last row: a megabyte of that may stand for a gigabyte.
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
  // Of the chunks beside the pixels only those that say what the numbers mean are looked at. (A
  // color profile would count where it is that of sRGB, which is what we take anyway.)
  png_set_keep_unknown_chunks(decoder.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  constexpr png_byte used[] = "bKGD\0cHRM\0gAMA\0sBIT\0sRGB";
  png_set_keep_unknown_chunks(decoder.png, PNG_HANDLE_CHUNK_AS_DEFAULT, used, sizeof used / 5);
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
  png_transform(decoder.png, decoder.info);
  feed(bytes.last(decoder.rest));
  return decoder.rows && decoder.end ? ""
                                     : "its pixels are damaged, or it ends before its end chunk";
}
#endif

[[noreturn]] inline void throw_built_without(const fs::path& path, const std::string& format,
                                             const std::string& package) {
  throw error::data(path.string() + " is a " + format +
                    " file, and this program was built without " + format + "; install " + package +
                    " and build again");
}

}  // namespace detail

TRIPTYCH_INLINE decoded decode_image(const fs::path& path) {
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
