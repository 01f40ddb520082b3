// Losses on the oracle in double: values, gradients, golden values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <triptych/backend/reference.hpp>
#include <triptych/core/tensor.hpp>

#include "support/catch.hpp"
#include "support/device_array.hpp"
#include "support/finite_differences.hpp"
#include "support/golden.hpp"

namespace triptych::test {

using oracle = backend::reference<double>;
using numbers = std::vector<double>;

/// A matrix of features.
struct matrix {
  std::int64_t rows;
  int columns;
  numbers values;

  matrix(std::int64_t r, int c, std::uint64_t seed)
      : rows(r), columns(c), values(random_numbers(r * c, seed)) {}
  /// The first columns of the identity, `copies` times.
  static matrix identity(int n, int copies = 1) {
    matrix m(std::int64_t{n} * copies, n, 0);
    for (std::size_t i = 0; i < m.values.size(); ++i) {
      const auto width = static_cast<std::size_t>(n);
      m.values[i] = i / width % width == i % width ? 1 : 0;
    }
    return m;
  }
  /// `n` times the same unit row.
  static matrix equal(int n) {
    matrix m(n, 4, 0);
    m.values.assign(m.values.size(), 0.5);
    return m;
  }

  [[nodiscard]] tensor<const double> view() const {
    return {features(rows, columns), values.data()};
  }
};

/// L(k, p), nothing else.
template <class Loss>
double value_of(const Loss& loss, const matrix& k, const matrix& p) {
  oracle b;
  double value = -1;
  loss(b, k.view(), p.view(), 1.0, &value, nullptr);
  return value;
}

/// Checks weight * dL/dp, which is added to what is there.
template <class Loss>
void check_loss_gradient(const Loss& loss, const matrix& k, matrix p) {
  oracle b;
  const double weight = 2.5;
  double value = 0;
  numbers dp(p.values.size(), 100);
  loss(b, k.view(), p.view(), weight, &value, dp.data());
  CHECK(value == value_of(loss, k, p));
  for (double& d : dp) d -= 100;
  check_gradient([&] { return weight * value_of(loss, k, p); }, p.values, dp);
}

/// A loss of PyTorch's: rows of any length are normalized first, as in a step.
template <class Loss>
void check_golden_loss(const Loss& loss, const golden_layers& g) {
  oracle b;
  const shape sk = g.extents("k"), sp = g.extents("p");
  const auto unit = [&](const shape& s, const numbers& x, numbers& inverse) {
    numbers y(x.size());
    inverse.resize(static_cast<std::size_t>(s.images));
    b.normalize_rows_forward(s.images, s.channels, x.data(), y.data(), inverse.data());
    return y;
  };
  numbers ignored, inverse;
  const numbers k = unit(sk, g.raw("k"), ignored), p = unit(sp, g.raw("p"), inverse);
  numbers d_unit(p.size(), 0), dp(p.size(), 0), value(1);
  loss(b, tensor<const double>{sk, k.data()}, tensor<const double>{sp, p.data()}, 1.0, value.data(),
       d_unit.data());
  b.normalize_rows_backward(sp.images, sp.channels, p.data(), inverse.data(), d_unit.data(), 1.0,
                            dp.data());
  check_close(value, g.raw("output"));
  check_close(dp, g.raw("grad_p"));
}

}  // namespace triptych::test
