#include <triptych/augment/color.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"

using namespace triptych::augment;

namespace {

void check_equal(rgb got, rgb expected, float tolerance = 1e-6f) {
  CHECK(std::abs(got.r - expected.r) <= tolerance);
  CHECK(std::abs(got.g - expected.g) <= tolerance);
  CHECK(std::abs(got.b - expected.b) <= tolerance);
}

/// Pixels (3, n) of many colors, corners of the cube and grays among them.
std::vector<float> palette(std::size_t n) {
  std::vector<float> planes(3 * n);
  std::uint32_t state = 99;
  for (std::size_t i = 0; i < 3 * n; ++i) {
    state = state * 1664525u + 1013904223u;
    planes[i] = static_cast<float>(state >> 24) / 255;
  }
  for (std::size_t i = 0; i < 8 && i < n; ++i) {
    for (std::size_t c = 0; c < 3; ++c) planes[c * n + i] = static_cast<float>((i >> c) & 1);
  }
  for (std::size_t i = 8; i < 12 && i < n; ++i) {
    for (std::size_t c = 0; c < 3; ++c) planes[c * n + i] = 0.25f * static_cast<float>(i - 8);
  }
  return planes;
}

}  // namespace

TEST_CASE("brightness scales every channel and stops at 0 and 1") {
  check_equal(brightness{0.5f}({0.2f, 0.4f, 1.0f}), {0.1f, 0.2f, 0.5f});
  check_equal(brightness{1.4f}({0.2f, 0.5f, 0.9f}), {0.28f, 0.7f, 1.0f});
  check_equal(brightness{0.0f}({0.2f, 0.5f, 0.9f}), {0, 0, 0});
}

TEST_CASE("contrast moves colors away from the image's mean luma") {
  check_equal(contrast{1.5f, 0.4f}({0.2f, 0.4f, 0.9f}), {0.1f, 0.4f, 1.0f});
  check_equal(contrast{0.0f, 0.4f}({0.2f, 0.4f, 0.9f}), {0.4f, 0.4f, 0.4f});
}

TEST_CASE("saturation moves colors away from their own luma") {
  const rgb c{0.2f, 0.4f, 0.8f};
  const float y = 0.2989f * 0.2f + 0.587f * 0.4f + 0.114f * 0.8f;
  check_equal(saturation{0.0f}(c), {y, y, y});
  check_equal(saturation{0.5f}(c), {(0.2f + y) / 2, (0.4f + y) / 2, (0.8f + y) / 2});
  check_equal(saturation{1.0f}(c), c);
  check_equal(grayscale{}(c), {y, y, y});
}

TEST_CASE("solarizing inverts what reaches the threshold") {
  check_equal(solarize{0.5f}({0.5f, 0.49f, 1.0f}), {0.5f, 0.49f, 0.0f});
  check_equal(solarize{0.25f}({0.5f, 0.2f, 0.3f}), {0.5f, 0.2f, 0.7f});
}

TEST_CASE("a hue turned by nothing, or by a whole turn in two halves, is the same color") {
  constexpr std::size_t n = 500;
  const auto planes = palette(n);
  for (std::size_t i = 0; i < n; ++i) {
    const rgb c{planes[i], planes[n + i], planes[2 * n + i]};
    check_equal(hue{0}(c), c);
    check_equal(hue{0.5f}(hue{0.5f}(c)), c, 3e-6f);
    check_equal(hue{-0.1f}(hue{0.1f}(c)), c, 3e-6f);
  }
}

TEST_CASE("a third of a turn takes red to green to blue, and half a turn gives the complement") {
  const float third = 1.0f / 3;
  check_equal(hue{third}({0.9f, 0.2f, 0.2f}), {0.2f, 0.9f, 0.2f});
  check_equal(hue{third}({0.2f, 0.9f, 0.2f}), {0.2f, 0.2f, 0.9f});
  check_equal(hue{-third}({0.9f, 0.2f, 0.2f}), {0.2f, 0.2f, 0.9f});
  check_equal(hue{0.5f}({1, 0, 0}), {0, 1, 1});
  check_equal(hue{0.5f}({1, 1, 0}), {0, 0, 1});
  check_equal(hue{1.0f / 12}({1, 0, 0}), {1, 0.5f, 0});
  check_equal(hue{0.3f}({0.4f, 0.4f, 0.4f}), {0.4f, 0.4f, 0.4f});
}

TEST_CASE("turning the hue keeps the largest and the smallest channel") {
  constexpr std::size_t n = 500;
  const auto planes = palette(n);
  for (const float turns : {-0.5f, -0.1f, 0.03f, 0.1f, 0.49f}) {
    for (std::size_t i = 0; i < n; ++i) {
      const rgb c{planes[i], planes[n + i], planes[2 * n + i]};
      const rgb t = hue{turns}(c);
      CHECK(std::abs(std::fmax(t.r, std::fmax(t.g, t.b)) - std::fmax(c.r, std::fmax(c.g, c.b))) <
            2e-6f);
      CHECK(std::abs(std::fmin(t.r, std::fmin(t.g, t.b)) - std::fmin(c.r, std::fmin(c.g, c.b))) <
            2e-6f);
    }
  }
}

TEST_CASE("the mean luma is the mean of the lumas for any number of pixels") {
  for (const std::size_t n : {std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{257}}) {
    const auto planes = palette(n);
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      sum += static_cast<double>(luma({planes[i], planes[n + i], planes[2 * n + i]}));
    }
    CHECK(static_cast<double>(mean_luma(planes.data(), n)) ==
          Approx(sum / static_cast<double>(n)).epsilon(1e-6));
  }
}

TEST_CASE("a jitter runs its four operations in the order drawn") {
  constexpr std::size_t n = 33;
  jitter_draw d{.brightness = 1.3f, .contrast = 0.7f, .saturation = 1.2f, .hue = -0.07f};
  d.order = {jitter_op::hue, jitter_op::contrast, jitter_op::brightness, jitter_op::saturation};
  auto got = palette(n), expected = palette(n);
  jitter(color_planes{got.data(), n}, d);
  recolor(expected.data(), n, hue{-0.07f});
  recolor(expected.data(), n, contrast{0.7f, mean_luma(expected.data(), n)});
  recolor(expected.data(), n, brightness{1.3f});
  recolor(expected.data(), n, saturation{1.2f});
  CHECK(got == expected);

  auto other = palette(n);
  d.order = {jitter_op::brightness, jitter_op::contrast, jitter_op::hue, jitter_op::saturation};
  jitter(color_planes{other.data(), n}, d);
  CHECK(other != got);

  auto same = palette(n);
  jitter(color_planes{same.data(), n}, jitter_draw{});
  CHECK(same == palette(n));
}
