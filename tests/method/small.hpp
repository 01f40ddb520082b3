// A small mncl on any backend, fed with random images.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <triptych/method/mncl.hpp>

#include "support/device_array.hpp"

namespace triptych::test {

template <class B, class Policies = method::mncl_policies>
struct small_mncl {
  static constexpr std::int64_t batch = 8;
  static constexpr int side = 16;

  B backend;
  method::mncl<B, Policies> method;

  explicit small_mncl(int threads = 1, int width = 4, double temperature = 0.5)
      : backend(threads), method(backend, layers(width), options(temperature), 5) {}

  static nn::architecture<> layers(int width) {
    return nn::architecture<>(nn::resnet({.width = width, .blocks = {1, 1, 1, 1}}),
                              {{160, 32}, 16});
  }
  static triptych::method::mncl_options options(double temperature) {
    triptych::method::mncl_options o;
    o.temperature = temperature;
    o.queue = 20;
    return o;
  }

  /// A step on the images of `seed`: an image's views are noise around it.
  triptych::method::step_report step(std::int64_t number, std::uint64_t seed, double rate = 0.05) {
    const shape s{3 * batch, side, side, 3, 3};
    const auto one = static_cast<std::int64_t>(s.size() / 3);
    std::vector<double> x;
    const auto image = random_numbers(one, seed);
    for (std::uint64_t view = 0; view < 3; ++view) {
      const auto noise = random_numbers(one, 1000 * seed + view + 1);
      for (std::size_t i = 0; i < image.size(); ++i) x.push_back(image[i] + 0.5 * noise[i]);
    }
    const device_array<B> images(backend, x);
    return method.step({s, images.data()}, {number, rate, rate, 1});
  }

  /// Every number of the state: weights, statistics, momenta, queue.
  std::vector<double> state() {
    std::vector<double> all;
    for (const auto& arena : method.arenas()) {
      std::vector<typename B::real> host(arena.list->size());
      backend.download(arena.data, host.size(), host.data());
      all.insert(all.end(), host.begin(), host.end());
    }
    return all;
  }

  /// The arenas' prefixes, without repetition.
  std::vector<std::string> parts() {
    std::vector<std::string> names;
    for (const auto& arena : method.arenas()) {
      if (names.empty() || names.back() != arena.prefix) names.push_back(arena.prefix);
    }
    return names;
  }
};

}  // namespace triptych::test
