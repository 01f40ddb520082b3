#include <triptych/augment/normalize.hpp>

#include <vector>

#include "support/catch.hpp"

using namespace triptych::augment;

TEST_CASE("finishing turns planes into normalized channels-last pixels") {
  const std::vector<float> planes{0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f};  // red, green, blue of 1 x 2
  const normalization n{{0.1f, 0.2f, 0.3f}, {0.5f, 0.25f, 0.1f}};
  std::vector<float> out(6);
  finish(planes.data(), 1, 2, false, n, out.data());
  const std::vector<float> expected{0.0f, 0.4f, 2.0f, 0.2f, 0.8f, 3.0f};
  for (std::size_t i = 0; i < 6; ++i) CHECK(out[i] == Approx(expected[i]).margin(1e-6));
}

TEST_CASE("a flip mirrors columns and nothing else") {
  std::vector<float> planes(3 * 2 * 3);
  for (std::size_t i = 0; i < planes.size(); ++i) planes[i] = static_cast<float>(i);
  std::vector<float> straight(planes.size()), flipped(planes.size());
  finish(planes.data(), 2, 3, false, {}, straight.data());
  finish(planes.data(), 2, 3, true, {}, flipped.data());
  for (std::size_t y = 0; y < 2; ++y) {
    for (std::size_t x = 0; x < 3; ++x) {
      for (std::size_t c = 0; c < 3; ++c) {
        CHECK(flipped[(y * 3 + x) * 3 + c] == straight[(y * 3 + 2 - x) * 3 + c]);
      }
    }
  }
}
