#include <triptych/data/decode.hpp>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

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

TEST_CASE("pictures are told by name or content, and formats that are not read by name") {
  const temporary_directory dir;
  CHECK(is_picture(dir.write("a.ppm", ppm_file(1, 1, picture(1, 1)))));
  CHECK(is_picture(dir.write("noname", ppm_file(1, 1, picture(1, 1)))));
  CHECK(is_picture(dir.write("b.JPE", std::string())));
  CHECK_FALSE(is_picture(dir.write("list.txt", std::string("P5 or so, but a text"))));
  CHECK_FALSE(is_picture(dir.path()));
  for (const auto& [begins, name] : std::vector<std::pair<std::string, std::string>>{
           {"GIF89a....", "GIF"},
           {std::string("BM\1\2\3\4\0\0\0\0....", 14), "BMP"},
           {std::string("II*\0....", 8), "TIFF"},
           {"1234ftypavif....", "AVIF"}}) {
    const auto file = dir.write("c", begins);
    CHECK(is_picture(file));
    CHECK(thrown_by([&] { decode_image(file); }).says(name + " file"));
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

TEST_CASE("inks become the colors that Pillow makes of them, whatever they are written as") {
  const temporary_directory dir;
  byte_vector left;  // of white, by cyan, magenta, yellow and black
  for (int i = 0; i < 64; ++i) left.insert(left.end(), {200, 60, 30, 255});
  for (int i = 0; i < 64; ++i) left.insert(left.end(), {200, 60, 30, 128});
  for (const auto written : {JCS_CMYK, JCS_YCCK}) {
    const auto image =
        decode_image(dir.write("a.jpg", jpeg_file(16, 8, left, 4, false, {}, written)));
    const int bright[]{200, 60, 30}, dark[]{100, 30, 15};
    for (std::size_t c = 0; c < 3; ++c) {
      CHECK(std::abs(image.pixels[c] - bright[c]) <= 2);
      CHECK(std::abs(image.pixels[64 * 3 + c] - dark[c]) <= 2);
    }
  }
}

TEST_CASE("a JPEG beyond the limit is read at a half, a quarter or an eighth of its size") {
  const temporary_directory dir;
  const auto large =
      decode_image(dir.write("a.jpg", jpeg_file(6000, 6000, byte_vector(36'000'000, 77), 1)));
  CHECK(large.height == 3000);
  CHECK(large.width == 3000);
  CHECK(std::abs(large.pixels[5'000'000] - 77) <= 1);
  // Halves are rounded up, and may be too large where half of the number is not.
  const byte_vector odd(std::size_t{11585} * 11585, 77);
  CHECK(decode_image(dir.write("a.jpg", jpeg_file(11585, 11585, odd, 1))).height == 2897);
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

#if defined(TRIPTYCH_HAS_WEBP)
TEST_CASE("a WebP decodes exactly or nearly, and one that ends early is refused") {
  const temporary_directory dir;
  const auto pixels = picture(24, 33);
  for (const float quality : {0.0F, 95.0F}) {
    CAPTURE(quality);
    const auto whole = webp_file(24, 33, pixels, 3, quality);
    const decoded image = decode_image(dir.write("a.webp", whole));
    CHECK(image.height == 24);
    CHECK(image.width == 33);
    if (quality == 0) CHECK(image.pixels == pixels);
    const auto flat = decode_image(dir.write(
        "b.webp", webp_file(24, 33, byte_vector(std::size_t{24} * 33 * 3, 128), 3, quality)));
    for (const int value : flat.pixels) REQUIRE(std::abs(value - 128) <= 2);
    check_truncations(dir, whole, whole.size());
    check_mutants(dir, whole);
  }
}

TEST_CASE("a WebP's transparency is left out") {
  const temporary_directory dir;
  auto pixels = picture(5, 6, 4);
  for (std::size_t i = 0; i < pixels.size(); i += 4) pixels[i + 3] = i % 8 == 0 ? 1 : 255;
  const auto image = decode_image(dir.write("a.webp", webp_file(5, 6, pixels, 4)));
  byte_vector expected;
  for (std::size_t i = 0; i < pixels.size(); i += 4) {
    expected.insert(expected.end(), &pixels[i], &pixels[i] + 3);
  }
  CHECK(image.pixels == expected);
}

TEST_CASE("a WebP is turned as its EXIF says; an animated or a dear one is refused") {
  const temporary_directory dir;
  const auto simple = webp_file(2, 3, picture(2, 3));
  for (const bool prefixed : {false, true}) {
    auto exif = exif_block(6, true);
    if (prefixed) exif.insert(exif.begin(), {'E', 'x', 'i', 'f', 0, 0});
    const auto turned =
        decode_image(dir.write("a.webp", extended_webp(simple, 2, 3, 8, webp_chunk("EXIF", exif))));
    CHECK(turned.height == 3);
    const auto plain = picture(2, 3);
    // The first row becomes the last column.
    CHECK(std::equal(turned.pixels.begin() + 3, turned.pixels.begin() + 6, plain.begin()));
  }
  byte_vector cut = exif_block(6, true);
  cut.resize(4);
  const auto upright = extended_webp(simple, 2, 3, 8, webp_chunk("EXIF", cut));
  CHECK(decode_image(dir.write("a.webp", upright)).height == 2);

  const auto animated = extended_webp(simple, 2, 3, 2, {});
  CHECK(thrown_by([&] { decode_image(dir.write("b.webp", animated)); }).says("it is animated"));
  const auto flat = webp_file(4000, 4000, byte_vector(std::size_t{4000} * 4000 * 3, 9));
  CHECK(thrown_by([&] { decode_image(dir.write("c.webp", flat)); }).says("far more work"));
}
#else
TEST_CASE("a WebP is a clear refusal where the program was built without") {
  const temporary_directory dir;
  const auto e =
      thrown_by([&] { decode_image(dir.write("a.webp", std::string("RIFF1234WEBPVP8 "))); });
  CHECK(e.kind == error_kind::data);
  CHECK(e.says("built without WebP; install libwebp-dev"));
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

TEST_CASE("a PNG of any form has the numbers of its file, without gamma and transparency") {
  const temporary_directory dir;
  constexpr int height = 13, width = 11;
  const auto pixels_of = [&](const png_form& form) {
    return decode_image(dir.write("a.png", png_file(height, width, form))).pixels;
  };
  // What Pillow's convert("RGB") gives, from the bytes of the rows.
  const auto expected = [&](const png_form& form) {
    const auto rows = form.rows(width);
    const int channels = static_cast<int>(form.row_bytes(8)) / form.depth;
    byte_vector pixels;
    for (std::size_t y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const auto sample = [&](int c) {
          const int bit = (x * channels + c) * form.depth;
          const int byte = rows[y % rows.size()][static_cast<std::size_t>(bit / 8)];
          return form.depth >= 8 ? byte
                                 : byte >> (8 - form.depth - bit % 8) & ((1 << form.depth) - 1);
        };
        const int most = form.depth >= 8 ? 255 : (1 << form.depth) - 1;
        if (form.color == PNG_COLOR_TYPE_PALETTE) {
          const auto color = png_form::palette_color(sample(0));
          pixels.insert(pixels.end(), color.begin(), color.end());
        } else {
          for (int c = 0; c < 3; ++c) {
            const int value = sample(channels < 3 ? 0 : c) * 255 / most;
            pixels.push_back(static_cast<std::uint8_t>(value));
          }
        }
      }
    }
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
          CHECK((pixels == expected(form)));
          form.interlaced = true;
          CHECK((pixels == pixels_of(form)));
        }
      }
    }
  }
}

TEST_CASE("a picture is turned as its EXIF orientation says, in PNG and JPEG") {
  const temporary_directory dir;
  // 2 x 3 pixels by their numbers in the file, as each orientation shows them.
  const std::vector<std::vector<std::vector<int>>> shown{
      {{0, 1, 2}, {3, 4, 5}},   {{2, 1, 0}, {5, 4, 3}},   {{5, 4, 3}, {2, 1, 0}},
      {{3, 4, 5}, {0, 1, 2}},   {{0, 3}, {1, 4}, {2, 5}}, {{3, 0}, {4, 1}, {5, 2}},
      {{5, 2}, {4, 1}, {3, 0}}, {{2, 5}, {1, 4}, {0, 3}}};
  for (int orientation = 0; orientation <= 9; ++orientation) {
    for (const bool little : {false, true}) {
      CAPTURE(orientation, little);
      const png_form form{.exif = exif_block(orientation, little)};
      const auto& rows =
          shown[orientation >= 1 && orientation <= 8 ? static_cast<std::size_t>(orientation) - 1
                                                     : 0];
      const auto in_file = form.rows(3);
      byte_vector expected;
      for (const auto& row : rows) {
        for (const int pixel : row) {
          const auto& line = in_file[static_cast<std::size_t>(pixel / 3)];
          expected.insert(expected.end(), line.begin() + pixel % 3 * 3,
                          line.begin() + pixel % 3 * 3 + 3);
        }
      }
      const decoded image = decode_image(dir.write("a.png", png_file(2, 3, form)));
      CHECK(image.height == static_cast<int>(rows.size()));
      CHECK(image.pixels == expected);
#if defined(TRIPTYCH_HAS_JPEG)
      const auto plain = decode_image(dir.write("a.jpg", jpeg_file(24, 40, picture(24, 40))));
      const auto turned = decode_image(dir.write(
          "a.jpg", jpeg_file(24, 40, picture(24, 40), 3, false, exif_block(orientation, little))));
      const bool swapped = orientation >= 5 && orientation <= 8;
      CHECK(turned.height == (swapped ? 40 : 24));
      if (orientation == 6) {  // the first row becomes the last column
        const auto* corner = turned.pixels.data() + std::ptrdiff_t{23} * 3;
        CHECK(std::equal(corner, corner + 3, plain.pixels.begin()));
      }
#endif
    }
  }
  auto damaged = exif_block(6, true);
  damaged[4] = 200;  // its directory lies beyond its end
  CHECK(decode_image(dir.write("a.png", png_file(2, 3, png_form{.exif = damaged}))).height == 2);
}

TEST_CASE("a PNG's pixels are bounded by its bytes, the dear ones sooner") {
  const temporary_directory dir;
  const auto refusal = [&](const byte_vector& bytes) {
    return thrown_by([&] { decode_image(dir.write("work.png", bytes)); });
  };
  const auto flat = png_file(2000, 2000, byte_vector(std::size_t{2000} * 2000 * 3, 255));
  CHECK_FALSE(refusal(flat).any);
  CHECK(refusal(with_height(flat, 6000)).says("far more work"));
  const auto small = png_file(16, 1024, png_form{});
  const auto interlaced = png_file(16, 1024, png_form{.interlaced = true});
  const auto deep = png_file(16, 1024, png_form{.depth = 16});
  CHECK(refusal(with_height(small, 6000)).says("end"));  // affordable, but not there
  CHECK(refusal(with_height(interlaced, 6000)).says("far more work"));
  CHECK(refusal(with_height(deep, 6000)).says("far more work"));
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
