// triptych/backend/device/convolution/gemm_conv.hpp
//
// Convolution as a matrix product: patch matrices of a few images at a time, and the backend's
// gemm. It takes any shape, needs nothing but the backend, and is what other engines are compared
// with.
//
//   columns (N H' W', kernel kernel in) = im2col(x)
//   y  = columns w                    w (kernel kernel in, out)
//   dw = columnsᵀ dy                  dy (N H' W', out)
//   dx = col2im(dy wᵀ)
//
// A convolution engine is a class with these three functions, which work on the backend that calls
// them. T is the type of its maps; weights are float. With bf16 maps operands and patch matrices
// are bf16, so is dy wᵀ before its numbers are added up; sums are float, and so is dw. Cost: the
// products of a direct convolution, and the patch matrix written and read once in each pass; with
// bf16 maps a pass over the weights.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <triptych/backend/device/convolution/im2col.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/convolution_geometry.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/kernels/elementwise.hpp>

namespace triptych::conv_engine {

class gemm_conv {
 public:
  /// y = x * w
  template <class B, class T>
  void forward(B& backend, const convolution::geometry& g, const T* x, const float* w, T* y) const {
    const arena_frame scope(backend.arena());
    const T* const weights = rounded<T>(backend, g, w);
    by_parts<T>(backend, g, [&](const part<T>& p) {
      backend.system().gemm(transpose::no, transpose::no, p.rows, g.out, p.taps, 1,
                            patches(backend, p, x + p.in), weights, 0, y + p.out);
    });
  }

  /// dx = dy * w turned, or added to dx.
  template <class B, class T>
  void backward_data(B& backend, const convolution::geometry& g, const T* dy, const float* w, T* dx,
                     bool accumulate) const {
    const arena_frame scope(backend.arena());
    const T* const weights = rounded<T>(backend, g, w);
    by_parts<T>(backend, g, [&](const part<T>& p) {
      const bool direct = p.columns == nullptr;
      backend.system().gemm(transpose::no, transpose::yes, p.rows, p.taps, g.out, 1, dy + p.out,
                            weights, direct && accumulate ? 1 : 0, direct ? dx + p.in : p.columns);
      if (direct) return;
      backend.system().each_group(p.geometry.images * g.height * g.width,
                                  col2im_row<T>{p.geometry, p.columns, dx + p.in, accumulate});
    });
  }

  /// dw = xᵀ dy, or added to dw.
  template <class B, class T>
  void backward_weights(B& backend, const convolution::geometry& g, const T* x, const T* dy,
                        float* dw, bool accumulate) const {
    by_parts<T>(backend, g, [&](const part<T>& p) {
      backend.system().gemm(transpose::yes, transpose::no, p.taps, g.out, p.rows, 1,
                            patches(backend, p, x + p.in), dy + p.out,
                            accumulate || !p.first ? 1 : 0, dw);
    });
  }

 private:
  /// Some of the images.
  template <class T>
  struct part {
    convolution::geometry geometry;
    bool first;
    std::int64_t rows;     ///< output pixels
    std::int64_t taps;     ///< numbers of a patch
    std::int64_t in, out;  ///< where they begin in x and y
    T* columns;            ///< (rows, taps), or null where the patch matrix is x itself
  };

  /// Cuts the images so that a patch matrix fits into the system's workspace: by shapes alone.
  template <class T, class B, class Work>
  static void by_parts(B& backend, const convolution::geometry& g, const Work& work) {
    const bool direct = g.kernel == 1 && g.stride == 1 && g.padding == 0;
    const std::int64_t pixels = std::int64_t{g.out_height()} * g.out_width();
    const std::int64_t taps = std::int64_t{g.kernel} * g.kernel * g.in;
    const auto room = static_cast<std::int64_t>(B::system_type::workspace / sizeof(T));
    const std::int64_t each =
        direct ? g.images : std::clamp<std::int64_t>(room / (pixels * taps), 1, g.images);
    const arena_frame scope(backend.arena());
    T* const columns =
        direct ? nullptr
               : backend.arena().template take<T>(static_cast<std::size_t>(each * pixels * taps),
                                                  "a convolution's patch matrix");
    for (std::int64_t first = 0; first < g.images; first += each) {
      part<T> p{
          g,      first == 0, 0, taps, first * g.height * g.width * g.in, first * pixels * g.out,
          columns};
      p.geometry.images = std::min(each, g.images - first);
      p.rows = p.geometry.images * pixels;
      work(p);
    }
  }

  /// The weights as numbers of the maps' type.
  template <class T, class B>
  static const T* rounded(B& backend, const convolution::geometry& g, const float* w) {
    if constexpr (std::is_same_v<T, float>) {
      return w;
    } else {
      const std::int64_t n = std::int64_t{g.kernel} * g.kernel * g.in * g.out;
      T* const narrow = backend.arena().template take<T>(static_cast<std::size_t>(n));
      backend.system().each(n, kernels::copy<float, T>{w, narrow});
      return narrow;
    }
  }

  template <class B, class T>
  static const T* patches(B& backend, const part<T>& p, const T* x) {
    if (p.columns == nullptr) return x;
    backend.system().each_group(p.rows, im2col_row<T>{p.geometry, x, p.columns});
    return p.columns;
  }
};

}  // namespace triptych::conv_engine
