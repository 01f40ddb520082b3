#include <triptych/data/decode.hpp>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "data/image_fixture.hpp"
#include "support/catch.hpp"
#include "support/cpu_time.hpp"
#include "support/temporary_directory.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::data;

namespace {

/// Every prefix of a good file must be refused with the file's name, or give the whole picture.
void check_truncations(const temporary_directory& dir, const byte_vector& whole,
                       std::size_t shortest_accepted) {
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto file = dir.write(
        "cut.img", byte_vector(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
    const auto e = thrown_by([&] { decode_image(file); });
    if (length >= shortest_accepted && !e.any) continue;
    REQUIRE(e.kind == error_kind::data);
    REQUIRE(e.says("cut.img"));
  }
}

/// Random damage may go unnoticed, but must not do anything else than throw error::data.
void check_mutants(const temporary_directory& dir, const byte_vector& whole) {
  std::uint32_t state = 1;
  for (int round = 0; round < 200; ++round) {
    byte_vector bytes = whole;
    for (int k = 0; k < 4; ++k) {
      state = state * 1664525u + 1013904223u;
      const std::size_t at = (state >> 8) % (k < 2 ? 40 : bytes.size());
      state = state * 1664525u + 1013904223u;
      bytes[at % bytes.size()] = static_cast<std::uint8_t>(state >> 24);
    }
    const auto file = dir.write("mutant.img", bytes);
    const auto e = thrown_by([&] { decode_image(file); });
    REQUIRE((!e.any || e.kind == error_kind::data));
  }
}

}  // namespace

TEST_CASE("a binary PPM decodes exactly, comment and all, and every truncation is refused") {
  const temporary_directory dir;
  const auto pixels = picture(5, 7);
  const auto whole = ppm_file(5, 7, pixels);
  const decoded image = decode_image(dir.write("a.ppm", whole));
  CHECK(image.height == 5);
  CHECK(image.width == 7);
  CHECK(image.pixels == pixels);
  check_truncations(dir, whole, whole.size());
  check_mutants(dir, whole);
}

TEST_CASE("PPM headers that promise the impossible are refused without taking memory") {
  const temporary_directory dir;
  for (const std::string header :
       {"P6 0 5 255 ", "P6 999999999 999999999 255 ", "P6 5 5 65535 ", "P6 -1 5 255 ", "P6 5",
        "P6 99999999999999999999 1 255 ", "P6\n#", "P6 5 5 255"}) {
    const auto e = thrown_by([&] { decode_image(dir.write("bad.ppm", header)); });
    CHECK(e.kind == error_kind::data);
    CHECK(e.says("bad.ppm"));
  }
}

TEST_CASE("a file that begins like no image is refused, whatever its name") {
  const temporary_directory dir;
  for (const std::string text : {"", "x", "not an image at all", "GIF89a"}) {
    const auto e = thrown_by([&] { decode_image(dir.write("a.jpg", text)); });
    CHECK(e.kind == error_kind::data);
    CHECK(e.says("a.jpg"));
  }
  CHECK(thrown_by([&] { decode_image(dir.path() / "absent.png"); }).says("absent.png"));
  CHECK(thrown_by([&] { decode_image(dir.path()); }).kind == error_kind::data);
}

#if defined(TRIPTYCH_HAS_JPEG)
TEST_CASE("a JPEG decodes to nearly its picture, grayscale to three equal channels") {
  const temporary_directory dir;
  const auto pixels = picture(24, 33);
  const decoded image = decode_image(dir.write("a.JPEG", jpeg_file(24, 33, pixels)));
  REQUIRE(image.height == 24);
  REQUIRE(image.width == 33);
  double error = 0;
  for (std::size_t i = 0; i < pixels.size(); ++i) error += std::abs(image.pixels[i] - pixels[i]);
  CHECK(error / static_cast<double>(pixels.size()) < 8);

  const auto gray = picture(16, 16, 1);
  const decoded wide = decode_image(dir.write("g.jpg", jpeg_file(16, 16, gray, 1)));
  for (std::size_t p = 0; p < 256; ++p) {
    REQUIRE(std::abs(wide.pixels[3 * p] - gray[p]) < 12);
    REQUIRE(wide.pixels[3 * p] == wide.pixels[3 * p + 1]);
    REQUIRE(wide.pixels[3 * p] == wide.pixels[3 * p + 2]);
  }
}

TEST_CASE("a JPEG that ends early is refused, not filled with gray") {
  const temporary_directory dir;
  const auto whole = jpeg_file(24, 24, picture(24, 24));
  check_truncations(dir, whole, whole.size() - 2);  // the end marker itself is no loss
  check_mutants(dir, whole);
}

TEST_CASE("a progressive JPEG decodes; scans without end are refused") {
  const temporary_directory dir;
  const auto refusal = [&](const byte_vector& bytes) {
    return thrown_by([&] { decode_image(dir.write("scans.jpg", bytes)); });
  };
  CHECK_FALSE(refusal(jpeg_file(24, 33, picture(24, 33), 3, true)).any);
  const auto white = jpeg_file(24, 33, byte_vector(24 * 33 * 3, 255), 3, true);
  CHECK_FALSE(refusal(with_scans(white, 80)).any);
  const auto many = refusal(with_scans(white, 3000));
  CHECK(many.kind == error_kind::data);
  CHECK(many.says("more than 100 scans"));
}

TEST_CASE("a JPEG's pixels and scans are bounded by its bytes") {
  const temporary_directory dir;
  const auto refusal = [&](const byte_vector& bytes) {
    return thrown_by([&] { decode_image(dir.write("work.jpg", bytes)); });
  };
  // A flat picture is as few bytes as a picture can be, and still one.
  const byte_vector white(std::size_t{2048} * 2048, 255);
  auto flat = jpeg_file(2048, 2048, white, 1, true);
  CHECK_FALSE(refusal(flat).any);
  CHECK_FALSE(refusal(jpeg_file(2048, 2048, white, 1)).any);
  CHECK(refusal(with_scans(flat, 80)).says("far more work"));

  const byte_vector size{8, 8, 0, 8, 0};  // bits a sample, height, width
  const auto at = std::search(flat.begin(), flat.end(), size.begin(), size.end());
  REQUIRE(at != flat.end());
  at[1] = at[3] = 16;  // 4096 x 4096
  CHECK(refusal(flat).says("far more work"));
}

TEST_CASE("an arithmetically coded JPEG is refused: pixels cost it no bytes") {
  const temporary_directory dir;
  auto bytes = jpeg_file(24, 33, picture(24, 33));
  const byte_vector frame{0xFF, 0xC0, 0x00, 0x11};
  const auto at = std::search(bytes.begin(), bytes.end(), frame.begin(), frame.end());
  REQUIRE(at != bytes.end());
  at[1] = 0xC9;
  CHECK(thrown_by([&] { decode_image(dir.write("a.jpg", bytes)); }).says("arithmetically"));
}
#else
TEST_CASE("a JPEG is a clear refusal where the program was built without") {
  const temporary_directory dir;
  const auto e =
      thrown_by([&] { decode_image(dir.write("a.jpg", std::string("\xFF\xD8\xFF\xE0..."))); });
  CHECK(e.kind == error_kind::data);
  CHECK(e.says("built without JPEG"));
}
#endif

#if defined(TRIPTYCH_HAS_PNG)
TEST_CASE("a PNG decodes exactly, and one that ends early is refused") {
  const temporary_directory dir;
  const auto pixels = picture(9, 11);
  const auto whole = png_file(9, 11, pixels);
  CHECK(decode_image(dir.write("a.png", whole)).pixels == pixels);
  check_truncations(dir, whole, whole.size());
  check_mutants(dir, whole);
}

TEST_CASE("a PNG of any form has the pixels of libpng's simplified reader") {
  const temporary_directory dir;
  const auto pixels_of = [&](const png_form& form) {
    return decode_image(dir.write("a.png", png_file(13, 11, form))).pixels;
  };
  const auto simply_read = [&](const png_form& form) {
    const auto bytes = png_file(13, 11, form);
    png_image plain{};
    plain.version = PNG_IMAGE_VERSION;
    REQUIRE(png_image_begin_read_from_memory(&plain, bytes.data(), bytes.size()) != 0);
    plain.format = PNG_FORMAT_RGB;
    byte_vector pixels(13 * 11 * 3);
    const png_color black{0, 0, 0};
    REQUIRE(png_image_finish_read(&plain, &black, pixels.data(), 0, nullptr) != 0);
    return pixels;
  };
  for (const int color : {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_PALETTE,
                           PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB_ALPHA}) {
    for (const int depth : {1, 2, 4, 8, 16}) {
      const bool packed = color == PNG_COLOR_TYPE_GRAY || color == PNG_COLOR_TYPE_PALETTE;
      if ((depth < 8 && !packed) || (depth == 16 && color == PNG_COLOR_TYPE_PALETTE)) continue;
      for (const bool transparent : {false, true}) {
        if (transparent && (color & PNG_COLOR_MASK_ALPHA) != 0) continue;
        for (const double gamma : {0.0, 1.0}) {
          CAPTURE(color, depth, transparent, gamma);
          png_form form{color, depth, false, transparent, gamma};
          const auto pixels = pixels_of(form);
          CHECK((pixels == simply_read(form)));
          form.interlaced = true;  // where the simplified reader errs with 16 bits
          CHECK((pixels == pixels_of(form)));
        }
      }
    }
  }
}

TEST_CASE("a PNG's pixels are bounded by its bytes, the dear ones sooner") {
  const temporary_directory dir;
  const auto refusal = [&](const byte_vector& bytes) {
    return thrown_by([&] { decode_image(dir.write("work.png", bytes)); });
  };
  const auto flat = png_file(2000, 2000, byte_vector(std::size_t{2000} * 2000 * 3, 255));
  CHECK_FALSE(refusal(flat).any);
  CHECK(refusal(with_height(flat, 5000)).says("far more work"));
  const auto small = png_file(16, 1024, png_form{});
  const auto interlaced = png_file(16, 1024, png_form{.interlaced = true});
  const auto deep = png_file(16, 1024, png_form{.depth = 16});
  CHECK(refusal(with_height(small, 5000)).says("end"));  // affordable, but not there
  CHECK(refusal(with_height(interlaced, 5000)).says("far more work"));
  CHECK(refusal(with_height(deep, 5000)).says("far more work"));
  CHECK(refusal(with_height(small, 70'000)).kind == error_kind::data);
}

TEST_CASE("what a PNG holds beyond its last row costs nothing") {
  const temporary_directory dir;
  const auto file =
      dir.write("bomb.png", with_height(png_file(512, 65'535, png_form{.black = true}), 1));
  double least = 1;
  for (int i = 0; i < 3; ++i) {
    least = std::min(least,
                     triptych::test::cpu_seconds([&] { CHECK(decode_image(file).height == 1); }));
  }
  CHECK(least < 0.05);  // 100 MB of rows take 0.3 s, the one that counts a millisecond
}
#else
TEST_CASE("a PNG is a clear refusal where the program was built without") {
  const temporary_directory dir;
  const auto e = thrown_by([&] { decode_image(dir.write("a.png", std::string("\x89PNG....."))); });
  CHECK(e.kind == error_kind::data);
  CHECK(e.says("built without PNG"));
}
#endif
