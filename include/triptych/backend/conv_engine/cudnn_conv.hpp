// triptych/backend/conv_engine/cudnn_conv.hpp
//
// Convolutions by cuDNN's plans (cudnn_plans.hpp), for the CUDA backend: turns the weights into
// cuDNN's order and, in bf16, rounds maps on their way in and widens results on their way out.
// Cost: cuDNN's, a pass over the weights and, in bf16, one over each map.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <triptych/backend/conv_engine/cudnn_plans.hpp>
#include <triptych/backend/conv_engine/turned_weights.hpp>
#include <triptych/backend/convolution/geometry.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/kernels/rounding.hpp>

namespace triptych::conv_engine {

class cudnn_conv {
 public:
  /// Bytes of workspace that a plan may ask for (docs/conv_engines.md).
  static constexpr std::size_t limit = std::size_t{512} << 20;

  number_format format = number_format::tf32;  ///< of the convolutions from now on

  [[nodiscard]] bool takes(const convolution::geometry& g, pass p, bool accumulate = false) {
    return plans_.supported(g, p, format, accumulate && in_place(p)).has_value();
  }

  template <class B>
  void forward(B& b, const convolution::geometry& g, const float* x, const float* w, float* y) {
    by_format([&](auto number) {
      using T = decltype(number);
      const frame<B> scope(b.arena());
      const T* in = rounded<T>(b, x, g.images * g.height * g.width * g.in);
      const T* turned = turn<T>(b, g, w);
      const std::int64_t size = g.images * g.out_height() * g.out_width() * g.out;
      T* out = result<T>(b, y, size);
      run(b, g, pass::forward, in, turned, out, false);
      widen(b, out, y, size, false);
    });
  }

  template <class B>
  void backward_data(B& b, const convolution::geometry& g, const float* dy, const float* w,
                     float* dx, bool accumulate) {
    by_format([&](auto number) {
      using T = decltype(number);
      const frame<B> scope(b.arena());
      const T* in = rounded<T>(b, dy, g.images * g.out_height() * g.out_width() * g.out);
      const T* turned = turn<T>(b, g, w);
      const std::int64_t size = g.images * g.height * g.width * g.in;
      T* out = result<T>(b, dx, size);
      run(b, g, pass::backward_data, in, turned, out, accumulate && in_place(pass::backward_data));
      widen(b, out, dx, size, accumulate);
    });
  }

  template <class B>
  void backward_weights(B& b, const convolution::geometry& g, const float* x, const float* dy,
                        float* dw, bool accumulate) {
    by_format([&](auto number) {
      using T = decltype(number);
      const frame<B> scope(b.arena());
      const T* in = rounded<T>(b, x, g.images * g.height * g.width * g.in);
      const T* out = rounded<T>(b, dy, g.images * g.out_height() * g.out_width() * g.out);
      T* turned = take<T>(b, taps(g) * g.out);
      run(b, g, pass::backward_weights, in, out, turned, false);
      b.system().each(taps(g) * g.out,
                      turn_weights_back<T, float>{taps(g), g.out, turned, dw, accumulate});
    });
  }

 private:
  template <class B>
  using frame = typename stack_arena<typename B::memory>::frame;

  /// Whether the plan writes where the caller wants the numbers.
  [[nodiscard]] bool in_place(pass p) const {
    return p != pass::backward_weights && format != number_format::bf16;
  }
  static std::int64_t taps(const convolution::geometry& g) {
    return std::int64_t{g.kernel} * g.kernel * g.in;
  }

  /// work(a number of the type that maps have in cuDNN)
  template <class Work>
  void by_format(const Work& work) const {
    if (format == number_format::bf16) {
      work(kernels::bf16{});
    } else {
      work(float{});
    }
  }

  template <class T, class B>
  static T* take(B& b, std::int64_t n) {
    return b.arena().template take<T>(static_cast<std::size_t>(n));
  }
  /// The map itself, or its bf16 copy.
  template <class T, class B>
  static const T* rounded(B& b, const float* x, std::int64_t n) {
    if constexpr (std::is_same_v<T, float>) {
      return x;
    } else {
      T* y = take<T>(b, n);
      b.system().each(n, kernels::convert<float, T>{x, y, false});
      return y;
    }
  }
  template <class T, class B>
  static T* result(B& b, float* y, std::int64_t n) {
    if constexpr (std::is_same_v<T, float>) {
      return y;
    } else {
      return take<T>(b, n);
    }
  }
  template <class T, class B>
  static void widen(B& b, const T* from, float* y, std::int64_t n, bool accumulate) {
    if constexpr (!std::is_same_v<T, float>) {
      b.system().each(n, kernels::convert<T, float>{from, y, accumulate});
    }
  }
  template <class T, class B>
  static const T* turn(B& b, const convolution::geometry& g, const float* w) {
    T* turned = take<T>(b, taps(g) * g.out);
    b.system().each(taps(g) * g.out, turn_weights<float, T>{taps(g), g.out, w, turned});
    return turned;
  }

  template <class B>
  void run(B& b, const convolution::geometry& g, pass p, const void* first, const void* second,
           void* result, bool accumulate) {
    const auto bytes = static_cast<std::int64_t>(plans_.workspace(g, p, format, accumulate));
    void* const workspace = take<std::byte>(b, bytes);
    plans_.execute(static_cast<cudaStream_t>(b.system().stream()), g, p, format, first, second,
                   result, workspace, accumulate);
  }

  cudnn_plans plans_{limit};
};

}  // namespace triptych::conv_engine
