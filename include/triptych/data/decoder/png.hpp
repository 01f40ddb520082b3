// triptych/data/decoder/png.hpp
//
// PNG by libpng, where TRIPTYCH_HAS_PNG is defined.
#pragma once

#if defined(TRIPTYCH_HAS_PNG)
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <new>
#include <span>
#include <string>

#include <png.h>

#include <triptych/data/decoded.hpp>
#include <triptych/data/decoder/image.hpp>

namespace triptych::data::detail {

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

}  // namespace triptych::data::detail
#endif
