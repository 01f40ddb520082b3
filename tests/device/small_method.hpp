// A small method on any backend, and steps of it on made-up images.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <triptych/method/learner.hpp>
#include <triptych/nn/architecture.hpp>
#include <triptych/nn/resnet.hpp>

#include "support/device_array.hpp"

namespace triptych::test {

/// What checkpoints hold of a method, but for running statistics, which a step moves before it is
/// known to be good.
template <class Method>
std::vector<double> weights_and_queue(Method& method) {
  std::vector<double> all;
  for (const auto& arena : method.arenas()) {
    std::vector<typename Method::real> host(arena.list->size());
    method.backend().download(arena.data, host.size(), host.data());
    for (const auto& p : *arena.list) {
      if (p.name.find("running_") != std::string::npos) continue;
      const auto first = host.begin() + static_cast<std::ptrdiff_t>(p.offset);
      all.insert(all.end(), first, first + static_cast<std::ptrdiff_t>(p.size()));
    }
  }
  return all;
}

/// A small method of either stem on any backend, fed with noisy views of random images.
template <class B, class Options>
struct small_method {
  static constexpr int views = Options::about.views;
  static constexpr std::int64_t batch = 8;
  static constexpr int side = 16;
  static constexpr shape all_views{views * batch, side, side, 3, views};

  B backend;
  typename Options::template method<B> method;

  explicit small_method(bool imagenet_stem = false)
      : method(backend, layers(imagenet_stem), options(), seeded(5)) {}

  static nn::architecture<> layers(bool imagenet_stem) {
    nn::resnet_options encoder{.width = 6, .blocks = {1, 1, 1, 1}};
    if (imagenet_stem) encoder.stem = nn::stem::imagenet;
    return nn::architecture<>(nn::resnet(encoder),
                              {.projector = {160, 32}, .predictor_hidden = 16});
  }
  static Options options() {
    Options o;
    if constexpr (requires { o.queue; }) o.queue = 20;
    if constexpr (requires { o.temperature; }) o.temperature = 0.5;
    if constexpr (requires { o.prototypes; }) {
      o.prototypes = 12;
      o.freeze_prototypes = 1;
    }
    return o;
  }

  /// The views of step `number`.
  static std::vector<double> images(std::int64_t number) {
    const auto one = static_cast<std::int64_t>(all_views.size() / views);
    std::vector<double> x;
    const auto image = random_numbers(one, 10 + static_cast<std::uint64_t>(number));
    for (std::uint64_t view = 1; view <= views; ++view) {
      const auto noise = random_numbers(one, 1000 * static_cast<std::uint64_t>(number + 1) + view);
      for (std::size_t i = 0; i < image.size(); ++i) x.push_back(image[i] + 0.5 * noise[i]);
    }
    return x;
  }

  /// The neighbors that the last step has looked up; none where it looks up none.
  std::vector<int> neighbors;

  method::step_report step(std::int64_t number, double rate = 0.05) {
    return step(number, images(number), rate);
  }
  /// Step `number` on other images.
  method::step_report step(std::int64_t number, const std::vector<double>& views_of, double rate) {
    const device_array<B> x(backend, views_of);
    neighbors.clear();
    method::trace<typename B::real> watch;
    watch.on_indices = [this](const std::string& name, const int* at, std::int64_t count) {
      if (!name.starts_with("nn/")) return;
      const std::size_t before = neighbors.size();
      neighbors.resize(before + static_cast<std::size_t>(count));
      backend.download_indices(at, static_cast<std::size_t>(count), neighbors.data() + before);
    };
    return method.step({all_views, x.data()}, {number, rate, rate, 1}, watch);
  }

  /// Every number that a checkpoint would hold.
  std::vector<double> state() {
    std::vector<double> all;
    for (const auto& arena : method.arenas()) append(arena, all);
    return all;
  }
  /// Puts back what `state` and the method's `counters` have given, here or on another backend.
  void load(const std::vector<double>& values, const std::vector<std::int64_t>& counters) {
    auto next = values.begin();
    for (const auto& arena : method.arenas()) {
      const auto end = next + static_cast<std::ptrdiff_t>(arena.list->size());
      const std::vector<typename B::real> host(next, end);
      backend.upload(host.data(), host.size(), arena.data);
      next = end;
    }
    method.restore_counters(counters);
  }
  /// The online network's weights.
  std::vector<double> weights() {
    std::vector<double> all;
    append(method.arenas().front(), all);
    return all;
  }

 private:
  void append(const method::named_arena<typename B::real>& arena, std::vector<double>& all) {
    std::vector<typename B::real> host(arena.list->size());
    backend.download(arena.data, host.size(), host.data());
    all.insert(all.end(), host.begin(), host.end());
  }
};

}  // namespace triptych::test
