// Convolution, pass by pass, over the layers of ResNet-18 on 32x32 images, in GFLOP/s of the direct
// sum (products with padding counted), beside a loop of multiply-adds in registers: the machine's
// limit at that moment. Arguments: width of the network, images, threads.
//
//   bench_convolution --benchmark_filter='direct.*/16/64/1/'
#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <triptych/backend/cpu/convolution/bf16_products.hpp>
#include <triptych/backend/cpu/convolution/direct.hpp>
#include <triptych/backend/cpu/convolution/fast.hpp>
#include <triptych/backend/cpu/convolution/implicit_gemm.hpp>
#include <triptych/backend/cpu/convolution/winograd.hpp>
#include <triptych/backend/cpu/simd.hpp>
#include <triptych/config.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/thread_pool.hpp>

using namespace triptych;
using convolution::geometry;

namespace {

struct layer {
  const char* name;
  int size;     ///< of the input
  int in, out;  ///< in units of the width; 0 is the image's three channels
  int kernel, stride, padding;
};

constexpr layer layers[] = {
    {"stem", 32, 0, 1, 3, 1, 1},          {"stage1_3x3", 32, 1, 1, 3, 1, 1},
    {"stage2_3x3_s2", 32, 1, 2, 3, 2, 1}, {"stage2_1x1_s2", 32, 1, 2, 1, 2, 0},
    {"stage2_3x3", 16, 2, 2, 3, 1, 1},    {"stage3_3x3_s2", 16, 2, 4, 3, 2, 1},
    {"stage3_3x3", 8, 4, 4, 3, 1, 1},     {"stage4_3x3_s2", 8, 4, 8, 3, 2, 1},
    {"stage4_3x3", 4, 8, 8, 3, 1, 1},     {"patch4_3x3", 2, 8, 8, 3, 1, 1},
};

enum class pass { forward, backward_data, backward_weights };
constexpr const char* pass_names[] = {"forward", "backward_data", "backward_weights"};

template <class Convolution>
void convolve(benchmark::State& state, const layer& l, pass which) {
  const int width = static_cast<int>(state.range(0));
  const geometry g{state.range(1), l.size,   l.size,   l.in == 0 ? 3 : l.in * width,
                   l.out * width,  l.kernel, l.stride, l.padding};
  thread_pool pool(static_cast<int>(state.range(2)));
  stack_arena<> arena, scratch;  // apart: an arena keeps its memory when it becomes empty
  const arena_frame scope(arena);
  const auto take = [&](std::int64_t size) {
    float* p = arena.take<float>(static_cast<std::size_t>(size));
    for (std::int64_t i = 0; i < size; ++i) p[i] = static_cast<float>(i % 17) - 8.0f;
    return p;
  };
  float* x = take(g.images * g.height * g.width * g.in);
  float* y = take(g.images * g.out_height() * g.out_width() * g.out);
  float* w = take(std::int64_t{g.kernel} * g.kernel * g.in * g.out);
  for (auto _ : state) {
    switch (which) {
    case pass::forward:
      Convolution::forward(pool, scratch, g, x, w, y);
      break;
    case pass::backward_data:
      Convolution::backward_data(pool, scratch, g, y, w, x, false);
      break;
    case pass::backward_weights:
      Convolution::backward_weights(pool, scratch, g, x, y, w, false);
      break;
    }
    benchmark::ClobberMemory();
  }
  state.counters["GFLOP/s"] =
      benchmark::Counter(g.flops() / 1e9, benchmark::Counter::kIsIterationInvariantRate);
}

/// Twelve independent chains of multiply-adds.
void multiply_add_peak(benchmark::State& state) {
  using namespace simd;
  constexpr int chains = 12, rounds = 100000;
  vector sum[chains] = {};
  vector a = vector{} + 0.5f, b = vector{} + 0.25f;
  for (auto _ : state) {
    for (int i = 0; i < rounds; ++i) {
      TRIPTYCH_UNROLL
      for (int k = 0; k < chains; ++k) sum[k] = sum[k] * a + b;
    }
    benchmark::DoNotOptimize(sum);
  }
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * width * chains * rounds,
                                                 benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(multiply_add_peak);

template <class Convolution>
void add(const std::string& algorithm) {
  for (const pass which : {pass::forward, pass::backward_data, pass::backward_weights}) {
    for (const layer& l : layers) {
      const std::string name = algorithm + "/" + pass_names[static_cast<int>(which)] + "/" + l.name;
      auto* b = benchmark::RegisterBenchmark(
          name.c_str(), [&l, which](benchmark::State& s) { convolve<Convolution>(s, l, which); });
      b->ArgsProduct({{16, 64}, {64}, {1, 2}})->ArgNames({"width", "images", "threads"});
      b->UseRealTime()->Unit(benchmark::kMillisecond);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  add<convolution::direct>("direct");
  add<convolution::implicit_gemm>("implicit_gemm");
  add<convolution::winograd<2>>("winograd2");
  add<convolution::winograd<4>>("winograd4");
  add<convolution::fast>("fast");
  if (convolution::bf16_products<>::available()) add<convolution::bf16_products<>>("bf16");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
