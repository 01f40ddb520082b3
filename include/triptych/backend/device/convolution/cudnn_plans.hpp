// triptych/backend/device/convolution/cudnn_plans.hpp
//
// Convolutions by cuDNN: for the shape of a convolution, a pass and a number format, the first
// execution plan that cuDNN's heuristics offer, that it calls deterministic and whose workspace is
// small enough. The choice goes by shapes, never by a measurement, so the bits of a run depend on
// the kind of device and the version of cuDNN and on nothing else.
//
//   cudnn_plans plans;  // the current CUDA device; or cudnn_plans plans(text) for a described one
//   void* workspace = ...;  // plans.workspace(g, p, f) bytes
//   plans.execute(stream, g, pass::forward, number_format::tf32, x, w, y, workspace);
//
//   forward           a = x (N,H,W,in)      b = w (out,k,k,in)     result = y (N,H',W',out)
//   backward_data     a = dy (N,H',W',out)  b = w (out,k,k,in)     result = dx (N,H,W,in)
//   backward_weights  a = x (N,H,W,in)      b = dy (N,H',W',out)   result = dw (out,k,k,in)
//
// All row-major, on the device, aligned to 16 bytes. Weights are cuDNN's (out, k, k, in), not the
// library's (k, k, in, out): the caller turns them. All three arrays are of the same type: float,
// or bf16 for number_format::bf16, a weight gradient too.
//
// A described device has no memory to compute with: it answers which plans there are, and nothing
// else. Cost: a plan is made once, in a few milliseconds, and kept; the first one loads the
// library, a third of a second. An object serves one thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <triptych/backend/device/convolution/cudnn_graph.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/core/error.hpp>

namespace triptych::conv_engine {

static_assert(CUDNN_VERSION >= 90800, "the convolution engine needs cuDNN 9.8 or newer");

enum class pass { forward, backward_data, backward_weights };

/// The type of the arrays and of the products; sums are float.
enum class number_format {
  f32,   ///< float; no tensor cores, no rounding of the operands
  tf32,  ///< float; tensor cores may round the operands to 10 bits
  bf16   ///< bf16, results too
};

inline std::string to_string(pass p) {
  return p == pass::forward         ? "forward pass"
         : p == pass::backward_data ? "data gradient"
                                    : "weight gradient";
}
inline std::string to_string(number_format f) {
  return f == number_format::f32 ? "f32" : f == number_format::tf32 ? "tf32" : "bf16";
}
inline std::string to_string(const convolution::geometry& g) {
  const auto times = [](int a, int b) { return std::to_string(a) + "x" + std::to_string(b); };
  return times(g.kernel, g.kernel) + " " + std::to_string(g.in) + "->" + std::to_string(g.out) +
         ", stride " + std::to_string(g.stride) + ", padding " + std::to_string(g.padding) +
         ", on " + std::to_string(g.images) + " maps of " + times(g.height, g.width);
}

/// What is known of a plan before it runs.
struct plan_info {
  std::string engine;         ///< the library's number for it and its settings, "67 (2=1 13=0)"
  std::size_t workspace = 0;  ///< bytes
  bool compiled_at_run_time = false;
  std::vector<cudnnBackendNumericalNote_t> notes;  ///< how it computes, in the library's words
  int passed_over = 0;  ///< better ones by the heuristics, that were not wanted or did not work
};

class cudnn_plans {
 public:
  static constexpr std::size_t default_limit = std::size_t{256} << 20;

  /// For the current CUDA device, which the first call looks for. `limit`: bytes of a workspace.
  explicit cudnn_plans(std::size_t limit = default_limit) : limit_(limit) {}

  /// For the device of a serialized CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR: only for questions.
  explicit cudnn_plans(const std::string& device, std::size_t limit = default_limit)
      : limit_(limit) {
    if (cudnnGetVersion() < 90800) {
      throw error::runtime("cuDNN " + version() +
                           " cannot plan for a device that is not there; "
                           "install cuDNN 9.8 or newer");
    }
    described_.emplace(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    described_->set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                    std::span<const char>(device.data(), device.size()));
    described_->finalize();
  }

  /// The plan there is, or nothing. `accumulate`: the result is added to what is there.
  [[nodiscard]] std::optional<plan_info> supported(const convolution::geometry& g, pass p,
                                                   number_format f, bool accumulate = false) {
    const auto& found = find(g, p, f, accumulate);
    return found ? std::optional(found->info) : std::nullopt;
  }

  [[nodiscard]] bool has(const convolution::geometry& g, pass p, number_format f,
                         bool accumulate = false) {
    return find(g, p, f, accumulate).has_value();
  }

  /// Bytes that `execute` wants; error::usage if there is no plan.
  [[nodiscard]] std::size_t workspace(const convolution::geometry& g, pass p, number_format f,
                                      bool accumulate = false) {
    return need(g, p, f, accumulate).info.workspace;
  }

  /// result = (or, with `accumulate`, +=) the convolution; see the top of this file.
  void execute(cudaStream_t stream, const convolution::geometry& g, pass p, number_format f,
               const void* a, const void* b, void* result, void* workspace,
               bool accumulate = false) {
    if (described_) {
      throw error::runtime("a plan for a described device was asked to run; make a cudnn_plans "
                           "without a description");
    }
    const plan& found = need(g, p, f, accumulate);
    cudnn::check(cudnnSetStream(handle(), stream), "choosing a stream");
    const std::array<std::int64_t, 3> names{first, second, third};
    const std::array<void*, 3> pointers{const_cast<void*>(a), const_cast<void*>(b), result};
    cudnn::descriptor arguments(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    arguments.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::span(names));
    arguments.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, std::span(pointers));
    arguments.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace);
    arguments.finalize();
    cudnn::check(cudnnBackendExecute(handle(), found.execution.raw(), arguments.raw()),
                 "running a convolution");
  }

  /// Of the library that runs, "9.19.0".
  [[nodiscard]] static std::string version() {
    const std::size_t v = cudnnGetVersion();
    return std::to_string(v / 10000) + "." + std::to_string(v / 100 % 100) + "." +
           std::to_string(v % 100);
  }

 private:
  struct plan {
    plan_info info;
    cudnn::descriptor configuration, execution;
  };
  using key = std::array<std::int64_t, 11>;
  /// Names of the arrays within a plan: a, b, result.
  static constexpr std::int64_t first = 1, second = 2, third = 3;

  const plan& need(const convolution::geometry& g, pass p, number_format f, bool accumulate) {
    const auto& found = find(g, p, f, accumulate);
    if (found) return *found;
    throw error::usage("cuDNN " + version() + " has no deterministic plan with at most " +
                       std::to_string(limit_ >> 20) + " MiB of workspace for the " + to_string(p) +
                       " of a convolution " + to_string(g) + " in " + to_string(f) +
                       "; use `conv-engine` gemm or another `precision`");
  }

  const std::optional<plan>& find(const convolution::geometry& g, pass p, number_format f,
                                  bool accumulate) {
    const key k{g.images, g.height,  g.width, g.in,   g.out,     g.kernel,
                g.stride, g.padding, int(p),  int(f), accumulate};
    const auto known = plans_.find(k);
    if (known != plans_.end()) return known->second;
    return plans_.emplace(k, make(g, p, f, accumulate)).first->second;
  }

  std::optional<plan> make(const convolution::geometry& g, pass p, number_format f,
                           bool accumulate) {
    const int least = std::min({g.height, g.width, g.in, g.out, g.kernel, g.stride});
    const int padded = std::min(g.height, g.width) + 2 * g.padding;
    if (g.images < 1 || least < 1 || g.padding < 0 || padded < g.kernel) return std::nullopt;

    cudnn::descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    if (!described_) graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle());
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation(g, p, f, accumulate));
    graph.finalize();

    int passed_over = 0;
    for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
      cudnn::descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
      heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
      heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
      if (described_) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *described_);
      if (heuristics.try_finalize() != CUDNN_STATUS_SUCCESS) continue;
      for (auto& configuration :
           heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR,
                          heuristics.count(CUDNN_ATTR_ENGINEHEUR_RESULTS))) {
        if (auto made = try_plan(configuration, f)) {
          made->info.passed_over = passed_over;
          return made;
        }
        ++passed_over;
      }
    }
    return std::nullopt;
  }

  /// The plan of an engine configuration, if it is wanted and the library can make it.
  std::optional<plan> try_plan(cudnn::descriptor& configuration, number_format f) {
    auto engines =
        configuration.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
    const cudnn::descriptor& engine = engines.at(0);
    auto notes = engine.get<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, most);
    if (!wanted(notes, f)) return std::nullopt;

    cudnn::descriptor execution(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    execution.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
    if (described_) {
      execution.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *described_);
    } else {
      execution.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle());
    }
    if (execution.try_finalize() != CUDNN_STATUS_SUCCESS) return std::nullopt;
    const auto bytes = execution.get<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
    if (bytes < 0 || static_cast<std::size_t>(bytes) > limit_) return std::nullopt;

    const auto behavior =
        engine.get<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, most);
    const bool compiled =
        std::ranges::find(behavior, CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) != behavior.end();
    return plan{{name(engine, configuration), static_cast<std::size_t>(bytes), compiled,
                 std::move(notes), 0},
                std::move(configuration),
                std::move(execution)};
  }

  /// Whether an engine with these notes keeps the promises of the format, and the same bits always.
  static bool wanted(const std::vector<cudnnBackendNumericalNote_t>& notes, number_format f) {
    return std::ranges::none_of(notes, [f](cudnnBackendNumericalNote_t note) {
      return note == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC ||
             note == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION ||
             note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS ||
             (f == number_format::f32 && note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
    });
  }

  static std::string name(const cudnn::descriptor& engine, const cudnn::descriptor& configuration) {
    std::string text = std::to_string(engine.get<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX));
    std::string choices;
    for (const auto& choice : configuration.get(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                                CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, most)) {
      choices +=
          (choices.empty() ? "" : " ") +
          std::to_string(choice.get<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE)) +
          "=" + std::to_string(choice.get<std::int64_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE));
    }
    return choices.empty() ? text : text + " (" + choices + ")";
  }

  // -- the one operation of a graph --------------------------------------------------------------

  static cudnn::descriptor operation(const convolution::geometry& g, pass p, number_format f,
                                     bool accumulate) {
    const bool forward = p == pass::forward, data = p == pass::backward_data;
    const auto x = tensor(data ? third : first, g.images, g.in, g.height, g.width, f);
    const auto y = tensor(forward ? third
                          : data  ? first
                                  : second,
                          g.images, g.out, g.out_height(), g.out_width(), f);
    const auto w = tensor(forward || data ? second : third, g.out, g.in, g.kernel, g.kernel, f);
    // Types of descriptor and names of attributes, which differ by pass: x, w, y, the rest.
    struct names {
      cudnnBackendDescriptorType_t operation;
      cudnnBackendAttributeName_t x, w, y, convolution, alpha, beta;
    };
    const names n = forward ? names{CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA}
                    : data  ? names{CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA}
                            : names{CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    cudnn::descriptor made(n.operation);
    made.set(n.x, x);
    made.set(n.w, w);
    made.set(n.y, y);
    made.set(n.convolution, convolution(g));
    made.set(n.alpha, 1.0f);
    made.set(n.beta, accumulate ? 1.0f : 0.0f);
    made.finalize();
    return made;
  }

  /// Channels innermost; cuDNN lists the extents as (N, C, H, W) all the same.
  static cudnn::descriptor tensor(std::int64_t name, std::int64_t n, std::int64_t c, std::int64_t h,
                                  std::int64_t w, number_format f) {
    const std::array<std::int64_t, 4> extents{n, c, h, w}, strides{h * w * c, 1, w * c, c};
    cudnn::descriptor made(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    made.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, name);
    made.set(CUDNN_ATTR_TENSOR_DATA_TYPE,
             f == number_format::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT);
    made.set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::span(extents));
    made.set(CUDNN_ATTR_TENSOR_STRIDES, std::span(strides));
    made.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, std::int64_t{16});
    made.finalize();
    return made;
  }

  static cudnn::descriptor convolution(const convolution::geometry& g) {
    const std::array<std::int64_t, 2> padding{g.padding, g.padding}, stride{g.stride, g.stride},
        dilation{1, 1};
    cudnn::descriptor made(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    made.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2});
    made.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
    made.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION);
    made.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, std::span(padding));
    made.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, std::span(padding));
    made.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, std::span(stride));
    made.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, std::span(dilation));
    made.finalize();
    return made;
  }

  [[nodiscard]] cudnnHandle_t handle() {
    if (!handle_) {
      cudnnHandle_t made = nullptr;
      cudnn::check(cudnnCreate(&made), "starting");
      handle_.reset(made);
    }
    return handle_.get();
  }
  struct destroy {
    void operator()(cudnnHandle_t h) const { cudnnDestroy(h); }
  };

  static constexpr std::size_t most = 64;  ///< more notes or choices than an engine has

  std::size_t limit_;
  std::optional<cudnn::descriptor> described_;
  std::unique_ptr<std::remove_pointer_t<cudnnHandle_t>, destroy> handle_;
  std::map<key, std::optional<plan>> plans_;  // made by the handle, gone before it
};

}  // namespace triptych::conv_engine
