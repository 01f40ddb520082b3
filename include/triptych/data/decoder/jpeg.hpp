// triptych/data/decoder/jpeg.hpp
//
// JPEG by libjpeg-turbo, where TRIPTYCH_HAS_JPEG is defined.
#pragma once

#if defined(TRIPTYCH_HAS_JPEG)
#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>  // jpeglib.h needs it first
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <jpeglib.h>

#include <jerror.h>

#include <triptych/data/decoded.hpp>
#include <triptych/data/decoder/image.hpp>

namespace triptych::data::detail {

inline constexpr const char* scans_refused = "it is a JPEG in several scans, which need the whole "
                                             "picture in memory, of more than 67,108,864 "
                                             "pixels; save it as a usual JPEG";

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

}  // namespace triptych::data::detail
#endif
