// Every operation of a backend on sizes that fit no block, chunk or vector: what the equivalence
// tests of all backends have in common.
//
// An experiment is one operation on given data, as a function of the backend, that returns all it
// wrote. The functions below visit experiments; `agreement` is the visitor that compares two
// backends.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <triptych/concepts/backend.hpp>
#include <triptych/kernels/codes.hpp>
#include <triptych/kernels/nt_xent.hpp>
#include <triptych/nn/normalization.hpp>

#include "support/catch.hpp"
#include "support/device_array.hpp"
#include "support/larger.hpp"
#include "support/tolerance.hpp"

namespace triptych::test {

using numbers = std::vector<double>;

/// A float as the backend's own type.
template <class B>
typename B::real real_of(const B&, float x) {
  return static_cast<typename B::real>(x);
}

// -- experiments: visit(name, tolerance, experiment) --------------------------------------------

template <class Fast, class Visit>
void flat_vectors(const Visit& visit) {
  using within = tolerance<Fast>;
  for (const std::size_t n : {1u, 31u, 257u, 100003u}) {
    const auto size = static_cast<std::int64_t>(n);
    const numbers x = random_numbers(size, 1), y = random_numbers(size, 2);
    const numbers z = random_numbers(size, 3);
    const auto named = [&](const char* name) { return name + (" n=" + std::to_string(n)); };

    visit(named("copy"), within::exact, [&](auto& b) {
      device_array from(b, x), to(b, unwritten(size));
      b.copy(from, n, to);
      return numbers_of(to);
    });
    visit(named("fill"), within::exact, [&](auto& b) {
      device_array to(b, unwritten(size));
      b.fill(to, n, real_of(b, 0.75f));
      return numbers_of(to);
    });
    visit(named("add"), within::rounding, [&](auto& b) {
      device_array from(b, x), to(b, y);
      b.add(from.data(), n, to.data());
      return numbers_of(to);
    });
    visit(named("add, of maps"), within::rounding + within::stored(2), [&](auto& b) {
      device_map from(b, as_map<Fast>(x)), to(b, as_map<Fast>(y));
      b.add(from.data(), n, to.data());
      return numbers_of(to);
    });
    visit(named("multiply"), within::rounding, [&](auto& b) {
      device_array from(b, x), to(b, y);
      b.multiply(from, n, to);
      return numbers_of(to);
    });
    visit(named("scale"), within::rounding, [&](auto& b) {
      device_array to(b, y);
      b.scale(real_of(b, 0.3f), n, to);
      return numbers_of(to);
    });
    visit(named("interpolate"), within::elementwise, [&](auto& b) {
      device_array from(b, x), to(b, y);
      b.interpolate(real_of(b, 0.99f), from, n, to);
      return numbers_of(to);
    });
    visit(named("sgd"), within::elementwise, [&](auto& b) {
      device_array gradient(b, x), momentum(b, y), weight(b, z), scale(b, numbers{0.8});
      b.sgd(n, gradient, real_of(b, 0.06f), real_of(b, 0.9f), real_of(b, 5e-4f), scale, momentum,
            weight);
      return numbers_of(momentum, weight);
    });
    visit(named("sum_of_squares"), within::double_sum(size), [&](auto& b) {
      const device_array from(b, x);
      return numbers{b.sum_of_squares(from, n)};
    });
    visit(named("mean"), within::elementwise, [&](auto& b) {
      device_array from(b, x), to(b, unwritten(1));
      b.mean(from, n, real_of(b, 3.0f), to);
      return numbers_of(to);
    });
    visit(named("all_finite"), within::exact, [&](auto& b) {
      numbers found;
      for (const float last : {3e38f, -std::numeric_limits<float>::infinity(),
                               std::numeric_limits<float>::quiet_NaN()}) {
        numbers data(n, 3e38);
        data.back() = double(last);
        const device_array from(b, data);
        found.push_back(b.all_finite(from, n) ? 1 : 0);
      }
      return found;
    });
  }
}

template <class Fast, class Visit>
void products(const Visit& visit) {
  using within = tolerance<Fast>;
  struct product {
    std::int64_t m, n, k;
    float alpha, beta;
  };
  for (const product& p :
       {product{1, 1, 1, 1, 0}, product{3, 17, 31, 0.5f, 0.25f}, product{31, 1, 257, 1, 0},
        product{257, 31, 17, -1, 1}, product{67, 257, 33, 1, 0}, product{521, 130, 3, 2, 1},
        product{5, 2053, 19, 0.5f, 0}, product{1, 3, 2053, 1, 1}}) {
    for (const transpose ta : {transpose::no, transpose::yes}) {
      for (const transpose tb : {transpose::no, transpose::yes}) {
        const numbers left = random_numbers(p.m * p.k, 1), right = random_numbers(p.k * p.n, 2);
        // With beta = 0 the old numbers must not be read.
        const numbers old = p.beta == 0 ? unwritten(p.m * p.n) : random_numbers(p.m * p.n, 3);
        const std::string name = "gemm m=" + std::to_string(p.m) + " n=" + std::to_string(p.n) +
                                 " k=" + std::to_string(p.k) +
                                 (ta == transpose::yes ? ", left transposed" : "") +
                                 (tb == transpose::yes ? ", right transposed" : "");
        visit(name, within::sum(p.k), [&](auto& b) {
          device_array x(b, left), w(b, right), y(b, old);
          b.gemm(ta, tb, p.m, p.n, p.k, real_of(b, p.alpha), x, w, real_of(b, p.beta), y);
          return numbers_of(y);
        });
      }
    }
  }
}

template <class Fast, class Visit>
void convolutions(const Visit& visit) {
  using within = tolerance<Fast>;
  using convolution::geometry;
  // images, height, width, in, out, kernel, stride, padding
  for (const geometry& g :
       {geometry{1, 1, 1, 1, 1, 1, 1, 0}, geometry{1, 1, 1, 3, 16, 3, 1, 1},
        geometry{3, 3, 3, 16, 33, 3, 1, 1}, geometry{2, 17, 17, 3, 16, 3, 1, 1},
        geometry{31, 4, 4, 33, 64, 3, 1, 1}, geometry{1, 17, 16, 64, 33, 3, 2, 1},
        geometry{3, 16, 17, 33, 16, 1, 2, 0}, geometry{17, 7, 7, 16, 64, 1, 1, 0},
        geometry{1, 31, 29, 3, 17, 7, 2, 3}, geometry{2, 9, 6, 1, 3, 3, 1, 0},
        geometry{5, 8, 8, 64, 64, 3, 1, 1}, geometry{257, 2, 2, 16, 16, 3, 1, 1}}) {
    const std::int64_t taps = std::int64_t{g.kernel} * g.kernel;
    const std::int64_t out_pixels = g.images * g.out_height() * g.out_width();
    const std::int64_t in_size = g.images * g.height * g.width * g.in;
    const std::int64_t w_size = taps * g.in * g.out;
    const numbers x = as_map<Fast>(random_numbers(in_size, 1));
    const numbers w = as_map<Fast>(random_numbers(w_size, 2));  // an engine rounds them so
    const numbers y = as_map<Fast>(random_numbers(out_pixels * g.out, 3));
    const auto forward_sum = taps * g.in, data_sum = taps * g.out;
    const auto named = [&](const char* name) {
      return name + (" images=" + std::to_string(g.images)) + " " + std::to_string(g.height) + "x" +
             std::to_string(g.width) + " in=" + std::to_string(g.in) +
             " out=" + std::to_string(g.out) + " kernel=" + std::to_string(g.kernel) +
             " stride=" + std::to_string(g.stride) + " padding=" + std::to_string(g.padding);
    };
    visit(named("convolution_forward"),
          within::convolved(forward_sum) + within::stored_sum(forward_sum), [&](auto& b) {
            device_map from(b, x), to(b, unwritten(out_pixels * g.out));
            device_array weights(b, w);
            b.convolution_forward(g, from.data(), weights, to);
            return numbers_of(to);
          });
    for (const bool accumulate : {false, true}) {
      // Each tap's sum may be stored before they are added up: their roundings are together as
      // large as that of the whole.
      visit(named("convolution_backward_data"),
            within::convolved(data_sum) + 2 * within::stored_sum(data_sum), [&](auto& b) {
              device_map dy(b, y), dx(b, accumulate ? x : unwritten(in_size));
              device_array weights(b, w);
              b.convolution_backward_data(g, dy, weights, dx, accumulate);
              return numbers_of(dx);
            });
      // cuDNN writes it in the maps' format.
      visit(named("convolution_backward_weights"),
            within::convolved(out_pixels) + within::stored_sum(out_pixels), [&](auto& b) {
              device_map from(b, x), dy(b, y);
              device_array dw(b, accumulate ? w : unwritten(w_size));
              b.convolution_backward_weights(g, from.data(), dy, dw, accumulate);
              return numbers_of(dw);
            });
    }
  }
}

template <class Fast, class Visit>
void biases(const Visit& visit) {
  using within = tolerance<Fast>;
  for (const std::int64_t rows : {1, 17, 257, 1031}) {
    for (const int channels : {1, 3, 16, 33, 64}) {
      const numbers x = random_numbers(rows * channels, 1), bias = random_numbers(channels, 2);
      const numbers gradient = random_numbers(rows * channels, 3);
      const auto named = [&](const char* name) {
        return name + (" rows=" + std::to_string(rows)) + " channels=" + std::to_string(channels);
      };
      for (const bool relu : {false, true}) {
        visit(named("bias_forward"), within::rounding, [&](auto& b) {
          device_array y(b, x), shift(b, bias);
          b.bias_forward(rows, channels, shift, relu, y);
          return numbers_of(y);
        });
        visit(named("bias_backward"), within::sum(rows), [&](auto& b) {
          device_array y(b, x), dy(b, gradient), dbias(b, bias);
          b.bias_backward(rows, channels, relu ? y.data() : nullptr, dy, dbias);
          return numbers_of(dy, dbias);
        });
      }
    }
  }
}

/// (rows, channels). Rows jump by one, four times as far as they scatter: no channel is nearly
/// constant even where there are three rows.
inline numbers jumping_rows(std::int64_t size, int channels, std::uint64_t seed) {
  numbers x = random_numbers(size, seed, -0.25f, 0.25f);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] += i / static_cast<std::size_t>(channels) % 2 == 0 ? -0.5 : 0.5;
  }
  return x;
}

template <class Fast, class Visit>
void batch_norms(const Visit& visit) {
  using within = tolerance<Fast>;
  // rows of a group, groups, channels
  for (const norm_shape& s :
       {norm_shape{3, 1, 1}, norm_shape{3, 3, 64}, norm_shape{17, 2, 3}, norm_shape{31, 1, 33},
        norm_shape{257, 1, 16}, norm_shape{257, 2, 1}, norm_shape{257, 3, 64},
        norm_shape{1031, 2, 33}, norm_shape{2053, 1, 16}, norm_shape{20011, 1, 1}}) {
    const std::int64_t rows = s.rows, size = s.rows * s.groups * s.channels;
    const int groups = s.groups, channels = s.channels;
    const numbers x = as_map<Fast>(jumping_rows(size, channels, 1));
    const numbers other = as_map<Fast>(random_numbers(size, 2));
    const numbers gradient = as_map<Fast>(random_numbers(size, 3));
    const numbers weight = random_numbers(channels, 4), bias = random_numbers(channels, 5);
    const numbers old_mean = random_numbers(channels, 6);
    const numbers old_variance = random_numbers(channels, 7, 0.5f, 2);
    const numbers some_mean = random_numbers(groups * channels, 8);
    const numbers some_inverse = random_numbers(groups * channels, 9, 0.5f, 2);
    const auto named = [&](const std::string& name) {
      return name + " rows=" + std::to_string(rows) + " channels=" + std::to_string(channels) +
             " groups=" + std::to_string(groups);
    };
    const double normalized = within::normalized + within::stored(8);
    visit(named("batch_norm_forward far from zero"), within::normalized_far, [&](auto& b) {
      numbers far = x;
      for (double& v : far) v = double(static_cast<float>(v + 100));
      device_map from(b, as_map<Fast>(far));
      device_array gamma(b, weight), beta(b, bias);
      device_array mean(b, some_mean), inverse(b, unwritten(groups * channels));
      nn::batch_norm_forward(b, s, from.data(), gamma, beta, real_of(b, 1e-5f), nullptr, false, {},
                             mean, inverse, from.data());
      return numbers_of(inverse);
    });
    for (const bool relu : {false, true}) {
      for (const char* kind : {"plain", "residual", "over x", "over the residual"}) {
        const std::string how = kind;
        visit(named("batch_norm_forward " + how), normalized, [&](auto& b) {
          device_map from(b, x), residual(b, other), elsewhere(b, unwritten(size));
          device_array gamma(b, weight), beta(b, bias);
          device_array running_mean(b, old_mean), running_variance(b, old_variance);
          device_array mean(b, unwritten(groups * channels)),
              inverse(b, unwritten(groups * channels));
          const auto& to = how == "over x"              ? from
                           : how == "over the residual" ? residual
                                                        : elsewhere;
          nn::batch_norm_forward(b, s, from.data(), gamma, beta, real_of(b, 1e-5f),
                                 how == "plain" ? nullptr : residual.data(), relu,
                                 {running_mean, running_variance, real_of(b, 0.25f)}, mean, inverse,
                                 to.data());
          return numbers_of(to, mean, inverse, running_mean, running_variance);
        });
      }
      for (const bool with_residual : {false, true}) {
        visit(named("batch_norm_evaluate"), normalized, [&](auto& b) {
          device_map y(b, x), residual(b, other);
          device_array gamma(b, weight), beta(b, bias);
          device_array running_mean(b, old_mean), running_variance(b, old_variance);
          nn::batch_norm_evaluate(b, rows * groups, channels, y.data(), gamma, beta,
                                  real_of(b, 1e-5f), running_mean, running_variance,
                                  with_residual ? residual.data() : nullptr, relu, y.data());
          return numbers_of(y);
        });
      }
      for (const char* kind : {"plain", "over dy", "over x"}) {
        const std::string how = kind;
        // 16: an inverse deviation and a mean times a normalized x, both below 4.
        const double backward = within::normalized_gradient(rows * groups) + within::stored(16);
        visit(named("batch_norm_backward " + how), backward, [&](auto& b) {
          device_map from(b, x), y(b, other), dy(b, gradient), elsewhere(b, unwritten(size));
          device_array gamma(b, weight);
          device_array mean(b, some_mean), inverse(b, some_inverse);
          device_array dgamma(b, weight), dbeta(b, bias);
          const auto& dx = how == "over dy" ? dy : how == "over x" ? from : elsewhere;
          nn::batch_norm_backward(b, s, from.data(), relu ? y.data() : nullptr, gamma, mean,
                                  inverse, dy.data(), dgamma, dbeta, dx.data());
          return numbers_of(dy, dx, dgamma, dbeta);
        });
      }
    }
  }
}

template <class Fast, class Visit>
void pools(const Visit& visit) {
  using within = tolerance<Fast>;
  struct window {
    int kernel, stride, padding;
  };
  for (const shape& in : {shape{1, 1, 1, 1}, shape{3, 17, 15, 3}, shape{31, 8, 8, 16},
                          shape{2, 31, 3, 33}, shape{257, 4, 4, 5}}) {
    const auto in_size = static_cast<std::int64_t>(in.size());
    const std::int64_t features_size = in.images * in.channels;
    const numbers x = as_map<Fast>(random_numbers(in_size, 1));
    for (const window& w : {window{3, 2, 1}, window{1, 1, 0}, window{3, 1, 1}}) {
      const int height = (in.height + 2 * w.padding - w.kernel) / w.stride + 1;
      const int width = (in.width + 2 * w.padding - w.kernel) / w.stride + 1;
      const std::int64_t out = in.images * height * width * in.channels;
      const numbers y = as_map<Fast>(random_numbers(out, 2));
      visit("max_pool_forward " + to_string(in), within::exact, [&](auto& b) {
        device_map from(b, x), to(b, unwritten(out));
        device_indices argmax(b, out);
        b.max_pool_forward(in, w.kernel, w.stride, w.padding, from, to, argmax);
        return numbers_of(to, argmax);
      });
      // Rounded after each window.
      const int windows = w.kernel * w.kernel;
      const double backward = within::sum(windows) + windows * within::stored_sum(windows);
      visit("max_pool_backward " + to_string(in), backward, [&](auto& b) {
        device_map from(b, x), to(b, unwritten(out)), dy(b, y), dx(b, unwritten(in_size));
        device_indices argmax(b, out);
        b.max_pool_forward(in, w.kernel, w.stride, w.padding, from, to, argmax);
        b.max_pool_backward(in, height, width, dy, argmax, dx);
        return numbers_of(dx);
      });
    }
    const numbers means = random_numbers(features_size, 3);
    visit("average_pool_forward " + to_string(in), within::sum(in.height * in.width), [&](auto& b) {
      device_map from(b, x);
      device_array to(b, unwritten(features_size));
      b.average_pool_forward(in, from, to);
      return numbers_of(to);
    });
    const double stored_mean = within::elementwise + within::stored(1);
    visit("average_pool_backward " + to_string(in), stored_mean, [&](auto& b) {
      device_array dy(b, means);
      device_map dx(b, unwritten(in_size));
      b.average_pool_backward(in, dy, dx);
      return numbers_of(dx);
    });
  }
}

template <class Fast, class Visit>
void patches(const Visit& visit) {
  using within = tolerance<Fast>;
  for (const int grid : {1, 2, 3}) {
    for (const shape& in : {shape{1, grid, grid, 1}, shape{17, 3 * grid, 5 * grid, 3},
                            shape{3, 8 * grid, 4 * grid, 33, 3}}) {
      const auto size = static_cast<std::int64_t>(in.size());
      const numbers x = random_numbers(size, 1);
      visit("divide " + to_string(in), within::exact + within::stored(1), [&](auto& b) {
        device_array from(b, x);
        device_map to(b, unwritten(size));
        b.divide(in, grid, from, to);
        return numbers_of(to);
      });
    }
  }
  // All pairs of four patches for two views, all of one patch, and a triple of its own for each of
  // three views.
  const std::vector<int> pairs_of_four{0, 1, 0, 2, 0, 3, 1, 2, 1, 3, 2, 3,
                                       0, 1, 0, 2, 0, 3, 1, 2, 1, 3, 2, 3};
  const std::vector<int> whole{0}, triples{0, 1, 2, 1, 4, 5, 3, 6, 8};
  for (const subset_means& s : {subset_means{2, 4, 6, 2, 17, 33, pairs_of_four.data()},
                                subset_means{1, 1, 1, 1, 257, 3, whole.data()},
                                subset_means{3, 9, 1, 3, 31, 64, triples.data()}}) {
    const std::string size = " images=" + std::to_string(s.images);
    const std::int64_t x_size = s.groups * s.patches * s.images * s.channels;
    const std::int64_t y_size = s.groups * s.combinations * s.images * s.channels;
    const numbers x = random_numbers(x_size, 1), y = random_numbers(y_size, 2);
    visit("combine_forward" + size, within::elementwise, [&](auto& b) {
      device_array from(b, x), to(b, unwritten(y_size));
      b.combine_forward(s, from, to);
      return numbers_of(to);
    });
    visit("combine_backward" + size, within::elementwise, [&](auto& b) {
      device_array dmeans(b, y), dpatches(b, unwritten(x_size));
      b.combine_backward(s, dmeans, dpatches);
      return numbers_of(dpatches);
    });
  }
}

template <class Fast, class Visit>
void rows_of_features(const Visit& visit) {
  using within = tolerance<Fast>;
  for (const std::int64_t rows : {1, 17, 257}) {
    for (const int columns : {1, 3, 31, 257, 2053}) {
      const std::string size =
          " rows=" + std::to_string(rows) + " columns=" + std::to_string(columns);
      numbers x = random_numbers(rows * columns, 1);
      std::fill_n(x.begin(), columns, 0.0);  // a row of no length
      const numbers y = random_numbers(rows * columns, 2), dy = random_numbers(rows * columns, 3);
      const numbers inverse = random_numbers(rows, 4, 0.5f, 2);
      visit("normalize_rows_forward" + size, within::sum(columns), [&](auto& b) {
        device_array from(b, x), to(b, unwritten(rows * columns)), one_over(b, unwritten(rows));
        b.normalize_rows_forward(rows, columns, from, to, one_over);
        numbers all = numbers_of(one_over);
        for (double& v : all) v = 1 / v;  // the norm: an inverse may be 1e12
        to.append_to(all);
        return all;
      });
      visit("normalize_rows_backward" + size, within::sum(columns), [&](auto& b) {
        device_array unit(b, y), one_over(b, inverse), gradient(b, dy), dx(b, x);
        b.normalize_rows_backward(rows, columns, unit, one_over, gradient, real_of(b, 0.25f), dx);
        return numbers_of(dx);
      });
      visit("argmax_rows, gather_rows" + size, within::exact, [&](auto& b) {
        device_array from(b, x), to(b, unwritten(rows));
        device_indices largest(b, rows);
        b.argmax_rows(rows, columns, from, largest);
        // The indices name columns; they are in range as rows of the same numbers in one column.
        b.gather_rows(from, largest, rows, 1, to);
        return numbers_of(largest, to);
      });
    }
  }
}

template <class Fast, class Visit>
void losses(const Visit& visit) {
  using within = tolerance<Fast>;
  for (const logit_shape& s : {logit_shape{1, 1, 0}, logit_shape{3, 17, 0}, logit_shape{31, 31, 0},
                               logit_shape{17, 257, 100}, logit_shape{62, 257, 0, 62},
                               logit_shape{2, 3, 0, 2}, logit_shape{257, 2053, 2000}}) {
    const numbers logits = random_numbers(s.rows * s.columns, 1, -10, 10);
    visit("softmax_cross_entropy rows=" + std::to_string(s.rows) +
              " columns=" + std::to_string(s.columns),
          within::softmax, [&](auto& b) {
            device_array row(b, logits), loss(b, unwritten(s.rows));
            b.softmax_cross_entropy(s, real_of(b, 0.5f), row, loss);
            return numbers_of(row, loss);
          });
  }
}

/// Row functors that methods launch themselves.
template <class Fast, class Visit>
void codes(const Visit& visit) {
  using within = tolerance<Fast>;
  for (const auto& extents :
       {features(1, 1), features(3, 17), features(31, 257), features(257, 2053)}) {
    const std::int64_t rows = extents.images;
    const int columns = extents.channels;
    const auto size = " (" + std::to_string(rows) + ", " + std::to_string(columns) + ")";
    const numbers x = random_numbers(rows * columns, 1, -10, 10);
    const numbers of_columns = random_numbers(columns, 2, -3, 3),
                  of_rows(static_cast<std::size_t>(rows), 20);
    const numbers target = random_numbers(rows * columns, 3, 0, 2.0f / static_cast<float>(columns));
    const numbers gradient = random_numbers(rows * columns, 4);
    visit("each_row of log_sum_exp_row" + size, within::softmax + within::sum(columns),
          [&](auto& b) {
            using T = typename std::remove_cvref_t<decltype(b)>::real;
            device_array from(b, x), offset(b, of_columns), to(b, unwritten(rows));
            b.each_row(rows, columns, kernels::log_sum_exp_row<T>{from, columns, offset, to});
            return numbers_of(to);
          });
    visit("each_row of exp_row" + size, within::softmax, [&](auto& b) {
      using T = typename std::remove_cvref_t<decltype(b)>::real;
      device_array from(b, x), own(b, of_rows), offset(b, of_columns);
      device_array to(b, unwritten(rows * columns));
      b.each_row(rows, columns, kernels::exp_row<T>{from, columns, own, offset, to});
      return numbers_of(to);
    });
    visit("each_row of soft_cross_entropy_row" + size, within::softmax + within::sum(columns),
          [&](auto& b) {
            using T = typename std::remove_cvref_t<decltype(b)>::real;
            device_array from(b, x), wanted(b, target), d(b, gradient), loss(b, unwritten(rows));
            b.each_row(
                rows, columns,
                kernels::soft_cross_entropy_row<T>{from, wanted, columns, T(0.7), T(0.5), loss, d});
            return numbers_of(d, loss);
          });
  }
  for (const auto& at : {kernels::pairs{1, 2, 1}, kernels::pairs{8, 8, 0},
                         kernels::pairs{5, 31, 10}, kernels::pairs{33, 257, 100}}) {
    const std::int64_t rows = 2 * at.n, columns = at.columns();
    const auto size = " (" + std::to_string(rows) + ", " + std::to_string(columns) + ")";
    const numbers x = random_numbers(rows * columns, 5, -10, 10);
    const numbers of_rows = random_numbers(rows, 6, 10, 20),
                  of_all = random_numbers(columns, 7, 10, 20);
    visit("each_row of nt_xent_row" + size, within::softmax + within::sum(columns), [&](auto& b) {
      using T = typename std::remove_cvref_t<decltype(b)>::real;
      device_array from(b, x), logs(b, unwritten(rows)), loss(b, unwritten(rows));
      b.each_row(rows, columns, kernels::nt_xent_row<T>{at, from, logs, loss});
      return numbers_of(logs, loss);
    });
    visit("each_row of nt_xent_gradient_row" + size, within::softmax, [&](auto& b) {
      using T = typename std::remove_cvref_t<decltype(b)>::real;
      device_array logits(b, x), own(b, of_rows), others(b, of_all);
      b.each_row(rows, columns, kernels::nt_xent_gradient_row<T>{at, own, others, T(0.5), logits});
      return numbers_of(logits);
    });
  }
}

template <class Fast, class Visit>
void every_operation(const Visit& visit) {
  flat_vectors<Fast>(visit);
  products<Fast>(visit);
  convolutions<Fast>(visit);
  biases<Fast>(visit);
  batch_norms<Fast>(visit);
  pools<Fast>(visit);
  patches<Fast>(visit);
  rows_of_features<Fast>(visit);
  losses<Fast>(visit);
  codes<Fast>(visit);
}

/// Visits experiments and checks that a backend agrees with the oracle within the tolerance.
template <class Tested, class Oracle>
class agreement {
 public:
  /// Whatever the tested backend takes.
  template <class... Arguments>
  explicit agreement(Arguments&&... a) : backend_(std::forward<Arguments>(a)...) {}

  template <class Experiment>
  void operator()(const std::string& name, double tolerance, const Experiment& experiment) const {
    const numbers found = experiment(backend_), expected = experiment(oracle_);
    INFO(name);
    REQUIRE(found.size() == expected.size());
    double worst = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      worst = larger(worst, std::abs(found[i] - expected[i]));
    }
    CHECK(worst <= tolerance);
  }

 private:
  mutable Tested backend_;
  mutable Oracle oracle_;
};

}  // namespace triptych::test
