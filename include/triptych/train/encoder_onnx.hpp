// triptych/train/encoder_onnx.hpp
//
// A ResNet encoder as an ONNX file that any runtime takes images to: what normalizes them is the
// graph's first step.
//
//   images (N,3,H,W), float, RGB, pixels scaled to [0, 1]  ->  features (N,D), float
//
// N is open. Weights keep torchvision's names and their bits: a BatchNorm stays one, for runtimes
// fold it into its convolution when they load the file, and who goes on training wants it.
#pragma once

#include <string>

#include <triptych/augment/normalize.hpp>
#include <triptych/config.hpp>
#include <triptych/io/safetensors_format.hpp>
#include <triptych/train/encoder_import.hpp>

namespace triptych::train {

/// What an encoder's file says besides its weights.
struct onnx_description {
  augment::normalization constants;
  int image_size = 0;              ///< H and W; 0: any, which whoever runs it chooses
  std::string producer_version{};  ///< of the program
  io::metadata_map metadata{};
};

/// The file's bytes. Throws error::checkpoint where a tensor is missing or of another size, and
/// error::usage where the weights are more than an ONNX file holds.
std::string onnx_encoder(const encoder_weights& weights, const onnx_description& description);

}  // namespace triptych::train

#ifndef TRIPTYCH_COMPILED
#include <triptych/train/encoder_onnx_inl.hpp>
#endif
