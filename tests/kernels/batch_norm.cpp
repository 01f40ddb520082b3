#include <triptych/kernels/batch_norm.hpp>

#include <cstddef>
#include <limits>
#include <vector>

#include <triptych/core/philox.hpp>

#include "support/catch.hpp"

using triptych::kernels::moments;

namespace {

struct expected {
  double mean = 0, squares = 0;
};

expected exactly(const std::vector<float>& x) {
  expected e;
  for (const float v : x) e.mean += v;
  e.mean /= static_cast<double>(x.size());
  for (const float v : x) e.squares += (v - e.mean) * (v - e.mean);
  return e;
}

expected in_one_pass(const std::vector<float>& x) {
  float mean = 0, squares = 0;
  moments<float>{x.data(), 1, &mean, &squares}.run<1>(0, static_cast<std::int64_t>(x.size()), 0);
  return {mean, squares};
}

}  // namespace

TEST_CASE("moments of a run keep their precision far from zero, and where the first number is far off") {
  for (const float middle : {0.0f, 100.0f, -3000.0f}) {
    for (const float first : {0.0f, 5.0f, -30.0f}) {
      triptych::random_stream random(1, triptych::stream::evaluate);
      std::vector<float> x(512);
      for (float& v : x) v = middle + random.normal();
      x[0] = middle + first;
      const expected truth = exactly(x), found = in_one_pass(x);
      INFO("around " << middle << ", first " << first);
      CHECK(found.mean == Approx(truth.mean).epsilon(1e-6).margin(1e-5));
      CHECK(found.squares == Approx(truth.squares).epsilon(3e-5));
    }
  }
}

TEST_CASE("moments of equal numbers, of one number and of NaN") {
  CHECK(in_one_pass(std::vector<float>(300, 0.1f)).squares == Approx(0).margin(1e-14));
  CHECK(in_one_pass({7}).mean == 7);
  CHECK(in_one_pass({7}).squares == 0);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto& x : {std::vector<float>{nan, 1, 2}, std::vector<float>{1, 2, nan}}) {
    CHECK(in_one_pass(x).squares != in_one_pass(x).squares);
    CHECK(in_one_pass(x).mean != in_one_pass(x).mean);
  }
}
