// Winograd's transforms against the matrices that define them, and the algorithm's rounding error
// on the layers of the real network.
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include <triptych/backend/cpu/convolution/winograd.hpp>
#include <triptych/backend/cpu/convolution/winograd/strided.hpp>
#include <triptych/backend/cpu/convolution/winograd/transform.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/core/thread_pool.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace triptych;
using convolution::geometry;
using convolution::winograd_detail::transform;

namespace {

/// A double for the transforms, whose constants are floats.
struct exact {
  double value = 0;
  friend exact operator+(exact a, exact b) { return {a.value + b.value}; }
  friend exact operator-(exact a, exact b) { return {a.value - b.value}; }
  friend exact operator*(exact a, exact b) { return {a.value * b.value}; }
  friend exact operator*(exact a, float b) { return {a.value * double(b)}; }
  exact& operator+=(exact b) { return *this = *this + b; }
  [[nodiscard]] double magnitude() const { return std::abs(value); }
};

using matrix = std::vector<std::vector<double>>;

/// The three matrices of the header's comment, by their definition, for finite points p.
struct winograd_matrices {
  matrix b, g, a;  ///< Bᵀ, G and A: n x n, n x taps and n x m with n = m + taps - 1
};
template <std::size_t Finite>
winograd_matrices matrices(const double (&p)[Finite], std::size_t taps) {
  constexpr std::size_t n = Finite + 1;
  const std::size_t m = n + 1 - taps;
  winograd_matrices r{matrix(n, std::vector<double>(n)), matrix(n, std::vector<double>(taps)),
                      matrix(n, std::vector<double>(m))};
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
    for (std::size_t i = 0; i < taps; ++i) r.g[j][i] = power(i, taps - 1) / norm;
    for (std::size_t i = 0; i < m; ++i) r.a[j][i] = power(i, m - 1);
  }
  return r;
}

/// apply(e_i) is column i of `expected` or, transposed, its row i.
template <std::size_t In, std::size_t Out, class Apply>
void check(const matrix& expected, bool transposed, const Apply& apply) {
  for (std::size_t i = 0; i < In; ++i) {
    exact unit[In] = {}, got[Out] = {};
    unit[i].value = 1;
    apply(unit, got);
    for (std::size_t j = 0; j < Out; ++j) {
      CAPTURE(In, Out, i, j);
      CHECK(std::abs(got[j].value - (transposed ? expected[i][j] : expected[j][i])) < 1e-7);
    }
  }
}

/// A set of transforms with m results of `taps` taps.
template <class t, std::size_t m, std::size_t taps>
void check_transforms() {
  constexpr std::size_t n = m + taps - 1;
  const auto [b, g, a] = matrices(t::points, taps);
  check<n, n>(b, false, [](const auto& d, auto& v) { t::input(d, v); });
  check<n, m>(a, true, [](const auto& d, auto& v) { t::output(d, v); });
  check<m, n>(a, false, [](const auto& d, auto& v) { t::output_adjoint(d, v); });
  check<taps, n>(g, false, [](const auto& d, auto& v) { t::weights(d, v); });
  check<n, taps>(g, true, [](const auto& d, auto& v) { t::weights_adjoint(d, v); });
}

}  // namespace

TEST_CASE("The short transforms are the matrices that Winograd's points define", "[convolution]") {
  check_transforms<transform<2>, 2, 3>();
  check_transforms<transform<4>, 4, 3>();
  check_transforms<convolution::winograd_detail::two_taps, 4, 2>();
}

namespace {

template <std::size_t N>
void fill(random_stream& random, exact (&x)[N]) {
  for (auto& v : x) v.value = double(random.uniform(-1.0f, 1.0f));
}
template <std::size_t N>
exact dot(const exact (&x)[N], const exact (&y)[N]) {
  exact sum;
  for (std::size_t i = 0; i < N; ++i) sum += x[i] * y[i];
  return sum;
}

/// The results of one direction: products of transformed pixels with the weights they share.
template <class Way>
std::array<exact, Way::results> apply(const exact (&d)[Way::sources], const exact (&w)[3]) {
  exact v[Way::products], u[Way::distinct], y[Way::results];
  Way::input(d, v);
  Way::weights(w, u);
  for (int p = 0; p < Way::products; ++p) v[p] = v[p] * u[Way::weight(p)];
  Way::output(v, y);
  return std::to_array(y);
}

}  // namespace

TEST_CASE("Strided tiles are the sums of their taps, and their adjoints are adjoint",
          "[convolution]") {
  using forward = convolution::winograd_detail::strided_forward;
  using backward = convolution::winograd_detail::strided_backward;
  random_stream random(test::seeded(5), stream::initialize, 0);
  exact x[9], dy[5], w[3];
  fill(random, x), fill(random, dy), fill(random, w);
  const exact turned[3] = {w[2], w[1], w[0]};
  const auto y = apply<forward>(x, w);
  const auto dx = apply<backward>(dy, turned);
  for (std::size_t t = 0; t < 4; ++t) {
    CAPTURE(t);
    CHECK((y[t] - (x[2 * t] * w[0] + x[2 * t + 1] * w[1] + x[2 * t + 2] * w[2])).magnitude() <
          1e-6);
    CHECK((dx[2 * t] - dy[t] * w[1]).magnitude() < 1e-6);
    CHECK((dx[2 * t + 1] - (dy[t] * w[2] + dy[t + 1] * w[0])).magnitude() < 1e-6);
  }

  exact m[9], results[4], g[4], spread[9], u[6], sums[6], taps[3];
  fill(random, m), fill(random, g), fill(random, sums);
  forward::output(m, results);
  forward::output_adjoint(g, spread);
  CHECK((dot(results, g) - dot(m, spread)).magnitude() < 1e-6);
  forward::weights(w, u);
  forward::weights_adjoint(sums, taps);
  CHECK((dot(u, sums) - dot(w, taps)).magnitude() < 1e-6);
}

namespace {

std::vector<float> normal_floats(std::int64_t size, std::uint32_t which) {
  random_stream random(test::seeded(11), stream::initialize, which);
  std::vector<float> values(static_cast<std::size_t>(size));
  for (auto& v : values) v = random.normal();
  return values;
}

/// The root mean square of errors over that of the exact results, at sampled places.
struct relative_error {
  double error = 0, exact = 0;
  void add(float got, double expected) {
    const double difference = double(got) - expected;
    error += difference * difference;
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
  const auto dy = normal_floats(g.images * g.out_height() * g.out_width() * g.out, 2);
  const auto w = normal_floats(std::int64_t{9} * g.in * g.out, 3);
  auto y = dy, dx = x, dw = w;
  thread_pool pool(2);
  stack_arena<> scratch;
  Convolution::forward(pool, scratch, g, x.data(), w.data(), y.data());
  Convolution::backward_data(pool, scratch, g, dy.data(), w.data(), dx.data(), false);
  Convolution::backward_weights(pool, scratch, g, x.data(), dy.data(), dw.data(), false);

  // The number at (n, i, j, c) of a map; zero beyond its edges.
  const auto at = [](const std::vector<float>& map, int height, int width, int channels,
                     std::int64_t n, int i, int j, int c) {
    if (i < 0 || i >= height || j < 0 || j >= width) return 0.0;
    return double(map[static_cast<std::size_t>(((n * height + i) * width + j) * channels + c)]);
  };
  const auto x_at = [&](std::int64_t n, int i, int j, int c) {
    return at(x, g.height, g.width, g.in, n, i, j, c);
  };
  const auto dy_at = [&](std::int64_t n, int t, int u, int o) {
    return at(dy, g.out_height(), g.out_width(), g.out, n, t, u, o);
  };
  const auto weight = [&](int r, int s, int c, int o) {
    return static_cast<std::size_t>(((r * 3 + s) * g.in + c) * g.out + o);
  };
  random_stream random(test::seeded(12), stream::initialize, 0);
  const auto below = [&](std::int64_t n) {
    return static_cast<int>(random.below(static_cast<std::uint32_t>(n)));
  };
  errors e;
  for (int sample = 0; sample < 300; ++sample) {
    const int n = below(g.images), i = below(g.height), j = below(g.width);
    const int t = below(g.out_height()), u = below(g.out_width());
    const int c = below(g.in), o = below(g.out), r0 = below(3), s0 = below(3);
    double y_sum = 0, dx_sum = 0, dw_sum = 0;
    for (int r = 0; r < 3; ++r)
      for (int s = 0; s < 3; ++s) {
        for (int k = 0; k < g.in; ++k)
          y_sum += x_at(n, t * g.stride + r - 1, u * g.stride + s - 1, k) *
                   double(w[weight(r, s, k, o)]);
        const int row = i + 1 - r, column = j + 1 - s;
        if (row % g.stride != 0 || column % g.stride != 0) continue;
        for (int k = 0; k < g.out; ++k)
          dx_sum += dy_at(n, row / g.stride, column / g.stride, k) * double(w[weight(r, s, c, k)]);
      }
    for (int image = 0; image < g.images; ++image)
      for (int row = 0; row < g.out_height(); ++row)
        for (int column = 0; column < g.out_width(); ++column)
          dw_sum += x_at(image, row * g.stride + r0 - 1, column * g.stride + s0 - 1, c) *
                    dy_at(image, row, column, o);
    const auto index = [](std::int64_t image, int height, int row, int width, int column,
                          int channels, int channel) {
      return static_cast<std::size_t>(((image * height + row) * width + column) * channels +
                                      channel);
    };
    e.y.add(y[index(n, g.out_height(), t, g.out_width(), u, g.out, o)], y_sum);
    e.dx.add(dx[index(n, g.height, i, g.width, j, g.in, c)], dx_sum);
    e.dw.add(dw[weight(r0, s0, c, o)], dw_sum);
  }
  return e;
}

}  // namespace

TEMPLATE_TEST_CASE("Winograd's rounding error stays small on the layers of the network",
                   "[convolution]", convolution::winograd<2>, convolution::winograd<4>) {
  for (const auto& g :
       std::array{geometry{16, 32, 32, 64, 64, 3, 1, 1}, geometry{16, 16, 16, 128, 128, 3, 1, 1},
                  geometry{16, 8, 8, 256, 256, 3, 1, 1}, geometry{32, 4, 4, 512, 512, 3, 1, 1},
                  geometry{16, 32, 32, 64, 128, 3, 2, 1}, geometry{16, 16, 16, 128, 256, 3, 2, 1},
                  geometry{128, 8, 8, 256, 512, 3, 2, 1}}) {
    const auto e = measure<TestType>(g);
    CAPTURE(g.in, g.stride, e.y.value(), e.dx.value(), e.dw.value());
    CHECK(e.y.value() < 2.5e-6);
    CHECK(e.dx.value() < 2.5e-6);
    CHECK(e.dw.value() < 5e-6);
  }
}
