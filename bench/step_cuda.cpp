// The part of bench_step that runs on a GPU; in builds with CUDA.
#include <algorithm>
#include <charconv>
#include <map>
#include <string>
#include <string_view>
#include <system_error>

#include <triptych/backend/cuda.hpp>
#include <triptych/core/error.hpp>

#include "step.hpp"

namespace triptych::bench {

namespace {

/// "cuda" is the first device, "cuda:N" the one of that number.
int device_index(std::string_view name) {
  int index = 0;
  const std::string_view number =
      name.substr(std::min(name.size(), std::string_view("cuda:").size()));
  const auto [end, failure] = std::from_chars(number.begin(), number.end(), index);
  const bool numbered = name.starts_with("cuda:") && failure == std::errc() && end == number.end();
  if (name != "cuda" && !(numbered && index >= 0)) {
    throw error::usage("'" + std::string(name) +
                       "' is no device; give --device cpu, cuda or cuda:N");
  }
  return index;
}

template <class Value>
Value chosen(const std::map<std::string, Value>& values, const char* option,
             const std::string& name) {
  const auto found = values.find(name);
  if (found != values.end()) return found->second;
  std::string all;
  for (const auto& known : values) all += (all.empty() ? "" : ", ") + known.first;
  throw error::usage("'" + name + "' is no " + option + "; give one of " + all);
}

}  // namespace

void measure_on_cuda(const settings& s) {
  using backend::cuda_convolution, backend::cuda_precision;
  const std::string precision = s.precision.empty() ? "tf32" : s.precision;
  const backend::cuda_options options{
      .device = device_index(s.device),
      .precision = chosen<cuda_precision>({{"f32", cuda_precision::f32},
                                           {"tf32", cuda_precision::tf32},
                                           {"bf16", cuda_precision::bf16}},
                                          "--precision", precision),
      .convolution = chosen<cuda_convolution>({{"auto", cuda_convolution::automatic},
                                               {"gemm", cuda_convolution::gemm},
                                               {"cudnn", cuda_convolution::cudnn}},
                                              "--conv-engine", s.conv_engine)};
  const std::string where =
      s.device + ", " + precision + ", " + s.conv_engine + (s.graph == "on" ? "" : ", no graph");
  if (options.precision == cuda_precision::bf16) {
    backend::cuda_bf16 backend(options);
    run(backend, s, where);
  } else {
    backend::cuda backend(options);
    run(backend, s, where);
  }
}

}  // namespace triptych::bench
