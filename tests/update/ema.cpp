#include <triptych/update/ema.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

#include <triptych/backend/reference.hpp>

#include "support/catch.hpp"
#include "support/device_array.hpp"

using namespace triptych;

namespace {

template <class B>
std::vector<double> after(double m, int steps = 1) {
  B b;
  const auto peer = test::random_numbers(100, 1), own = test::random_numbers(100, 2);
  test::device_array<B> p(b, peer), o(b, own);
  for (std::int64_t step = 0; step < steps; ++step) {
    update::ema{m}(b, p.data(), peer.size(), o.data(), step);
  }
  return test::numbers_of(o);
}

}  // namespace

static_assert(PeerUpdate<update::ema, backend::reference<double>>);

TEMPLATE_TEST_CASE("EMA with m = 1 changes nothing and with m = 0 copies", "",
                   backend::reference<double>, backend::reference<float>) {
  CHECK(after<TestType>(1) == test::random_numbers(100, 2));
  CHECK(after<TestType>(0) == test::random_numbers(100, 1));
}

TEST_CASE("EMA keeps m of its own and takes the rest of the peer's") {
  const auto peer = test::random_numbers(100, 1), own = test::random_numbers(100, 2);
  const auto once = after<backend::reference<double>>(0.99);
  const auto twice = after<backend::reference<double>>(0.99, 2);
  for (std::size_t i = 0; i < own.size(); ++i) {
    CHECK(once[i] == Approx(0.99 * own[i] + 0.01 * peer[i]).margin(1e-15));
    CHECK(twice[i] == Approx(0.9801 * own[i] + 0.0199 * peer[i]).margin(1e-15));
  }
}

TEST_CASE("a rising momentum goes from m to 1 along a cosine") {
  const update::ema rising{.momentum = 0.99, .steps = 100};
  CHECK(rising.at(0) == Approx(0.99).epsilon(1e-15));
  CHECK(rising.at(50) == Approx(0.995).epsilon(1e-15));
  CHECK(rising.at(25) == Approx(1 - 0.01 * (1 + std::sqrt(0.5)) / 2).epsilon(1e-12));
  for (std::int64_t t = 1; t < 100; ++t) CHECK(rising.at(t) > rising.at(t - 1));
  CHECK(rising.at(99) < 1);
  const update::ema constant{.momentum = 0.99};
  CHECK(constant.at(0) == 0.99);
  CHECK(constant.at(99) == 0.99);
}
