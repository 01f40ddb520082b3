// The plans that cuDNN offers for the encoder's convolutions, asked for devices that are described
// and not there; and, where a CUDA device is there, what the plans compute.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <cuda_runtime_api.h>

#include <triptych/backend/device/convolution/cudnn_plans.hpp>
#include <triptych/backend/reference.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/nn/resnet.hpp>

#include "support/catch.hpp"
#include "support/larger.hpp"
#include "support/seed.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using conv_engine::cudnn_plans;
using conv_engine::number_format;
using conv_engine::plan_info;
using conv_engine::to_string;
using convolution::geometry;
using kind = conv_engine::pass;

namespace {

constexpr kind passes[] = {kind::forward, kind::backward_data, kind::backward_weights};

/// The numbers of a CUDA device that matter to cuDNN's planning. Published ones where there are,
/// and else a guess: a test asks whether there are plans, not how fast they are.
struct planned_device {
  std::string name;
  int architecture, multiprocessors, shared_kib, threads;

  [[nodiscard]] std::string text() const {
    const auto number = [](const char* key, std::uint64_t value) {
      return std::string(",\"") + key + "\":" + std::to_string(value);
    };
    const auto shared = static_cast<std::uint64_t>(shared_kib) * 1024;
    return "{\"deviceName\":\"" + name + "\",\"maxGridSize\":[2147483647,65535,65535]" +
           ",\"maxBlockSize\":[1024,1024,64]" + number("warpSize", 32) +
           number("deviceVer", static_cast<std::uint64_t>(architecture) * 10) +
           number("multiProcessorCount", static_cast<std::uint64_t>(multiprocessors)) +
           number("maxThreadsPerSM", static_cast<std::uint64_t>(threads)) +
           number("maxThreadsPerBlock", 1024) + number("maxCtasPerSM", 32) +
           number("regsPerBlock", 65536) + number("maxRegistersPerSM", 65536) +
           number("maxSharedMemoryPerBlock", 49152) +
           number("maxSharedMemoryPerBlockOptin", shared) +
           number("reservedSharedMemoryPerBlock", 1024) + number("supportCoopLaunch", 1) +
           number("isTccDriver", 0) + number("pciDeviceId", 0) + number("cudaDeviceId", 0) +
           number("smClockRateKHz", 1800000) + number("memClockRateKHz", 2600000) +
           number("l2CacheSize", 50 << 20) + number("totalGlobalMem", std::uint64_t{80} << 30) +
           number("driverVer", 13000) + number("cudnnVersion", cudnnGetVersion()) + "}";
  }
};

const planned_device turing{"T4", 75, 40, 64, 1024};
const planned_device ampere{"A100", 80, 108, 163, 2048};
const planned_device hopper{"H100", 90, 132, 227, 2048};
const planned_device blackwell{"B200", 100, 148, 227, 2048};
const planned_device workstation{"RTX 5090", 120, 170, 99, 1536};

/// False, with a line that says so, where this library cannot plan without a device.
bool can_plan_without_a_device() {
  if (cudnnGetVersion() >= 90800) return true;
  WARN("skipped: cuDNN " + cudnn_plans::version() + " plans for devices that are there, only");
  return false;
}

bool says(const plan_info& plan, cudnnBackendNumericalNote_t note) {
  return std::ranges::find(plan.notes, note) != plan.notes.end();
}

/// Every convolution of a ResNet-18 with the cifar stem, each shape once.
std::vector<geometry> encoder(int width, std::int64_t images, int size) {
  std::vector<geometry> all{nn::conv2d{3, width, 3, 1, 1}.geometry({images, size, size, 3})};
  int in = width;
  for (int stage = 0; stage < 4; ++stage) {
    const int out = width << stage;
    const auto add = [&](const nn::conv2d& c) {
      all.push_back(c.geometry({images, size, size, c.in}));
    };
    if (stage > 0) {
      add({in, out, 3, 2, 1});
      add({in, out, 1, 2, 0});
      size /= 2;
    }
    add({out, out, 3, 1, 1});
    in = out;
  }
  return all;
}

/// Three views of 256 images whole, and 2x2 patches of two of them.
std::vector<geometry> one_step(int width) {
  auto all = encoder(width, 3 * 256, 32);
  const auto patches = encoder(width, 4 * 256 * 2, 16);
  all.insert(all.end(), patches.begin(), patches.end());
  return all;
}

}  // namespace

TEST_CASE("cuDNN has a deterministic plan for every convolution of the encoder") {
  if (!can_plan_without_a_device()) return;
  for (const planned_device& d : {ampere, hopper, blackwell, workstation}) {
    for (const int width : {64, 16, 20}) {
      cudnn_plans plans(d.text());
      int asked = 0, slow = 0;
      for (const geometry& g : one_step(width)) {
        for (const kind p : passes) {
          for (const auto f : {number_format::f32, number_format::tf32, number_format::bf16}) {
            const auto plan = plans.supported(g, p, f);
            INFO(d.name << " | " << to_string(g) << " | " << to_string(p) << " | " << to_string(f)
                        << " | " << (plan ? plan->engine : "none") << " | "
                        << (plan ? plan->workspace >> 10 : 0) << " KiB");
            REQUIRE(plan);
            CHECK(plan->workspace <= cudnn_plans::default_limit);
            CHECK(plan->workspace == plans.workspace(g, p, f));
            CHECK(!says(*plan, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC));
            CHECK(!says(*plan, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION));
            CHECK(!plan->compiled_at_run_time);
            const bool tensor_cores = says(*plan, CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
            if (f == number_format::f32) {
              CHECK(!tensor_cores);
            } else {
              ++asked;
              slow += tensor_cores ? 0 : 1;
            }
          }
        }
      }
      INFO(d.name << ", width " << width);
      CHECK(10 * slow <= 2 * asked);  // the formats that allow tensor cores get them
    }
  }
}

TEST_CASE("The same question gets the same cuDNN plan") {
  if (!can_plan_without_a_device()) return;
  cudnn_plans once(hopper.text()), again(hopper.text());
  auto backwards = one_step(64);
  std::reverse(backwards.begin(), backwards.end());
  for (const geometry& g : backwards) static_cast<void>(again.supported(g, kind::forward, {}));
  for (const geometry& g : one_step(64)) {
    for (const kind p : passes) {
      const auto a = once.supported(g, p, number_format::tf32);
      const auto b = again.supported(g, p, number_format::tf32);
      INFO(to_string(g) << ", " << to_string(p));
      REQUIRE(a);
      REQUIRE(b);
      CHECK(a->engine == b->engine);
    }
  }
}

TEST_CASE("A cuDNN data gradient may be added to what is there") {
  if (!can_plan_without_a_device()) return;
  cudnn_plans plans(hopper.text());
  for (const geometry& g : one_step(64)) {
    for (const auto f : {number_format::f32, number_format::tf32, number_format::bf16}) {
      INFO(to_string(g) << ", " << to_string(f));
      CHECK(plans.supported(g, kind::backward_data, f, true));
    }
  }
}

TEST_CASE("A small workspace limit makes cuDNN plan with less") {
  if (!can_plan_without_a_device()) return;
  const geometry stem{768, 32, 32, 3, 64, 3, 1, 1};
  constexpr std::size_t small = 1 << 20;
  const auto usual = cudnn_plans(hopper.text()).supported(stem, kind::forward, number_format::bf16);
  const auto frugal =
      cudnn_plans(hopper.text(), small).supported(stem, kind::forward, number_format::bf16);
  REQUIRE(usual);
  REQUIRE(frugal);
  CHECK(usual->workspace > small);  // room for the three channels padded to eight
  CHECK(frugal->workspace <= small);
  CHECK(frugal->passed_over > usual->passed_over);
}

TEST_CASE("What cuDNN cannot do is refused in one sentence") {
  if (!can_plan_without_a_device()) return;
  struct request {
    planned_device on;
    geometry g;
  };
  const request refused[] = {
      {turing, {768, 32, 32, 64, 64, 3, 1, 1}},  // hardware without bf16
      {hopper, {4, 2, 2, 8, 16, 5, 1, 1}},       // 5x5 on maps that are 4x4 with their padding
      {hopper, {0, 8, 8, 8, 16, 3, 1, 1}}};      // no image
  for (const request& r : refused) {
    const geometry& g = r.g;
    cudnn_plans plans(r.on.text());
    CHECK(!plans.supported(g, kind::backward_data, number_format::bf16));
    const auto refusal =
        thrown_by([&] { (void)plans.workspace(g, kind::backward_data, number_format::bf16); });
    INFO(refusal.sentence);
    CHECK(refusal.kind == error_kind::usage);
    CHECK(refusal.says(to_string(g)));
    CHECK(refusal.says("data gradient"));
    CHECK(refusal.says("bf16"));
    CHECK(refusal.says("`conv-engine` gemm or another `precision`"));
  }
}

TEST_CASE("A device that cuDNN cannot read and a plan that has no device are errors") {
  if (!can_plan_without_a_device()) return;
  CHECK(thrown_by([] { cudnn_plans("{\"deviceName\":\"nothing else\"}"); }).says("cuDNN failed"));
  cudnn_plans plans(hopper.text());
  const geometry g{4, 8, 8, 8, 16, 3, 1, 1};
  CHECK(thrown_by([&] {
          plans.execute(nullptr, g, kind::forward, number_format::f32, nullptr, nullptr, nullptr,
                        nullptr);
        }).says("described device"));
}

// -- with a device -------------------------------------------------------------------------------

namespace {

using floats = std::vector<float>;

std::size_t x_size(const geometry& g) {
  return static_cast<std::size_t>(g.images * g.height * g.width * g.in);
}
std::size_t y_size(const geometry& g) {
  return static_cast<std::size_t>(g.images * g.out_height() * g.out_width() * g.out);
}
std::size_t w_size(const geometry& g) {
  return static_cast<std::size_t>(std::int64_t{g.kernel} * g.kernel * g.in * g.out);
}

/// -1, 0 and 1: their short sums are exact in every format.
floats small_integers(std::size_t size, std::uint64_t seed) {
  random_stream random(test::seeded(seed), stream::evaluate);
  floats numbers(size);
  for (float& v : numbers) v = static_cast<float>(static_cast<int>(random.uniform(0, 3))) - 1;
  return numbers;
}

/// Weights (k, k, in, out) as (out, k, k, in), or back.
floats turned(const geometry& g, const floats& w, bool back) {
  floats result(w.size());
  const auto taps = static_cast<std::size_t>(g.kernel * g.kernel * g.in);
  const auto out = static_cast<std::size_t>(g.out);
  for (std::size_t i = 0; i < taps; ++i) {
    for (std::size_t o = 0; o < out; ++o) {
      const std::size_t ours = i * out + o, theirs = o * taps + i;
      (back ? result[ours] : result[theirs]) = back ? w[theirs] : w[ours];
    }
  }
  return result;
}

/// Numbers on the device, in a format. bf16 is the upper half of a float, exact for small integers.
class on_device {
 public:
  on_device(const floats& numbers, number_format f) : size_(numbers.size()), format_(f) {
    REQUIRE(cudaMalloc(&data_, size_ * sizeof(float)) == cudaSuccess);
    if (f != number_format::bf16) {
      copy(data_, numbers.data(), sizeof(float), cudaMemcpyHostToDevice);
      return;
    }
    std::vector<std::uint16_t> halves;
    for (const float v : numbers) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, &v, sizeof v);
      halves.push_back(static_cast<std::uint16_t>(bits >> 16));
    }
    copy(data_, halves.data(), sizeof(std::uint16_t), cudaMemcpyHostToDevice);
  }
  on_device(const on_device&) = delete;
  on_device& operator=(const on_device&) = delete;
  ~on_device() { cudaFree(data_); }

  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] floats numbers() const {
    floats result(size_);
    if (format_ != number_format::bf16) {
      copy(result.data(), data_, sizeof(float), cudaMemcpyDeviceToHost);
      return result;
    }
    std::vector<std::uint16_t> halves(size_);
    copy(halves.data(), data_, sizeof(std::uint16_t), cudaMemcpyDeviceToHost);
    for (std::size_t i = 0; i < size_; ++i) {
      const std::uint32_t bits = std::uint32_t{halves[i]} << 16;
      std::memcpy(&result[i], &bits, sizeof bits);
    }
    return result;
  }

 private:
  void copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind direction) const {
    REQUIRE(cudaMemcpy(to, from, size_ * bytes, direction) == cudaSuccess);
  }

  std::size_t size_;
  number_format format_;
  void* data_ = nullptr;
};

}  // namespace

TEST_CASE("cuDNN's convolutions on the device are those of the reference") {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    WARN("skipped: no CUDA device");
    return;
  }
  cudnn_plans plans;
  backend::reference<float> reference;
  const geometry shapes[] = {{2, 8, 8, 8, 8, 3, 1, 1},   // a block's
                             {2, 8, 8, 8, 16, 3, 2, 1},  // a block's that changes shape
                             {2, 8, 8, 8, 16, 1, 2, 0},  // its short cut
                             {2, 7, 9, 3, 5, 3, 1, 1}};  // the stem's, odd sizes
  for (const geometry& g : shapes) {
    const floats x = small_integers(x_size(g), 1), y = small_integers(y_size(g), 2),
                 w = small_integers(w_size(g), 3);
    for (const kind p : passes) {
      for (const bool accumulate : {false, true}) {
        if (p == kind::forward && accumulate) continue;  // the library never asks for it
        floats expected = p == kind::forward ? y : p == kind::backward_data ? x : w;
        const floats before = p == kind::backward_weights ? turned(g, w, false) : expected;
        if (p == kind::forward) {
          reference.convolution_forward(g, x.data(), w.data(), expected.data());
        } else if (p == kind::backward_data) {
          reference.convolution_backward_data(g, y.data(), w.data(), expected.data(), accumulate);
        } else {
          reference.convolution_backward_weights(g, x.data(), y.data(), expected.data(),
                                                 accumulate);
        }
        for (const auto f : {number_format::f32, number_format::tf32, number_format::bf16}) {
          const on_device a(p == kind::backward_data ? y : x, f);
          const on_device b(p == kind::backward_weights ? y : turned(g, w, false), f);
          const on_device result(before, f);
          const floats room(plans.workspace(g, p, f, accumulate) / sizeof(float) + 1);
          const on_device workspace(room, number_format::f32);
          plans.execute(nullptr, g, p, f, a.data(), b.data(), result.data(), workspace.data(),
                        accumulate);
          REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
          floats got = result.numbers();
          if (p == kind::backward_weights) got = turned(g, got, true);
          double worst = 0;
          for (std::size_t i = 0; i < got.size(); ++i) {
            worst = test::larger(worst, std::abs(double(got[i]) - double(expected[i])));
          }
          INFO(to_string(g) << ", " << to_string(p) << ", " << to_string(f) << ", engine "
                            << plans.supported(g, p, f, accumulate)->engine);
          CHECK(worst < 0.01);  // integers: a wrong term would be 1
        }
      }
    }
  }
}
