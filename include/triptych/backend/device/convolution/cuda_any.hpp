// triptych/backend/device/convolution/cuda_any.hpp
//
// The engine of the CUDA backends, declared; cuda.cuh defines it.
#pragma once

#include <memory>

#include <triptych/core/convolution_geometry.hpp>

namespace triptych::conv_engine {

/// The engine that cuda_options::convolution names.
class cuda_any {
 public:
  cuda_any();
  ~cuda_any();

  template <class B, class T>
  void forward(B& backend, const convolution::geometry& g, const T* x, const float* w, T* y);
  template <class B, class T>
  void backward_data(B& backend, const convolution::geometry& g, const T* dy, const float* w, T* dx,
                     bool accumulate);
  template <class B, class T>
  void backward_weights(B& backend, const convolution::geometry& g, const T* x, const T* dy,
                        float* dw, bool accumulate);

 private:
  struct engines;
  std::unique_ptr<engines> engines_;
};

}  // namespace triptych::conv_engine
