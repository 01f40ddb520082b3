// triptych/nn/feature_map.hpp
//
// What a convolution reads: a map or, on a NormalizingBackend, one that the convolution itself
// still has to normalize, by relu(factor x + shift), while it reads.
#pragma once

#include <triptych/concepts/normalizing_backend.hpp>
#include <triptych/core/operands.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/nn/pass.hpp>

namespace triptych::nn {

template <class B>
struct feature_map {
  tensor<const typename B::activation> x;
  tensor<const typename B::real> factor, shift;  ///< (groups, C), or empty

  feature_map(const tensor<const typename B::activation>& map) : x(map) {}  // NOLINT: it is a map
  feature_map(const tensor<typename B::activation>& map) : x(map) {}        // NOLINT: it is a map
  feature_map(const shape& extents, const typename B::activation* data) : x{extents, data} {}
  feature_map(const tensor<const typename B::activation>& map,
              const tensor<const typename B::real>& factor_,
              const tensor<const typename B::real>& shift_)
      : x(map), factor(factor_), shift(shift_) {}

  /// As the backend takes it.
  [[nodiscard]] auto operand() const {
    if constexpr (NormalizingBackend<B>) {
      if (factor.data == nullptr)
        return normalized_map<typename B::activation, typename B::real>(x.data);
      return normalized_map<typename B::activation, typename B::real>(
          x.data, factor.data, shift.data, x.shape.images / factor.shape.images);
    } else {
      return x.data;
    }
  }

  /// Onto the tape, and from it.
  void keep(triptych::nn::tape& t) const {
    t.push(x);
    t.push(factor);
    t.push(shift);
  }
  static feature_map kept(triptych::nn::tape& t) {
    const auto shift = t.template pop<const typename B::real>();
    const auto factor = t.template pop<const typename B::real>();
    return {t.template pop<const typename B::activation>(), factor, shift};
  }
};

}  // namespace triptych::nn
