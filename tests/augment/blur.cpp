#include <triptych/augment/blur.hpp>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "support/catch.hpp"

using namespace triptych::augment;

namespace {

std::vector<float> test_planes(int height, int width) {
  std::vector<float> planes(static_cast<std::size_t>(3 * height * width));
  std::uint32_t state = 5;
  for (auto& v : planes) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) * 0x1p-24f;
  }
  return planes;
}

}  // namespace

TEST_CASE("mirroring repeats the edge and is periodic") {
  const std::vector<int> expected{2, 1, 0, 0, 1, 2, 2, 1, 0, 0};
  for (int i = -3; i < 7; ++i) {
    CHECK(mirrored(i, 3) == expected[static_cast<std::size_t>(i + 3)]);
    CHECK(mirrored(i + 600, 3) == mirrored(i, 3));
  }
  CHECK(mirrored(-17, 1) == 0);
}

TEST_CASE(
    "blur keeps constants, and the sum of any image, even where the kernel is wider than it") {
  blur_workspace work;
  for (const float sigma : {0.05f, 0.3f, 1.0f, 4.0f}) {
    std::vector<float> constant(3 * 7 * 11, 0.375f);
    blur(constant.data(), 7, 11, sigma, work);
    for (const float v : constant) REQUIRE(std::abs(v - 0.375f) < 1e-6f);

    auto planes = test_planes(7, 11);
    const double before = std::accumulate(planes.begin(), planes.end(), 0.0);
    blur(planes.data(), 7, 11, sigma, work);
    CHECK(std::accumulate(planes.begin(), planes.end(), 0.0) == Approx(before).epsilon(1e-6));
  }
}

TEST_CASE("blur is the two-dimensional Gaussian, cut at three deviations, of the mirrored image") {
  const int height = 9, width = 6;
  const float sigma = 0.8f;
  const int radius = 3;  // ceil(2.4)
  const auto original = test_planes(height, width);
  auto planes = original;
  blur_workspace work;
  blur(planes.data(), height, width, sigma, work);
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        double sum = 0, weights = 0;
        for (int j = -radius; j <= radius; ++j) {
          for (int i = -radius; i <= radius; ++i) {
            const double w = std::exp(-(i * i + j * j) / (2.0 * 0.8 * 0.8));
            weights += w;
            sum +=
                w * static_cast<double>(original[static_cast<std::size_t>(
                        (c * height + mirrored(y + j, height)) * width + mirrored(x + i, width))]);
          }
        }
        CHECK(static_cast<double>(planes[static_cast<std::size_t>((c * height + y) * width + x)]) ==
              Approx(sum / weights).epsilon(1e-5));
      }
    }
  }
}

TEST_CASE("a blur too narrow to change a float leaves every bit alone") {
  auto planes = test_planes(8, 8);
  blur_workspace work;
  blur(planes.data(), 8, 8, 0.1f, work);
  CHECK(planes == test_planes(8, 8));
}
