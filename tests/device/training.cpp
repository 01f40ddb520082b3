// A short training run with feature maps in bf16 learns what one with float maps learns.
#include <cstdint>

#include <triptych/backend/thrust_host.hpp>
#include <triptych/data/procedural.hpp>
#include <triptych/method/simclr.hpp>
#include <triptych/train/trainer.hpp>

#include "device/small_plan.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace triptych;

namespace {

/// Mean losses of the first and the last ten of 60 steps.
struct mean_losses {
  double first = 0, last = 0;
};

template <class B>
mean_losses train_on_procedural_images(const data::image_set& set) {
  B backend;
  const nn::architecture<> layers(nn::resnet({.width = 8, .blocks = {1, 1, 1, 1}}),
                                  {.projector = {64, 32}, .predictor_hidden = 0});
  method::simclr<B> method(backend, layers, {.temperature = 0.5}, test::seeded(1));
  auto plan = test::small_plan(2, 6, 32);
  plan.learning_rate = 0.05;
  plan.seed = test::seeded(4);
  train::trainer<B> trainer(method, set, plan);
  mean_losses mean;
  while (!trainer.done()) {
    const auto record = trainer.advance();
    if (record.step <= 10) mean.first += record.report.loss / 10;
    if (record.step > 50) mean.last += record.report.loss / 10;
  }
  return mean;
}

}  // namespace

TEST_CASE("sixty steps with bf16 maps lower the loss as sixty with float maps do") {
  const auto set = data::procedural_images(320, test::seeded(1), 0);
  const mean_losses wide = train_on_procedural_images<backend::thrust_host>(set);
  const mean_losses narrow = train_on_procedural_images<backend::thrust_host_bf16>(set);
  INFO("float: " << wide.first << " to " << wide.last << "; bf16: " << narrow.first << " to "
                 << narrow.last);
  REQUIRE(wide.last < wide.first - 0.25);
  CHECK(narrow.last < narrow.first - 0.25);
  // Of four seeds the last losses were 3.65 to 3.69 with float maps, 3.62 to 3.77 with bf16's; of
  // one seed and float maps, compiled with other optimization, 3.65 and 3.68.
  CHECK(narrow.last == Approx(wide.last).margin(0.15));
}
