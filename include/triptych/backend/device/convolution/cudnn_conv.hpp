// triptych/backend/device/convolution/cudnn_conv.hpp
//
// Convolutions by cuDNN's plans (cudnn_plans.hpp), for the CUDA backends: turns the weights into
// cuDNN's order, rounded where maps are bf16, and a weight gradient back. T is the type of maps.
// Cost: cuDNN's, and a pass over the weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <triptych/backend/device/convolution/cudnn_plans.hpp>
#include <triptych/backend/device/convolution/turned_weights.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/bf16.hpp>
#include <triptych/core/convolution_geometry.hpp>

namespace triptych::conv_engine {

class cudnn_conv {
 public:
  /// Bytes of workspace that a plan may ask for (docs/conv_engines.md).
  static constexpr std::size_t limit = std::size_t{512} << 20;

  bool exact = false;  ///< float maps are multiplied without rounding, so without tensor cores

  /// Whether there is a plan for maps of type T.
  template <class T>
  [[nodiscard]] bool takes(const convolution::geometry& g, pass p, bool accumulate = false) {
    return plans_.has(g, p, format<T>(), accumulate && in_place(p));
  }

  template <class B, class T>
  void forward(B& b, const convolution::geometry& g, const T* x, const float* w, T* y) {
    const arena_frame scope(b.arena());
    run<T>(b, g, pass::forward, x, turn<T>(b, g, w), y, false);
  }

  template <class B, class T>
  void backward_data(B& b, const convolution::geometry& g, const T* dy, const float* w, T* dx,
                     bool accumulate) {
    const arena_frame scope(b.arena());
    run<T>(b, g, pass::backward_data, dy, turn<T>(b, g, w), dx, accumulate);
  }

  template <class B, class T>
  void backward_weights(B& b, const convolution::geometry& g, const T* x, const T* dy, float* dw,
                        bool accumulate) {
    const arena_frame scope(b.arena());
    T* turned = take<T>(b, taps(g) * g.out);
    run<T>(b, g, pass::backward_weights, x, dy, turned, false);
    b.system().each(taps(g) * g.out,
                    turn_weights_back<T, float>{taps(g), g.out, turned, dw, accumulate});
  }

 private:
  template <class T>
  [[nodiscard]] number_format format() const {
    if (std::is_same_v<T, bf16>) return number_format::bf16;
    return exact ? number_format::f32 : number_format::tf32;
  }
  /// Whether the plan writes where the caller wants the numbers.
  static bool in_place(pass p) { return p != pass::backward_weights; }
  static std::int64_t taps(const convolution::geometry& g) {
    return std::int64_t{g.kernel} * g.kernel * g.in;
  }

  template <class T, class B>
  static T* take(B& b, std::int64_t n) {
    return b.arena().template take<T>(static_cast<std::size_t>(n), "a convolution's workspace");
  }
  template <class T, class B>
  static const T* turn(B& b, const convolution::geometry& g, const float* w) {
    T* turned = take<T>(b, taps(g) * g.out);
    b.system().each(taps(g) * g.out, turn_weights<float, T>{taps(g), g.out, w, turned});
    return turned;
  }

  template <class T, class B>
  void run(B& b, const convolution::geometry& g, pass p, const T* first, const T* second, T* result,
           bool accumulate) {
    const number_format f = format<T>();
    const auto bytes = static_cast<std::int64_t>(plans_.workspace(g, p, f, accumulate));
    void* const workspace = take<std::byte>(b, bytes);
    plans_.execute(static_cast<cudaStream_t>(b.system().stream()), g, p, f, first, second, result,
                   workspace, accumulate);
  }

  cudnn_plans plans_{limit};
};

}  // namespace triptych::conv_engine
