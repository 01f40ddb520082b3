// Weights in cuDNN's order and back.
#include <triptych/backend/device/convolution/turned_weights.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"

using namespace triptych;

TEST_CASE("weights turn to (out, taps) and back, written or added") {
  constexpr std::int64_t taps = 18;
  constexpr int out = 5;
  std::vector<float> w(taps * out), turned(w.size()), back(w.size(), 100.0f);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i);
  for (std::int64_t i = 0; i < taps * out; ++i) {
    conv_engine::turn_weights<float, float>{taps, out, w.data(), turned.data()}(i);
  }
  for (std::size_t o = 0; o < out; ++o) {
    for (std::size_t t = 0; t < taps; ++t) CHECK(turned[o * taps + t] == w[t * out + o]);
  }
  for (const bool accumulate : {true, false}) {
    for (std::int64_t i = 0; i < taps * out; ++i) {
      conv_engine::turn_weights_back<float, float>{taps, out, turned.data(), back.data(),
                                                   accumulate}(i);
    }
    CHECK(back[7] == w[7] + (accumulate ? 100.0f : 0.0f));
    if (!accumulate) CHECK(back == w);
  }
}
