#include <triptych/data/decode.hpp>

#include <cstdlib>
#include <string>

#include "data/image_fixture.hpp"
#include "support/catch.hpp"
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
TEST_CASE("a JPEG decodes to nearly its picture, greyscale to three equal channels") {
  const temporary_directory dir;
  const auto pixels = picture(24, 33);
  const decoded image = decode_image(dir.write("a.JPEG", jpeg_file(24, 33, pixels)));
  REQUIRE(image.height == 24);
  REQUIRE(image.width == 33);
  double error = 0;
  for (std::size_t i = 0; i < pixels.size(); ++i) error += std::abs(image.pixels[i] - pixels[i]);
  CHECK(error / static_cast<double>(pixels.size()) < 8);

  const auto grey = picture(16, 16, 1);
  const decoded wide = decode_image(dir.write("g.jpg", jpeg_file(16, 16, grey, 1)));
  for (std::size_t p = 0; p < 256; ++p) {
    REQUIRE(std::abs(wide.pixels[3 * p] - grey[p]) < 12);
    REQUIRE(wide.pixels[3 * p] == wide.pixels[3 * p + 1]);
    REQUIRE(wide.pixels[3 * p] == wide.pixels[3 * p + 2]);
  }
}

TEST_CASE("a JPEG that ends early is refused, not filled with grey") {
  const temporary_directory dir;
  const auto whole = jpeg_file(24, 24, picture(24, 24));
  check_truncations(dir, whole, whole.size() - 2);  // the end marker itself is no loss
  check_mutants(dir, whole);
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
  check_truncations(dir, whole, whole.size() - 12);  // the empty end chunk is no loss
  check_mutants(dir, whole);
}
#else
TEST_CASE("a PNG is a clear refusal where the program was built without") {
  const temporary_directory dir;
  const auto e = thrown_by([&] { decode_image(dir.write("a.png", std::string("\x89PNG....."))); });
  CHECK(e.kind == error_kind::data);
  CHECK(e.says("built without PNG"));
}
#endif
