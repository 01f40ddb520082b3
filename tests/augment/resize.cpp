#include <triptych/augment/resize.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "augment/noise_image.hpp"
#include "support/catch.hpp"
#include "support/larger.hpp"

using namespace triptych::augment;
using triptych::test::noise_image;

namespace {

double kernel(filter f, double x) {
  x = std::abs(x);
  if (f == filter::bilinear) return std::max(0.0, 1 - x);
  const double a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

/// The definition in the header's comment, in double, over all pixels of the rectangle.
double naive(const std::vector<std::uint8_t>& pixels, int image_width, const box& b, filter f,
             int out_h, int out_w, int y, int x, int c) {
  const double sy = static_cast<double>(b.height) / out_h,
               sx = static_cast<double>(b.width) / out_w;
  double sum = 0, weights = 0;
  for (int j = 0; j < b.height; ++j) {
    for (int i = 0; i < b.width; ++i) {
      const double w = kernel(f, (j + 0.5 - (y + 0.5) * sy) / std::max(sy, 1.0)) *
                       kernel(f, (i + 0.5 - (x + 0.5) * sx) / std::max(sx, 1.0));
      weights += w;
      sum += w * pixels[static_cast<std::size_t>(((b.top + j) * image_width + b.left + i) * 3 + c)];
    }
  }
  return std::clamp(sum / weights / 255, 0.0, 1.0);
}

}  // namespace

TEST_CASE(
    "resampling a rectangle agrees with the definition for both filters, growing and shrinking") {
  const int height = 23, width = 31;
  const auto pixels = noise_image(height, width);
  resize_workspace work;
  struct example {
    box from;
    int out_h, out_w;
  };
  for (const auto& [from, out_h, out_w] :
       {example{{0, 0, 23, 31}, 8, 8}, example{{4, 7, 11, 5}, 16, 16}, example{{1, 2, 20, 3}, 7, 9},
        example{{22, 30, 1, 1}, 5, 4}, example{{0, 0, 23, 31}, 1, 1},
        example{{3, 3, 2, 9}, 9, 2}}) {
    for (const filter f : {filter::bilinear, filter::bicubic}) {
      std::vector<float> planes(static_cast<std::size_t>(3 * out_h * out_w));
      resize({pixels, height, width}, from, f, {0, 0, out_h, out_w}, out_h, out_w, work,
             planes.data());
      double worst = 0;
      for (int c = 0; c < 3; ++c) {
        for (int y = 0; y < out_h; ++y) {
          for (int x = 0; x < out_w; ++x) {
            const float got = planes[static_cast<std::size_t>((c * out_h + y) * out_w + x)];
            worst = triptych::test::larger(
                worst, std::abs(static_cast<double>(got) -
                                naive(pixels, width, from, f, out_h, out_w, y, x, c)));
          }
        }
      }
      CHECK(worst < 2e-6);
    }
  }
}

TEST_CASE("a part of a resampled rectangle is that part of the whole of it") {
  const auto pixels = noise_image(23, 31);
  resize_workspace work;
  const box from{1, 2, 20, 27};
  for (const filter f : {filter::bilinear, filter::bicubic}) {
    std::vector<float> whole(3 * 12 * 18), part(3 * 5 * 7);
    resize({pixels, 23, 31}, from, f, {0, 0, 12, 18}, 12, 18, work, whole.data());
    resize({pixels, 23, 31}, from, f, {3, 6, 12, 18}, 5, 7, work, part.data());
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t y = 0; y < 5; ++y) {
        for (std::size_t x = 0; x < 7; ++x) {
          REQUIRE(part[(c * 5 + y) * 7 + x] == whole[(c * 12 + y + 3) * 18 + x + 6]);
        }
      }
    }
  }
}

TEST_CASE("a rectangle at its own size is copied") {
  const auto pixels = noise_image(9, 6);
  resize_workspace work;
  std::vector<float> planes(9 * 6 * 3);
  for (const filter f : {filter::bilinear, filter::bicubic}) {
    resize({pixels, 9, 6}, {0, 0, 9, 6}, f, {0, 0, 9, 6}, 9, 6, work, planes.data());
    for (std::size_t p = 0; p < 54; ++p) {
      for (std::size_t c = 0; c < 3; ++c) {
        REQUIRE(std::lrint(255 * planes[c * 54 + p]) == pixels[p * 3 + c]);
      }
    }
  }
}

TEST_CASE("resampling never looks outside of the rectangle") {
  std::vector<std::uint8_t> pixels(20 * 20 * 3, 255);
  for (int y = 5; y < 12; ++y) {
    for (int x = 6; x < 15; ++x) {
      for (int c = 0; c < 3; ++c) pixels[static_cast<std::size_t>((y * 20 + x) * 3 + c)] = 0;
    }
  }
  resize_workspace work;
  for (const int out : {3, 7, 32}) {
    std::vector<float> planes(static_cast<std::size_t>(3 * out * out));
    resize({pixels, 20, 20}, {5, 6, 7, 9}, filter::bicubic, {0, 0, out, out}, out, out, work,
           planes.data());
    CHECK(*std::max_element(planes.begin(), planes.end()) == 0.0f);
  }
}
