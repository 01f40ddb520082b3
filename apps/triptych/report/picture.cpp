// Pictures as bytes.
#include "triptych/report/picture.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <csetjmp>
#include <cstdlib>
#include <memory>
#include <new>

#if defined(TRIPTYCH_HAS_PNG)
#include <png.h>
#endif
#if defined(TRIPTYCH_HAS_JPEG)
#include <cstdio>  // which jpeglib.h needs and does not include

#include <jpeglib.h>
#endif

#include <triptych/augment/pipeline.hpp>
#include <triptych/augment/recipe.hpp>
#include <triptych/core/error.hpp>

#include "triptych/report/html_text.hpp"

namespace triptych::app {

std::string ppm_of(const picture& p) {
  return "P6\n" + std::to_string(p.width) + " " + std::to_string(p.height) + "\n255\n" +
         std::string(p.pixels.begin(), p.pixels.end());
}

bool makes_png() {
#if defined(TRIPTYCH_HAS_PNG)
  return true;
#else
  return false;
#endif
}

std::string png_of(const picture& p) {
#if defined(TRIPTYCH_HAS_PNG)
  png_image info{};
  info.version = PNG_IMAGE_VERSION;
  info.width = static_cast<png_uint_32>(p.width);
  info.height = static_cast<png_uint_32>(p.height);
  info.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(info);
  std::string bytes(size, '\0');
  if (png_image_write_to_memory(&info, bytes.data(), &size, 0, p.pixels.data(), 0, nullptr) == 0) {
    throw error::runtime(std::string("cannot make a PNG: ") + info.message +
                         "; give an --out that ends in .ppm");
  }
  bytes.resize(size);
  return bytes;
#else
  static_cast<void>(p);
  throw error::usage("out: this program was built without PNG; give an --out that ends in .ppm, or "
                     "install libpng-dev and build again");
#endif
}

#if defined(TRIPTYCH_HAS_JPEG)
namespace {

struct jpeg_error_state {
  jpeg_error_mgr manager;  // first: libjpeg hands back a pointer to it
  std::jmp_buf jump;
};

[[noreturn]] void give_up(j_common_ptr info) {
  std::longjmp(reinterpret_cast<jpeg_error_state*>(info->err)->jump, 1);
}

/// Fills `memory`, which the caller frees. False if there is none left, the only thing that can fail
/// here. libjpeg says so by longjmp, over C frames alone.
bool compress(const picture& p, int quality, unsigned char*& memory, unsigned long& size) {
  jpeg_compress_struct info{};
  jpeg_error_state failure{};
  info.err = jpeg_std_error(&failure.manager);
  failure.manager.error_exit = give_up;
  if (setjmp(failure.jump) != 0) {
    jpeg_destroy_compress(&info);
    return false;
  }
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &memory, &size);
  info.image_width = static_cast<JDIMENSION>(p.width);
  info.image_height = static_cast<JDIMENSION>(p.height);
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  info.optimize_coding = TRUE;
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    auto* line = const_cast<JSAMPLE*>(p.pixels.data()) +
                 std::size_t{info.next_scanline} * static_cast<std::size_t>(p.width) * 3;
    jpeg_write_scanlines(&info, &line, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  return true;
}

}  // namespace
#endif

std::string jpeg_of(const picture& p, int quality) {
#if defined(TRIPTYCH_HAS_JPEG)
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  const bool done = compress(p, quality, memory, size);
  const std::unique_ptr<unsigned char, decltype(&std::free)> owned(memory, &std::free);
  if (!done) throw std::bad_alloc();
  return {reinterpret_cast<const char*>(memory), size};
#else
  static_cast<void>(p);
  static_cast<void>(quality);
  return {};
#endif
}

void lay(const std::vector<float>& view, int size, int zoom, picture& p, int top, int left) {
  for (int y = 0; y < size * zoom; ++y) {
    for (int x = 0; x < size * zoom; ++x) {
      const float* from = view.data() + (y / zoom * size + x / zoom) * 3;
      std::uint8_t* to = p.at(top + y, left + x);
      for (int c = 0; c < 3; ++c) {
        to[c] = static_cast<std::uint8_t>(std::lrint(255 * std::clamp(from[c], 0.0f, 1.0f)));
      }
    }
  }
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      three = three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += i + k <= bytes.size() ? digits[three >> (18 - 6 * k) & 63] : '=';
    }
  }
  return text;
}

std::string data_uri(std::string_view type, std::string_view bytes) {
  return "data:" + std::string(type) + ";base64," + base64(bytes);
}

std::vector<float> plain_view(const data::image_set& set, std::int64_t i, int size) {
  constexpr augment::normalization none{{0, 0, 0}, {1, 1, 1}};
  augment::workspace work;
  std::vector<std::uint8_t> memory;
  std::vector<float> view(static_cast<std::size_t>(size) * static_cast<std::size_t>(size) * 3);
  augment::apply(augment::recipes::plain, none, set.image(i, memory), {}, size, size, work,
                 view.data());
  return view;
}

std::vector<float> shrunk(const std::vector<float>& view, int size, int to) {
  if (to >= size) return view;
  const auto first = [&](int i) {
    return static_cast<int>(static_cast<std::int64_t>(i) * size / to);
  };
  std::vector<float> small;
  for (int y = 0; y < to; ++y) {
    for (int x = 0; x < to; ++x) {
      std::array<double, 3> sums{};
      for (int v = first(y); v < first(y + 1); ++v) {
        for (int u = first(x); u < first(x + 1); ++u) {
          const auto at = (static_cast<std::size_t>(v) * static_cast<std::size_t>(size) +
                           static_cast<std::size_t>(u)) *
                          3;
          for (std::size_t c = 0; c < 3; ++c) sums[c] += double(view[at + c]);
        }
      }
      const double count = (first(y + 1) - first(y)) * (first(x + 1) - first(x));
      for (const double sum : sums) small.push_back(static_cast<float>(sum / count));
    }
  }
  return small;
}

std::string image_of(const std::vector<float>& view, int size, std::string_view title,
                     std::string_view style) {
  picture p(size, size);
  lay(view, size, 1, p, 0, 0);
  const std::string words = html::escaped(title);
  return "<img" + (style.empty() ? "" : " class=\"" + std::string(style) + "\"") + " alt=\"" +
         words + "\" title=\"" + words + "\" src=\"" + data_uri("image/png", png_of(p)) + "\">";
}

}  // namespace triptych::app
