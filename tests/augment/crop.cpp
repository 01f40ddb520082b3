#include <triptych/augment/crop.hpp>

#include <cmath>
#include <cstdint>

#include "support/catch.hpp"

using namespace triptych;
using namespace triptych::augment;

TEST_CASE("the shorter side becomes the view's, and the view lies in the middle") {
  CHECK(center_frame(32, 32, 32, 32) == box{0, 0, 32, 32});
  CHECK(center_frame(40, 100, 10, 10) == box{0, 8, 10, 25});  // 7.5: rounded to even
  CHECK(center_frame(100, 36, 10, 10) == box{8, 0, 27, 10});  // 27.8 and 8.5
  CHECK(center_frame(40, 52, 10, 10) == box{0, 2, 10, 13});   // 1.5
  CHECK(center_frame(30, 30, 10, 20) == box{5, 0, 20, 20});
  CHECK(center_frame(1, 1000, 64, 64) == box{0, 31968, 64, 64000});
  CHECK(center_frame(1, 2, 1, 100) == box{24, 0, 50, 100});
}

TEST_CASE(
    "random crops lie within the image, have the asked areas and ratios, and reach every corner") {
  const crop_range range{.scale_min = 0.2f};
  const int height = 64, width = 64;
  bool top_left = false, bottom_right = false;
  double area = 0;
  constexpr int count = 4000;
  for (std::uint32_t i = 0; i < count; ++i) {
    random_stream random(7, stream::augment, i);
    const box b = random_crop(range, height, width, random);
    REQUIRE((b.top >= 0 && b.left >= 0 && b.height >= 1 && b.width >= 1));
    REQUIRE((b.top + b.height <= height && b.left + b.width <= width));
    const double share = static_cast<double>(b.height) * b.width / (height * width);
    const double ratio = static_cast<double>(b.width) / b.height;
    // Sides are rounded to whole pixels, which moves area and ratio a little.
    REQUIRE((share > 0.19 && share <= 1.0));
    REQUIRE((ratio > 0.72 && ratio < 1.38));
    top_left = top_left || (b.top == 0 && b.left == 0);
    bottom_right = bottom_right || (b.top + b.height == height && b.left + b.width == width);
    area += share / count;
  }
  CHECK(top_left);
  CHECK(bottom_right);
  // Uniform in 0.2 ... 1 would have mean 0.6; large crops that do not fit are drawn again.
  CHECK(area > 0.53);
  CHECK(area < 0.6);
}

TEST_CASE("a random crop follows the ten-tries rule draw by draw") {
  const crop_range range{.scale_min = 0.08f};
  const int height = 20, width = 50;
  for (std::uint32_t i = 0; i < 200; ++i) {
    random_stream random(3, stream::augment, i), again(3, stream::augment, i);
    const box b = random_crop(range, height, width, random);
    box expected{0, (50 - 27) / 2, 20, 27};  // 27 = round(20 * 4/3)
    for (int attempt = 0; attempt < 10; ++attempt) {
      const double target = 1000.0 * (0.08 + 0.92 * static_cast<double>(again.uniform()));
      const double ratio = std::exp(std::log(0.75) + (std::log(4.0 / 3) - std::log(0.75)) *
                                                         static_cast<double>(again.uniform()));
      const int w = static_cast<int>(std::lrint(std::sqrt(target * ratio)));
      const int h = static_cast<int>(std::lrint(std::sqrt(target / ratio)));
      if (w > width || h > height) continue;
      expected.top = static_cast<int>(again.below(static_cast<std::uint32_t>(height - h + 1)));
      expected.left = static_cast<int>(again.below(static_cast<std::uint32_t>(width - w + 1)));
      expected.height = h;
      expected.width = w;
      break;
    }
    CHECK(b == expected);
  }
}

TEST_CASE("an image too long for any try gives the largest centered crop of an allowed ratio") {
  random_stream random(1, stream::augment);
  const crop_range whole{.scale_min = 1.0f};
  CHECK(random_crop(whole, 10, 100, random) == box{0, 43, 10, 13});
  CHECK(random_crop(whole, 100, 10, random) == box{43, 0, 13, 10});
}
