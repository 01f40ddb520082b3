// The convolution algorithms of the fast backend against a naive sum in double precision.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <triptych/backend/cpu/convolution/bf16_products.hpp>
#include <triptych/backend/cpu/convolution/direct.hpp>
#include <triptych/backend/cpu/convolution/fast.hpp>
#include <triptych/backend/cpu/convolution/implicit_gemm.hpp>
#include <triptych/backend/cpu/convolution/winograd.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/bf16.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/core/thread_pool.hpp>

#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace triptych;
using convolution::geometry;
using floats = std::vector<float>;

namespace {

floats random_floats(std::size_t size, std::uint32_t which) {
  random_stream random(test::seeded(7), stream::initialize, which);
  floats values(size);
  for (auto& v : values) v = random.uniform(-1.0f, 1.0f);
  return values;
}

std::size_t x_size(const geometry& g) {
  return static_cast<std::size_t>(g.images * g.height * g.width * g.in);
}
std::size_t y_size(const geometry& g) {
  return static_cast<std::size_t>(g.images * g.out_height() * g.out_width() * g.out);
}
std::size_t w_size(const geometry& g) {
  return static_cast<std::size_t>(std::int64_t{g.kernel} * g.kernel * g.in * g.out);
}

/// Calls visit(index in x, index in w, index in y) for every product of a convolution.
template <class Visit>
void for_each_product(const geometry& g, const Visit& visit) {
  for (int n = 0; n < g.images; ++n)
    for (int t = 0; t < g.out_height(); ++t)
      for (int u = 0; u < g.out_width(); ++u)
        for (int r = 0; r < g.kernel; ++r)
          for (int s = 0; s < g.kernel; ++s) {
            const int i = t * g.stride - g.padding + r, j = u * g.stride - g.padding + s;
            if (i < 0 || i >= g.height || j < 0 || j >= g.width) continue;
            const auto x = ((n * g.height + i) * g.width + j) * g.in;
            const auto w = (r * g.kernel + s) * g.in * g.out;
            const auto y = ((n * g.out_height() + t) * g.out_width() + u) * g.out;
            for (int c = 0; c < g.in; ++c)
              for (int o = 0; o < g.out; ++o)
                visit(static_cast<std::size_t>(x + c), static_cast<std::size_t>(w + c * g.out + o),
                      static_cast<std::size_t>(y + o));
          }
}

/// Sums in double precision, and the sum of the squares of all their terms: with random signs that
/// is the expected square of the sums, but no cancellation makes it small.
struct expectation {
  std::vector<double> sums;
  double squares = 0;

  void add(std::size_t i, double term) {
    sums[i] += term;
    squares += term * term;
  }
  /// Root mean square of the error over that of the sums.
  [[nodiscard]] double relative_error(const floats& got) const {
    double difference = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      difference += (double(got[i]) - sums[i]) * (double(got[i]) - sums[i]);
    }
    return difference == 0 ? 0 : std::sqrt(difference / squares);
  }
};

std::string text(const geometry& g) {
  return std::to_string(g.images) + "x" + std::to_string(g.height) + "x" + std::to_string(g.width) +
         "x" + std::to_string(g.in) + " -> " + std::to_string(g.out) + ", kernel " +
         std::to_string(g.kernel) + ", stride " + std::to_string(g.stride) + ", padding " +
         std::to_string(g.padding);
}

/// Every kernel, stride and number of channels that the issue names, at odd sizes.
std::vector<geometry> odd_shapes() {
  std::vector<geometry> shapes;
  const int channels[] = {1, 3, 5, 16, 17, 33, 64};
  std::uint32_t k = 0;
  for (const int kernel : {1, 3, 7})
    for (const int stride : {1, 2})
      for (const int in : channels)
        for (const int out : channels) {
          if (kernel == 7 && in * out > 1100) continue;
          random_stream random(test::seeded(3), stream::initialize, k++);
          const auto size = [&] { return 1 + static_cast<int>(random.below(9)); };
          shapes.push_back(
              {1 + random.below(3), size(), size(), in, out, kernel, stride, kernel / 2});
        }
  shapes.push_back({20, 4, 4, 16, 16, 3, 1, 1});   // more images than a tile takes
  shapes.push_back({2, 9, 7, 8, 8, 3, 1, 0});      // no padding
  shapes.push_back({1, 5, 5, 4, 4, 3, 3, 2});      // stride 3, wide padding
  shapes.push_back({2, 1, 1, 300, 130, 3, 1, 1});  // several chunks of channels
  shapes.push_back({3, 2, 2, 530, 70, 3, 2, 1});
  shapes.push_back({2, 9, 15, 32, 33, 3, 2, 1});   // strided tiles, two a row
  shapes.push_back({1, 8, 7, 208, 216, 3, 2, 1});  // strided, in sweeps
  shapes.push_back({1, 70, 90, 40, 6, 3, 1, 1});   // several bands of rows
  shapes.push_back({1, 64, 200, 40, 6, 3, 2, 1});
  return shapes;
}

/// Shapes that are cut into several tiles, bands, shards, blocks and sweeps.
std::vector<geometry> cut_shapes() {
  return {
      {37, 8, 8, 16, 16, 3, 1, 1},   {5, 33, 31, 16, 32, 3, 2, 1}, {9, 4, 4, 96, 144, 3, 1, 1},
      {18, 8, 8, 32, 64, 1, 2, 0},   {7, 32, 32, 3, 16, 3, 1, 1},  {2, 40, 40, 3, 16, 7, 2, 3},
      {70, 7, 5, 224, 224, 3, 1, 1}, {5, 33, 31, 32, 48, 3, 2, 1}, {70, 8, 15, 208, 208, 3, 2, 1}};
}

/// What an algorithm is tried with.
template <class Algorithm>
struct trial {
  static auto odd() { return odd_shapes(); }
  static auto cut() { return cut_shapes(); }
  static floats numbers(std::size_t size, std::uint32_t which) {
    return random_floats(size, which);
  }
  static bool available() { return true; }
};

/// Numbers that bf16 has: their products are then exact, and the sums as good as all others'.
template <class Block>
struct trial<convolution::bf16_products<Block>> {
  static std::vector<geometry> odd() {
    return {{3, 5, 4, 32, 32, 1, 2, 0},   {33, 4, 3, 32, 64, 3, 1, 1}, {5, 7, 6, 64, 160, 3, 2, 1},
            {2, 40, 64, 32, 32, 3, 1, 1}, {2, 9, 9, 32, 32, 7, 2, 3},  {1, 5, 5, 32, 32, 3, 3, 2},
            {2, 24, 64, 64, 96, 3, 2, 1},  // several bands of rows
            {2, 4, 4, 48, 32, 3, 1, 1}};   // the last one is `fast`'s
  }
  static std::vector<geometry> cut() {
    return {
        {70, 4, 5, 32, 64, 3, 1, 1}, {37, 6, 6, 64, 160, 3, 2, 1}, {3, 40, 64, 32, 32, 3, 1, 1}};
  }
  static floats numbers(std::size_t size, std::uint32_t which) {
    floats values = random_floats(size, which);
    for (float& v : values) v = bf16(v);
    return values;
  }
  /// Where there is no such unit, that is said.
  static bool available() {
    using products = convolution::bf16_products<Block>;
    if (!products::available()) CHECK_THROWS_AS(products::need(), error);
    return products::available();
  }
};

}  // namespace

TEMPLATE_TEST_CASE("A convolution equals the naive sum in double precision", "[convolution]",
                   convolution::direct, convolution::implicit_gemm, convolution::winograd<2>,
                   convolution::winograd<4>, convolution::fast,
                   convolution::bf16_products<convolution::loop_block>,
                   convolution::bf16_products<>) {
  using given = trial<TestType>;
  if (!given::available()) return;
  thread_pool pool(2);
  stack_arena<> scratch;
  for (const auto& g : given::odd()) {
    INFO(text(g));
    const floats x = given::numbers(x_size(g), 1), w = given::numbers(w_size(g), 2);
    const floats dy = given::numbers(y_size(g), 3);
    expectation y_expected{std::vector<double>(y_size(g))};
    expectation dx_expected{std::vector<double>(x_size(g))};
    expectation dw_expected{std::vector<double>(w_size(g))};
    for_each_product(g, [&](std::size_t i, std::size_t j, std::size_t k) {
      y_expected.add(k, double(x[i]) * double(w[j]));
      dx_expected.add(i, double(dy[k]) * double(w[j]));
      dw_expected.add(j, double(x[i]) * double(dy[k]));
    });

    floats y(y_size(g), 99.0f), dx(x_size(g), 99.0f), dw(w_size(g), 99.0f);
    TestType::forward(pool, scratch, g, x.data(), w.data(), y.data());
    TestType::backward_data(pool, scratch, g, dy.data(), w.data(), dx.data(), false);
    TestType::backward_weights(pool, scratch, g, x.data(), dy.data(), dw.data(), false);
    // Rounding of float sums of up to some 5,000 products.
    REQUIRE(y_expected.relative_error(y) < 1e-6);
    REQUIRE(dx_expected.relative_error(dx) < 1e-6);
    REQUIRE(dw_expected.relative_error(dw) < 2e-6);

    floats dx_more = x, dw_more = w;
    TestType::backward_data(pool, scratch, g, dy.data(), w.data(), dx_more.data(), true);
    TestType::backward_weights(pool, scratch, g, x.data(), dy.data(), dw_more.data(), true);
    for (std::size_t i = 0; i < x.size(); ++i) dx_expected.add(i, double(x[i]));
    for (std::size_t i = 0; i < w.size(); ++i) dw_expected.add(i, double(w[i]));
    REQUIRE(dx_expected.relative_error(dx_more) < 1e-6);
    REQUIRE(dw_expected.relative_error(dw_more) < 2e-6);
  }
}

TEMPLATE_TEST_CASE("Products in bf16 are those of rounded operands, and not of the operands",
                   "[convolution]", convolution::bf16_products<convolution::loop_block>,
                   convolution::bf16_products<>) {
  if (!trial<TestType>::available()) return;
  const geometry g{33, 4, 3, 32, 64, 3, 1, 1};
  thread_pool pool(2);
  stack_arena<> scratch;
  const auto passes = [&]<class Algorithm>(bool rounded, Algorithm) {
    const auto numbers = [&](std::size_t size, std::uint32_t which) {
      return rounded ? trial<TestType>::numbers(size, which) : random_floats(size, which);
    };
    const floats x = numbers(x_size(g), 1), w = numbers(w_size(g), 2), dy = numbers(y_size(g), 3);
    std::array<floats, 3> results{floats(y_size(g)), floats(x_size(g)), floats(w_size(g))};
    Algorithm::forward(pool, scratch, g, x.data(), w.data(), results[0].data());
    Algorithm::backward_data(pool, scratch, g, dy.data(), w.data(), results[1].data(), false);
    Algorithm::backward_weights(pool, scratch, g, x.data(), dy.data(), results[2].data(), false);
    return results;
  };
  const auto found = passes(false, TestType()), rounded = passes(true, TestType());
  const auto exact = passes(false, convolution::direct());
  for (std::size_t pass = 0; pass < found.size(); ++pass) {
    INFO("pass " << pass);
    CHECK((found[pass] == rounded[pass]));
    float farthest = 0;
    for (std::size_t i = 0; i < found[pass].size(); ++i) {
      farthest = std::max(farthest, std::abs(found[pass][i] - exact[pass][i]));
    }
    CHECK(farthest > 1e-3f);
  }
}

namespace {

bool same_bits(const float* a, const float* b, std::size_t size) {
  return std::memcmp(a, b, size * sizeof(float)) == 0;
}

}  // namespace

TEMPLATE_TEST_CASE("A convolution gives the same bits for any number of threads", "[convolution]",
                   convolution::direct, convolution::implicit_gemm, convolution::winograd<2>,
                   convolution::winograd<4>, convolution::fast,
                   convolution::bf16_products<convolution::loop_block>,
                   convolution::bf16_products<>) {
  if (!trial<TestType>::available()) return;
  for (const auto& g : trial<TestType>::cut()) {
    INFO(text(g));
    const floats x = random_floats(x_size(g), 1), w = random_floats(w_size(g), 2);
    const floats dy = random_floats(y_size(g), 3);
    floats first_y, first_dx, first_dw;
    for (const int threads : {1, 2, 3, 8}) {
      thread_pool pool(threads);
      stack_arena<> scratch;
      floats y(y_size(g)), dx(x), dw(w);
      TestType::forward(pool, scratch, g, x.data(), w.data(), y.data());
      TestType::backward_data(pool, scratch, g, dy.data(), w.data(), dx.data(), true);
      TestType::backward_weights(pool, scratch, g, x.data(), dy.data(), dw.data(), true);
      if (threads == 1) {
        first_y = y, first_dx = dx, first_dw = dw;
      } else {
        REQUIRE(same_bits(y.data(), first_y.data(), y.size()));
        REQUIRE(same_bits(dx.data(), first_dx.data(), dx.size()));
        REQUIRE(same_bits(dw.data(), first_dw.data(), dw.size()));
      }
    }
  }
}

TEMPLATE_TEST_CASE("An image's result does not depend on its batch", "[convolution]",
                   convolution::direct, convolution::implicit_gemm, convolution::winograd<2>,
                   convolution::winograd<4>, convolution::fast,
                   convolution::bf16_products<convolution::loop_block>,
                   convolution::bf16_products<>) {
  if (!trial<TestType>::available()) return;
  thread_pool pool(2);
  stack_arena<> scratch;
  for (const auto& g : trial<TestType>::cut()) {
    INFO(text(g));
    const floats x = random_floats(x_size(g), 1), w = random_floats(w_size(g), 2);
    const floats dy = random_floats(y_size(g), 3);
    floats y(y_size(g)), dx(x_size(g));
    TestType::forward(pool, scratch, g, x.data(), w.data(), y.data());
    TestType::backward_data(pool, scratch, g, dy.data(), w.data(), dx.data(), false);
    const auto images = static_cast<std::size_t>(g.images);
    for (const std::size_t image : {std::size_t{0}, images / 2, images - 1}) {
      geometry one = g;
      one.images = 1;
      floats y_one(y_size(one)), dx_one(x_size(one));
      const std::size_t x_at = image * x_size(one), y_at = image * y_size(one);
      TestType::forward(pool, scratch, one, x.data() + x_at, w.data(), y_one.data());
      TestType::backward_data(pool, scratch, one, dy.data() + y_at, w.data(), dx_one.data(), false);
      REQUIRE(same_bits(y_one.data(), y.data() + y_at, y_one.size()));
      REQUIRE(same_bits(dx_one.data(), dx.data() + x_at, dx_one.size()));
    }
  }
}
