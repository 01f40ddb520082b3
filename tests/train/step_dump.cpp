#include <triptych/train/step_dump.hpp>

#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/device_array.hpp"
#include "support/temporary_directory.hpp"
#include "train/small_run.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

constexpr int batch = 4, side = 8;
constexpr shape extents{3 * batch, side, side, 3, 3};

/// One step of a run, dumped and read back.
template <class Run>
io::safetensors_file dumped(Run& run, const std::vector<double>& x) {
  using real = typename Run::method_type::real;
  const std::vector<real> images(x.begin(), x.end());
  train::step_dump dump(run.method);
  const auto report =
      run.method.step({extents, images.data()},
                      {.learning_rate = 0.1, .predictor_learning_rate = 0.1}, dump.trace());
  dump.finish(report);
  const temporary_directory at;
  const auto path = at.path() / "step.safetensors";
  dump.save(path, R"({"lr":0.1})");
  return io::safetensors_file::open(path);
}

std::vector<double> random_images() {
  return random_numbers(static_cast<std::int64_t>(extents.size()), 1);
}

/// The names' beginnings, up to the first dot or, without one, whole.
std::set<std::string> kinds(const io::safetensors_file& file) {
  std::set<std::string> all;
  for (const auto& name : file.names()) all.insert(name.substr(0, name.find('.')));
  return all;
}

}  // namespace

TEST_CASE("a dumped step holds every input, weight, result and loss under its name") {
  small_run<> run;
  const auto file = dumped(run, random_images());
  CHECK(kinds(file) == std::set<std::string>{"view/1",
                                             "view/2",
                                             "view/3",
                                             "before/online",
                                             "before/momentum_buffer",
                                             "before/momentum",
                                             "before/stop_gradient",
                                             "grad/online",
                                             "after/online",
                                             "after/momentum_buffer",
                                             "after/momentum",
                                             "after/stop_gradient",
                                             "queue/before",
                                             "queue/after",
                                             "z/1",
                                             "z/2",
                                             "nn/1",
                                             "nn/2",
                                             "p/1",
                                             "p/2",
                                             "p/3",
                                             "c/1",
                                             "c/3",
                                             "loss/m",
                                             "loss/s",
                                             "loss/total"});
  CHECK(file.metadata().at("config") == R"({"lr":0.1})");
  for (const char* name :
       {"before/online.encoder.layer1.0.conv1.weight", "grad/online.projector.0.weight",
        "after/momentum.projector.4.running_var", "before/online.predictor.3.bias",
        "after/stop_gradient.encoder.bn1.running_mean",
        "before/momentum_buffer.online.encoder.conv1.weight"}) {
    INFO(name);
    CHECK(file.contains(name));
  }
  // Running statistics have no gradient, the stop-gradient network no weights, momentum no
  // predictor.
  for (const auto& name : file.names()) {
    INFO(name);
    if (name.starts_with("grad/")) CHECK(name.find("running") == std::string::npos);
    if (name.find("/stop_gradient.") != std::string::npos) {
      CHECK(name.find("running") != std::string::npos);
    }
    if (name.find("/momentum.") != std::string::npos) {
      CHECK(name.find("predictor") == std::string::npos);
    }
  }
}

TEST_CASE("dumped tensors have PyTorch's shapes") {
  small_run<> run({.width = 2});
  const auto file = dumped(run, random_images());
  const auto shape_of = [&](const char* name) { return file.info(name).shape; };
  CHECK(shape_of("view/2") == io::tensor_shape{batch, 3, side, side});
  CHECK(shape_of("grad/online.encoder.layer2.0.conv1.weight") == io::tensor_shape{4, 2, 3, 3});
  CHECK(shape_of("before/online.projector.0.weight") == io::tensor_shape{6, 16});
  CHECK(shape_of("p/3") == io::tensor_shape{batch, 4});
  CHECK(shape_of("c/1") == io::tensor_shape{6 * batch, 4});
  CHECK(shape_of("nn/2") == io::tensor_shape{batch});
  CHECK(shape_of("queue/after") == io::tensor_shape{16, 4});
  CHECK(shape_of("loss/total").empty());
  CHECK(file.info("nn/1").type == io::dtype::i64);
  CHECK(file.info("loss/m").type == io::dtype::f32);
}

TEST_CASE("dumped images are channels first") {
  small_run<double> run;
  const auto x = random_images();
  const auto view = dumped(run, x).values<double>("view/2");
  const std::size_t pixels = side * side;
  for (std::size_t n = 0; n < batch; ++n) {
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t p = 0; p < pixels; ++p) {
        REQUIRE(view[(n * 3 + c) * pixels + p] == x[((batch + n) * pixels + p) * 3 + c]);
      }
    }
  }
}

TEST_CASE("before, gradient and after of a dump are one step of SGD") {
  small_run<double> run;
  const auto file = dumped(run, random_images());
  for (const char* name :
       {"online.encoder.conv1.weight", "online.projector.0.weight", "online.predictor.3.bias"}) {
    INFO(name);
    const auto before = file.values<double>(std::string("before/") + name);
    const auto gradient = file.values<double>(std::string("grad/") + name);
    const auto after = file.values<double>(std::string("after/") + name);
    for (std::size_t i = 0; i < before.size(); ++i) {
      CHECK(after[i] == Approx(before[i] - 0.1 * (gradient[i] + 1e-4 * before[i])).epsilon(1e-12));
    }
  }
  const double m = file.values<double>("loss/m")[0], s = file.values<double>("loss/s")[0];
  CHECK(file.values<double>("loss/total")[0] == Approx(s + 6 * m).epsilon(1e-14));
}

TEST_CASE("a method without a branch dumps what it has") {
  small_run<float, patches_alone> run;
  const auto file = dumped(run, random_images());
  const auto found = kinds(file);
  CHECK_FALSE(found.contains("z/1"));
  CHECK_FALSE(found.contains("p/2"));
  CHECK_FALSE(found.contains("queue/before"));
  CHECK(found.contains("c/3"));
  CHECK(found.contains("p/3"));
}
