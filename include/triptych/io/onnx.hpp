// triptych/io/onnx.hpp
//
// Writes a network as an ONNX file: a graph of named operators between named tensors, the weights
// in single precision inside the file. Operator set 17 and format 8, those of ONNX 1.12 (2022),
// which every current runtime reads.
//
// Source: github.com/onnx/onnx, onnx/onnx.proto of version 1.12, from where the numbers of the
// fields are, and docs/Operators.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/io/safetensors_format.hpp>

namespace triptych::io {

inline constexpr std::int64_t onnx_opset = 17, onnx_format = 8;
/// What Protocol Buffers can hold in one message; weights in files beside it are not offered.
inline constexpr std::uint64_t largest_onnx = (std::uint64_t{1} << 31) - 1;

/// Weights or constants; `values`, in row-major order, must outlive the writing.
struct onnx_tensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::span<const float> values;
};

/// A number, or numbers, that an operator takes beside tensors.
struct onnx_attribute {
  std::string name;
  std::variant<std::int64_t, float, std::vector<std::int64_t>> value;
};

/// An operator; a tensor that it makes has the name of the operator.
struct onnx_node {
  std::string name, type;
  std::vector<std::string> inputs;
  std::vector<onnx_attribute> attributes;
};

/// What goes in or comes out: its extents, or names for those that are left open.
struct onnx_value {
  std::string name;
  std::vector<std::variant<std::int64_t, std::string>> shape;
};

struct onnx_model {
  std::string name, description, producer_version;
  std::vector<onnx_node> nodes;  ///< each behind those whose tensors it takes
  std::vector<onnx_tensor> tensors;
  std::vector<onnx_value> inputs, outputs;
  metadata_map metadata;
};

/// The file. Text that is not UTF-8 is escaped as on a terminal. Throws error::usage for a model
/// above largest_onnx.
std::string onnx_file(const onnx_model& model);

}  // namespace triptych::io

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/onnx_inl.hpp>
#endif
