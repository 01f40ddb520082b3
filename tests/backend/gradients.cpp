// Every backward operation of the oracle against finite differences of its forward operation, in
// double. Each test weighs the outputs with random numbers `dy`, so that the weighted sum has the
// gradient dy with respect to them.
#include <triptych/backend/reference.hpp>
#include <triptych/nn/normalization.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "support/catch.hpp"
#include "support/device_array.hpp"
#include "support/finite_differences.hpp"
#include "support/watched.hpp"

using namespace triptych;
using test::check_gradient;
using test::random_numbers;
using test::watched;

namespace {

using numbers = std::vector<double>;

double dot(const numbers& a, const numbers& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

/// The first `n` odd multiples of 1/32 in a scattered order: no two within 1/16 of each other.
numbers scattered(std::int64_t n) {
  numbers x(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<double>(2 * (i * 7919 % x.size()) + 1) / 32;
  }
  return x;
}

}  // namespace

TEST_CASE("convolution has the gradients of its differences") {
  const convolution::geometry g = GENERATE(
      convolution::geometry{1, 1, 1, 1, 1, 1, 1, 0}, convolution::geometry{2, 4, 5, 2, 3, 3, 1, 1},
      convolution::geometry{2, 5, 4, 3, 2, 3, 2, 1}, convolution::geometry{3, 4, 4, 2, 2, 1, 2, 0},
      convolution::geometry{1, 9, 8, 1, 2, 7, 2, 3});
  backend::reference<> b;
  numbers x = random_numbers(g.images * g.height * g.width * g.in, 1);
  numbers w = random_numbers(std::int64_t{g.kernel} * g.kernel * g.in * g.out, 2);
  const numbers dy = random_numbers(g.images * g.out_height() * g.out_width() * g.out, 3);
  numbers y(dy.size()), dx(x.size()), dw(w.size());
  const auto f = [&] {
    b.convolution_forward(g, x.data(), w.data(), y.data());
    return dot(y, dy);
  };
  b.convolution_backward_data(g, dy.data(), w.data(), dx.data(), false);
  check_gradient(f, x, dx);
  b.convolution_backward_weights(g, x.data(), dy.data(), dw.data(), false);
  check_gradient(f, w, dw);
}

TEST_CASE("bias has the gradients of its differences, with and without relu") {
  const bool relu = GENERATE(false, true);
  watched<backend::reference<>> b;
  b.watching = true;
  const int channels = 3;
  numbers x = random_numbers(15, 1);
  numbers bias = {0.03, -0.05, 0.08};
  const numbers dy = random_numbers(15, 2);
  numbers y;
  const auto f = [&] {
    y = x;
    b.bias_forward(5, channels, bias.data(), relu, y.data());
    return dot(y, dy);
  };
  f();
  numbers dx = dy, dbias(3, 0);
  b.bias_backward(5, channels, relu ? y.data() : nullptr, dx.data(), dbias.data());
  check_gradient(f, x, dx, {.choices = &b.choices});
  check_gradient(f, bias, dbias, {.choices = &b.choices});
}

TEST_CASE("batch norm has the gradients of its differences") {
  const int groups = GENERATE(1, 2);
  const bool with_residual = GENERATE(false, true);
  const bool relu = GENERATE(false, true);
  watched<backend::reference<>> b;
  b.watching = true;
  const norm_shape s{5, groups, 3};
  const std::int64_t size = s.rows * s.groups * s.channels;
  numbers x = random_numbers(size, 1), weight = random_numbers(3, 2, 0.5f, 1.5f);
  numbers bias = random_numbers(3, 3), residual = random_numbers(size, 4);
  const numbers dy = random_numbers(size, 5);
  numbers mean(6), inverse(6), y(dy.size());
  const auto f = [&] {
    nn::batch_norm_forward(b, s, x.data(), weight.data(), bias.data(), 1e-5,
                           with_residual ? residual.data() : nullptr, relu, {}, mean.data(),
                           inverse.data(), y.data());
    return dot(y, dy);
  };
  f();
  numbers masked = dy, dweight(3, 0), dbias(3, 0), dx(dy.size());
  nn::batch_norm_backward(b, s, x.data(), relu ? y.data() : nullptr, weight.data(), mean.data(),
                          inverse.data(), masked.data(), dweight.data(), dbias.data(), dx.data());
  const auto check = [&](numbers& of, const numbers& gradient) {
    check_gradient(f, of, gradient, {.choices = &b.choices});
  };
  check(x, dx);
  check(weight, dweight);
  check(bias, dbias);
  if (with_residual) check(residual, masked);
}

TEST_CASE("max pooling has the gradients of its differences") {
  backend::reference<> b;
  const shape in{2, 5, 6, 2};
  numbers x = scattered(static_cast<std::int64_t>(in.size()));
  const numbers dy = random_numbers(2 * 3 * 3 * 2, 1);
  numbers y(dy.size()), dx(x.size());
  std::vector<int> argmax(dy.size());
  const auto f = [&] {
    b.max_pool_forward(in, 3, 2, 1, x.data(), y.data(), argmax.data());
    return dot(y, dy);
  };
  f();
  b.max_pool_backward(in, 3, 3, dy.data(), argmax.data(), dx.data());
  check_gradient(f, x, dx);
}

TEST_CASE("average pooling has the gradients of its differences") {
  backend::reference<> b;
  const shape in{2, 3, 5, 3};
  numbers x = random_numbers(static_cast<std::int64_t>(in.size()), 1);
  const numbers dy = random_numbers(6, 2);
  numbers y(dy.size()), dx(x.size());
  const auto f = [&] {
    b.average_pool_forward(in, x.data(), y.data());
    return dot(y, dy);
  };
  b.average_pool_backward(in, dy.data(), dx.data());
  check_gradient(f, x, dx);
}

TEST_CASE("means of subsets have the gradients of their differences") {
  backend::reference<> b;
  const std::vector<int> table{0, 1, 2, 1, 2, 3, 0, 2, 3, 0, 1, 3};
  const subset_means s{2, 4, 2, 3, 3, 5, table.data()};
  numbers patches = random_numbers(2 * 4 * 3 * 5, 1);
  const numbers dmeans = random_numbers(2 * 2 * 3 * 5, 2);
  numbers means(dmeans.size()), dpatches(patches.size());
  const auto f = [&] {
    b.combine_forward(s, patches.data(), means.data());
    return dot(means, dmeans);
  };
  b.combine_backward(s, dmeans.data(), dpatches.data());
  check_gradient(f, patches, dpatches);
}

TEST_CASE("normalized rows have the gradients of their differences") {
  backend::reference<> b;
  numbers x = random_numbers(3 * 7, 1);
  const numbers dy = random_numbers(3 * 7, 2);
  numbers y(x.size()), inverse(3), dx(x.size(), 0);
  const double scale = 0.7;
  const auto f = [&] {
    b.normalize_rows_forward(3, 7, x.data(), y.data(), inverse.data());
    return scale * dot(y, dy);
  };
  f();
  b.normalize_rows_backward(3, 7, y.data(), inverse.data(), dy.data(), scale, dx.data());
  check_gradient(f, x, dx);
}

TEST_CASE("softmax cross-entropy has the gradients of its differences") {
  const logit_shape s =
      GENERATE(logit_shape{4, 6, 0}, logit_shape{4, 6, 3}, logit_shape{4, 9, 0, 4});
  backend::reference<> b;
  numbers logits = random_numbers(s.rows * s.columns, 1, -3, 3);
  const double scale = 0.7;
  numbers gradient, loss(static_cast<std::size_t>(s.rows));
  const auto f = [&] {
    gradient = logits;
    b.softmax_cross_entropy(s, scale, gradient.data(), loss.data());
    return scale * std::accumulate(loss.begin(), loss.end(), 0.0);
  };
  f();
  const numbers analytic = gradient;
  check_gradient(f, logits, analytic);
}

TEST_CASE("a product has the products of its factors as gradients") {
  backend::reference<> b;
  constexpr auto no = transpose::no, yes = transpose::yes;
  const std::int64_t m = 3, n = 4, k = 5;
  numbers left = random_numbers(m * k, 1), right = random_numbers(k * n, 2);
  const numbers dy = random_numbers(m * n, 3);
  numbers y(dy.size()), dleft(left.size()), dright(right.size());
  const auto f = [&] {
    b.gemm(no, no, m, n, k, 1, left.data(), right.data(), 0, y.data());
    return dot(y, dy);
  };
  b.gemm(no, yes, m, k, n, 1, dy.data(), right.data(), 0, dleft.data());
  b.gemm(yes, no, k, n, m, 1, left.data(), dy.data(), 0, dright.data());
  check_gradient(f, left, dleft);
  check_gradient(f, right, dright);
}
