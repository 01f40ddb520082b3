// triptych/data/procedural_inl.hpp
//
// The bodies of procedural.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/procedural.hpp>

namespace triptych::data {

namespace procedural {

inline constexpr int classes = 10;
inline constexpr int side = 32;

/// Signed distance, about, from (x, y) to the outline of a class's figure of radius 1; negative
/// inside.
inline float outline(int figure, float x, float y) {
  const float ax = std::abs(x), ay = std::abs(y);
  const float r = std::sqrt(x * x + y * y);
  const auto bar = [](float u, float v, float half_u, float half_v) {
    return std::max(std::abs(u) - half_u, std::abs(v) - half_v);
  };
  switch (figure) {
  case 0:
    return r - 0.85f;  // disc
  case 1:
    return std::abs(r - 0.72f) - 0.2f;  // ring
  case 2:
    return std::max(ax, ay) - 0.75f;  // square
  case 3:
    return std::abs(std::max(ax, ay) - 0.65f) - 0.18f;  // frame
  case 4:
    return std::max(-y, 0.866f * ax + 0.5f * y) - 0.5f;  // triangle
  case 5:
    return std::min(bar(x, y, 0.25f, 0.95f), bar(x, y, 0.95f, 0.25f));  // cross
  case 6:
    return r - 0.62f - 0.3f * std::cos(5 * std::atan2(y, x));  // flower
  case 7:
    return std::max(r - 0.9f, 0.72f - std::hypot(x - 0.5f, y));  // crescent
  case 8:
    return std::max(std::abs(ay - 0.52f) - 0.22f, ax - 0.9f);  // two bars
  default:
    return std::min(bar(x + 0.55f, y, 0.25f, 0.85f), bar(x, y + 0.6f, 0.8f, 0.25f));
  }
}

/// Noise of a given coarseness: random colors on a grid, smoothly interpolated.
class color_noise {
 public:
  color_noise(random_stream& random, float cell, float strength) : cell_(cell) {
    for (float& v : values_) v = random.uniform(-strength, strength);
  }
  [[nodiscard]] float at(int channel, float x, float y) const {
    const float u = x / cell_, v = y / cell_;
    const int i = static_cast<int>(u), j = static_cast<int>(v);
    const float s = smooth(u - static_cast<float>(i)), t = smooth(v - static_cast<float>(j));
    const float above = knot(channel, j, i) * (1 - s) + knot(channel, j, i + 1) * s;
    const float below = knot(channel, j + 1, i) * (1 - s) + knot(channel, j + 1, i + 1) * s;
    return above * (1 - t) + below * t;
  }

 private:
  static constexpr int knots = 13;  // enough for cells of at least 32 / 11 pixels
  static float smooth(float t) { return t * t * (3 - 2 * t); }
  [[nodiscard]] float knot(int channel, int row, int column) const {
    return values_[static_cast<std::size_t>((channel * knots + row) * knots + column)];
  }
  float cell_;
  std::array<float, 3 * knots * knots> values_;
};

/// image (32, 32, 3) <- one image of `figure`; overwritten.
inline void paint(int figure, random_stream random, std::span<std::uint8_t> image) {
  constexpr float tau = 6.28318530717958647692f;
  std::array<float, side * side * 3> canvas;

  // One draw after the other: the arguments of a call are evaluated in an order that each compiler
  // chooses.
  const float strength = random.uniform(0.08f, 0.28f), cell = random.uniform(3, 9);
  const color_noise noise(random, cell, strength);
  const float direction = random.uniform(0, tau), slope = random.uniform(0, 0.012f);
  const float light_x = slope * std::cos(direction), light_y = slope * std::sin(direction);
  const float middle = random.uniform(0.35f, 0.65f);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const auto fx = static_cast<float>(x), fy = static_cast<float>(y);
      const float level = middle + light_x * (fx - 15.5f) + light_y * (fy - 15.5f);
      for (int c = 0; c < 3; ++c) {
        canvas[static_cast<std::size_t>((y * side + x) * 3 + c)] = level + noise.at(c, fx, fy);
      }
    }
  }

  // Lays a color over the pixels where distance(x, y), in pixels, is negative.
  const auto lay = [&canvas](const std::array<float, 3>& color, const auto& distance) {
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x) {
        const float d = distance(static_cast<float>(x), static_cast<float>(y));
        if (d >= 0.5f) continue;
        const float cover = d <= -0.5f ? 1.0f : 0.5f - d;
        float* p = &canvas[static_cast<std::size_t>((y * side + x) * 3)];
        for (std::size_t c = 0; c < 3; ++c) p[c] += cover * (color[c] - p[c]);
      }
    }
  };
  // A color that differs from the middle of the background in brightness, up or down.
  const auto color = [&random, middle](float contrast) {
    const float level = middle + (random.below(2) == 0 ? -contrast : contrast);
    std::array<float, 3> c{};
    for (float& v : c) v = level + random.uniform(-0.25f, 0.25f);
    return c;
  };

  for (int stroke = 0; stroke < 3; ++stroke) {
    const float x0 = random.uniform(0, side), y0 = random.uniform(0, side);
    const float angle = random.uniform(0, tau), half = random.uniform(2, 7);
    const float dx = std::cos(angle), dy = std::sin(angle);
    lay(color(random.uniform(0.1f, 0.3f)), [&](float x, float y) {
      const float along = (x - x0) * dx + (y - y0) * dy, across = (y - y0) * dx - (x - x0) * dy;
      return std::max(std::abs(along) - half, std::abs(across) - 0.6f);
    });
  }

  const float contrast = random.uniform(0.25f, 0.5f);
  for (int copy = 0; copy < 4; ++copy) {
    const float radius = random.uniform(5.0f, 8.0f);
    const float x0 = (copy % 2 == 0 ? 8.0f : 24.0f) + random.uniform(-3, 3);
    const float y0 = (copy / 2 == 0 ? 8.0f : 24.0f) + random.uniform(-3, 3);
    const float angle = random.uniform(0, tau);
    const float mirror = random.below(2) == 0 ? -1.0f : 1.0f;
    const float dx = std::cos(angle) / radius, dy = std::sin(angle) / radius;
    lay(color(contrast), [&](float x, float y) {
      const float u = (x - x0) * dx + (y - y0) * dy, v = (y - y0) * dx - (x - x0) * dy;
      return radius * outline(figure, u, mirror * v);
    });
  }

  const float grain = random.uniform(0.02f, 0.1f);
  for (std::size_t i = 0; i < canvas.size(); ++i) {
    const float v = canvas[i] + random.uniform(-grain, grain);
    image[i] = static_cast<std::uint8_t>(std::lrint(255 * std::clamp(v, 0.0f, 1.0f)));
  }
}

}  // namespace procedural

TRIPTYCH_INLINE image_set procedural_images(std::int64_t count, std::uint64_t seed,
                                            std::uint32_t part, thread_pool* pool) {
  if (count < 1 || count > 10'000'000) {
    throw error::usage("procedural images: " + std::to_string(count) +
                       " asked for; give a number from 1 to 10000000");
  }
  image_set set;
  set.name = "procedural";
  set.height = set.width = procedural::side;
  set.classes = procedural::classes;
  set.mean = {0.5f, 0.5f, 0.5f};
  set.deviation = {0.25f, 0.25f, 0.25f};
  constexpr std::size_t bytes = placed_image{0, procedural::side, procedural::side}.bytes();
  set.pixels.resize(static_cast<std::size_t>(count) * bytes);
  set.labels.resize(static_cast<std::size_t>(count));
  const auto paint_one = [&](std::int64_t i) {
    const int figure = static_cast<int>(i % procedural::classes);
    set.labels[static_cast<std::size_t>(i)] = figure;
    procedural::paint(figure,
                      random_stream(seed, stream::procedural, static_cast<std::uint32_t>(i), part),
                      std::span(set.pixels).subspan(static_cast<std::size_t>(i) * bytes, bytes));
  };
  if (pool != nullptr) {
    pool->run(count, paint_one);
  } else {
    for (std::int64_t i = 0; i < count; ++i) paint_one(i);
  }
  return set;
}

TRIPTYCH_INLINE split procedural_split(std::int64_t train, std::int64_t test, std::uint64_t seed,
                                       thread_pool* pool) {
  return {procedural_images(train, seed, 0, pool), procedural_images(test, seed, 1, pool)};
}

}  // namespace triptych::data
