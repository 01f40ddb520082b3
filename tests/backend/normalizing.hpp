// Experiments (backend/experiments.hpp) on what a NormalizingBackend does in one, beside the parts
// on a backend that is none: a map that lacks the last step of its BatchNorm.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <triptych/concepts/normalizing_backend.hpp>
#include <triptych/nn/normalization.hpp>

#include "backend/experiments.hpp"

namespace triptych::test {

/// factor x + shift, rounded as a float is: `groups` equal runs of rows.
inline numbers scaled(const numbers& x, const numbers& factor, const numbers& shift,
                      std::int64_t groups, int channels) {
  numbers y = x;
  const auto columns = static_cast<std::size_t>(channels);
  const std::size_t group = x.size() / static_cast<std::size_t>(groups);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t c = i / group * columns + i % columns;
    y[i] = double(std::fma(static_cast<float>(x[i]), static_cast<float>(factor[c]),
                           static_cast<float>(shift[c])));
  }
  return y;
}

inline numbers rectified(numbers x) {
  for (double& v : x) v = std::max(0.0, v);
  return x;
}

template <class B>
using map_of = normalized_map<typename B::activation, typename B::real>;

template <class Fast, class Visit>
void normalizing_convolutions(const Visit& visit) {
  using within = tolerance<Fast>;
  using convolution::geometry;
  // images, height, width, in, out, kernel, stride, padding
  for (const geometry& g :
       {geometry{31, 4, 4, 33, 64, 3, 1, 1}, geometry{6, 8, 8, 64, 64, 3, 1, 1},
        geometry{4, 9, 11, 33, 20, 3, 1, 1}, geometry{2, 32, 32, 16, 16, 3, 1, 1},
        geometry{6, 4, 4, 330, 340, 3, 1, 1}}) {
    REQUIRE(Fast::reads_normalized(g));
    const std::int64_t groups = g.images % 2 == 0 ? 2 : 1,
                       out_pixels = g.images * g.out_height() * g.out_width();
    const std::int64_t w_size = 9 * std::int64_t{g.in} * g.out;
    const numbers x = random_numbers(g.images * g.height * g.width * g.in, 1);
    const numbers w = random_numbers(w_size, 2), y = random_numbers(out_pixels * g.out, 3);
    const numbers factor = random_numbers(groups * g.in, 4),
                  shift = random_numbers(groups * g.in, 5);
    const auto with_map = [&](auto& b, const auto& use) {
      using B = std::decay_t<decltype(b)>;
      if constexpr (NormalizingBackend<B>) {
        device_map from(b, x);
        device_array f(b, factor), s(b, shift);
        use(map_of<B>(from.data(), f, s, g.images / groups));
      } else {
        device_map from(b, rectified(scaled(x, factor, shift, groups, g.in)));
        use(from.data());
      }
    };
    const auto named = [&](const char* name) {
      return name + (", normalizing, images=" + std::to_string(g.images)) +
             " in=" + std::to_string(g.in) + " side=" + std::to_string(g.height);
    };
    visit(named("convolution_forward"), within::convolved(9 * g.in), [&](auto& b) {
      device_map to(b, unwritten(out_pixels * g.out));
      device_array weights(b, w);
      with_map(b, [&](const auto& map) { b.convolution_forward(g, map, weights, to); });
      return numbers_of(to);
    });
    visit(named("convolution_backward_weights"), within::convolved(out_pixels), [&](auto& b) {
      device_map dy(b, y);
      device_array dw(b, w);
      with_map(b, [&](const auto& map) { b.convolution_backward_weights(g, map, dy, dw, true); });
      return numbers_of(dw);
    });
  }
}

template <class Fast, class Visit>
void normalizing_batch_norms(const Visit& visit) {
  using within = tolerance<Fast>;
  for (const norm_shape& s : {norm_shape{3, 3, 64}, norm_shape{17, 2, 3}, norm_shape{31, 1, 33},
                              norm_shape{1031, 2, 33}, norm_shape{2053, 1, 16}}) {
    const int groups = s.groups, channels = s.channels;
    const std::int64_t size = s.rows * groups * channels, statistics = groups * channels;
    const numbers x = jumping_rows(size, channels, 1), gradient = random_numbers(size, 2);
    const numbers weight = random_numbers(channels, 3), bias = random_numbers(channels, 4);
    const numbers old_mean = random_numbers(channels, 5);
    const numbers old_variance = random_numbers(channels, 6, 0.5f, 2);
    const numbers some_mean = random_numbers(statistics, 7);
    const numbers some_inverse = random_numbers(statistics, 8, 0.5f, 2);
    const numbers factor = random_numbers(statistics, 9), shift = random_numbers(statistics, 10);
    const auto named = [&](const std::string& name) {
      return name + " rows=" + std::to_string(s.rows) + " channels=" + std::to_string(channels) +
             " groups=" + std::to_string(groups);
    };
    visit(named("batch_norm_factors"), within::normalized, [&](auto& b) {
      using B = std::decay_t<decltype(b)>;
      device_map from(b, x);
      device_array gamma(b, weight), beta(b, bias);
      device_array running_mean(b, old_mean), running_variance(b, old_variance);
      device_array mean(b, unwritten(statistics)), inverse(b, unwritten(statistics));
      const running_statistics<typename B::real> running{running_mean, running_variance,
                                                         real_of(b, 0.25f)};
      if constexpr (NormalizingBackend<B>) {
        device_array f(b, unwritten(statistics)), t(b, unwritten(statistics));
        nn::batch_norm_factors(b, s, from.data(), gamma, beta, real_of(b, 1e-5f), running, mean,
                               inverse, f, t);
        const device_map y(b, scaled(x, numbers_of(f), numbers_of(t), groups, channels));
        return numbers_of(y, mean, inverse, running_mean, running_variance);
      } else {
        nn::batch_norm_forward(b, s, from.data(), gamma, beta, real_of(b, 1e-5f), nullptr, false,
                               running, mean, inverse, from.data());
        return numbers_of(from, mean, inverse, running_mean, running_variance);
      }
    });
    const double backward = within::normalized_gradient(s.rows * groups);
    visit(named("batch_norm_backward, normalizing"), backward, [&](auto& b) {
      using B = std::decay_t<decltype(b)>;
      device_map from(b, x), dy(b, gradient);
      device_array gamma(b, weight), mean(b, some_mean), inverse(b, some_inverse);
      device_array dgamma(b, weight), dbeta(b, bias);
      if constexpr (NormalizingBackend<B>) {
        device_array f(b, factor), t(b, shift);
        nn::batch_norm_backward(b, s, map_of<B>(from.data(), f, t, 1), nullptr, gamma, mean,
                                inverse, dy.data(), dgamma, dbeta, from.data());
      } else {
        device_map y(b, scaled(x, factor, shift, groups, channels));
        nn::batch_norm_backward(b, s, from.data(), y.data(), gamma, mean, inverse, dy.data(),
                                dgamma, dbeta, from.data());
      }
      return numbers_of(from, dgamma, dbeta);
    });
  }
}

}  // namespace triptych::test
