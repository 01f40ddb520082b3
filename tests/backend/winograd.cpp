// Winograd's transforms against the matrices that define them, and the algorithm's rounding error
// on the layers of the real network.
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include <triptych/backend/convolution/winograd.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/core/thread_pool.hpp>

#include "support/catch.hpp"

using namespace triptych;
using convolution::geometry;
using convolution::winograd_detail::transform;

namespace {

using matrix = std::vector<std::vector<double>>;

/// The three matrices of the header's comment, by their definition.
struct winograd_matrices {
  matrix b, g, a;  ///< Bᵀ, G and A: n x n, n x 3 and n x m with n = m + 2
};
template <int M>
winograd_matrices matrices() {
  constexpr int n = M + 2;
  winograd_matrices r{matrix(n, std::vector<double>(n)), matrix(n, std::vector<double>(3)),
                      matrix(n, std::vector<double>(M))};
  const auto& p = transform<M>::points;
  for (std::size_t j = 0; j < n; ++j) {
    std::vector<double> polynomial{1};
    double norm = 1;
    for (std::size_t k = 0; k + 1 < n; ++k) {
      if (k == j) continue;
      polynomial.insert(polynomial.begin(), 0);  // times x, less p_k times itself
      for (std::size_t i = 0; i + 1 < polynomial.size(); ++i) {
        polynomial[i] -= p[k] * polynomial[i + 1];
      }
      if (j + 1 < n) norm *= p[j] - p[k];
    }
    for (std::size_t i = 0; i < polynomial.size(); ++i) r.b[j][i] = polynomial[i];
    const auto power = [&](std::size_t i, std::size_t last) {
      return j + 1 < n ? std::pow(p[j], i) : i == last ? 1.0 : 0.0;
    };
    for (std::size_t i = 0; i < 3; ++i) r.g[j][i] = power(i, 2) / norm;
    for (std::size_t i = 0; i < M; ++i) r.a[j][i] = power(i, M - 1);
  }
  return r;
}

/// apply(e_i) is column i of `expected` or, transposed, its row i.
template <std::size_t In, std::size_t Out, class Apply>
void check(const matrix& expected, bool transposed, const Apply& apply) {
  for (std::size_t i = 0; i < In; ++i) {
    double unit[In] = {}, got[Out] = {};
    unit[i] = 1;
    apply(unit, got);
    for (std::size_t j = 0; j < Out; ++j) {
      CAPTURE(In, Out, i, j);
      CHECK(std::abs(got[j] - (transposed ? expected[i][j] : expected[j][i])) < 1e-7);
    }
  }
}

template <int M>
void check_transforms() {
  constexpr std::size_t m = M, n = M + 2;
  using t = transform<M>;
  const auto [b, g, a] = matrices<M>();
  check<n, n>(b, false, [](const auto& d, auto& v) { t::input(d, v); });
  check<n, m>(a, true, [](const auto& d, auto& v) { t::output(d, v); });
  check<m, n>(a, false, [](const auto& d, auto& v) { t::output_adjoint(d, v); });
  check<3, n>(g, false, [](const auto& d, auto& v) { t::weights(d, v); });
  check<n, 3>(g, true, [](const auto& d, auto& v) { t::weights_adjoint(d, v); });
}

}  // namespace

TEST_CASE("The short transforms are the matrices that Winograd's points define", "[convolution]") {
  check_transforms<2>();
  check_transforms<4>();
}

namespace {

std::vector<float> normal_floats(std::int64_t size, std::uint32_t which) {
  random_stream random(11, stream::initialise, which);
  std::vector<float> values(static_cast<std::size_t>(size));
  for (auto& v : values) v = random.normal();
  return values;
}

/// The root mean square of errors over that of the exact results, at sampled places.
struct relative_error {
  double error = 0, exact = 0;
  void add(float got, double expected) {
    error += (got - expected) * (got - expected);
    exact += expected * expected;
  }
  [[nodiscard]] double value() const { return std::sqrt(error / exact); }
};

struct errors {
  relative_error y, dx, dw;
};

/// Errors of the three passes, each at 300 places, against sums in double precision.
template <class Convolution>
errors measure(const geometry& g) {
  const auto x = normal_floats(g.images * g.height * g.width * g.in, 1);
  const auto dy = normal_floats(g.images * g.height * g.width * g.out, 2);
  const auto w = normal_floats(std::int64_t{9} * g.in * g.out, 3);
  auto y = dy, dx = x, dw = w;
  thread_pool pool(2);
  stack_arena<> scratch;
  Convolution::forward(pool, scratch, g, x.data(), w.data(), y.data());
  Convolution::backward_data(pool, scratch, g, dy.data(), w.data(), dx.data(), false);
  Convolution::backward_weights(pool, scratch, g, x.data(), dy.data(), dw.data(), false);

  const auto at = [&](const std::vector<float>& map, int channels, std::int64_t n, int i, int j,
                      int c) {
    if (i < 0 || i >= g.height || j < 0 || j >= g.width) return 0.0;
    return double{map[static_cast<std::size_t>(((n * g.height + i) * g.width + j) * channels + c)]};
  };
  const auto weight = [&](int r, int s, int c, int o) {
    return static_cast<std::size_t>(((r * 3 + s) * g.in + c) * g.out + o);
  };
  random_stream random(12, stream::initialise, 0);
  const auto below = [&](std::int64_t n) {
    return static_cast<int>(random.below(static_cast<std::uint32_t>(n)));
  };
  errors e;
  for (int sample = 0; sample < 300; ++sample) {
    const int n = below(g.images), i = below(g.height), j = below(g.width);
    const int c = below(g.in), o = below(g.out), r0 = below(3), s0 = below(3);
    double y_sum = 0, dx_sum = 0, dw_sum = 0;
    for (int r = 0; r < 3; ++r)
      for (int s = 0; s < 3; ++s) {
        for (int k = 0; k < g.in; ++k)
          y_sum += at(x, g.in, n, i + r - 1, j + s - 1, k) * w[weight(r, s, k, o)];
        for (int k = 0; k < g.out; ++k)
          dx_sum += at(dy, g.out, n, i - r + 1, j - s + 1, k) * w[weight(r, s, c, k)];
      }
    for (int image = 0; image < g.images; ++image)
      for (int t = 0; t < g.height; ++t)
        for (int u = 0; u < g.width; ++u)
          dw_sum += at(x, g.in, image, t + r0 - 1, u + s0 - 1, c) * at(dy, g.out, image, t, u, o);
    const auto pixel = (static_cast<std::int64_t>(n) * g.height + i) * g.width + j;
    e.y.add(y[static_cast<std::size_t>(pixel * g.out + o)], y_sum);
    e.dx.add(dx[static_cast<std::size_t>(pixel * g.in + c)], dx_sum);
    e.dw.add(dw[weight(r0, s0, c, o)], dw_sum);
  }
  return e;
}

}  // namespace

TEMPLATE_TEST_CASE("Winograd's rounding error stays small on the layers of the network",
                   "[convolution]", convolution::winograd<2>, convolution::winograd<4>) {
  for (const auto& g :
       std::array{geometry{16, 32, 32, 64, 64, 3, 1, 1}, geometry{16, 16, 16, 128, 128, 3, 1, 1},
                  geometry{16, 8, 8, 256, 256, 3, 1, 1}, geometry{32, 4, 4, 512, 512, 3, 1, 1}}) {
    const auto e = measure<TestType>(g);
    CAPTURE(g.in, e.y.value(), e.dx.value(), e.dw.value());
    CHECK(e.y.value() < 2.5e-6);
    CHECK(e.dx.value() < 2.5e-6);
    CHECK(e.dw.value() < 5e-6);
  }
}
