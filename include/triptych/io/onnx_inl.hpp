// triptych/io/onnx_inl.hpp
//
// The bodies of onnx.hpp. A comment `= NodeProto` names the message of onnx.proto.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/printable.hpp>
#include <triptych/io/onnx.hpp>
#include <triptych/io/protobuf.hpp>

namespace triptych::io {

namespace detail {

inline constexpr std::int64_t onnx_float = 1;  ///< TensorProto.DataType

inline std::string onnx_text(const std::string& text) {
  return is_utf8(text) ? text : printable(text);
}

/// = TensorProto
inline protobuf_message onnx_message(const onnx_tensor& tensor) {
  static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");
  protobuf_message m;
  for (const auto extent : tensor.shape) m.integer(1, extent);  // dims
  m.integer(2, onnx_float);                                     // data_type
  m.bytes(8, tensor.name);
  return m.bytes(9, {reinterpret_cast<const char*>(tensor.values.data()),  // raw_data
                     tensor.values.size_bytes()});
}

/// = AttributeProto
inline protobuf_message onnx_message(const onnx_attribute& attribute) {
  enum type : std::int64_t { of_float = 1, of_int = 2, of_ints = 7 };
  protobuf_message m;
  m.bytes(1, attribute.name);
  if (const auto* number = std::get_if<float>(&attribute.value)) {
    return m.float32(2, *number).integer(20, of_float);
  }
  if (const auto* number = std::get_if<std::int64_t>(&attribute.value)) {
    return m.integer(3, *number).integer(20, of_int);
  }
  for (const auto n : std::get<std::vector<std::int64_t>>(attribute.value)) m.integer(8, n);
  return m.integer(20, of_ints);
}

/// = NodeProto
inline protobuf_message onnx_message(const onnx_node& node) {
  protobuf_message m;
  for (const auto& input : node.inputs) m.bytes(1, input);
  m.bytes(2, node.name).bytes(3, node.name).bytes(4, node.type);  // output, name, op_type
  for (const auto& attribute : node.attributes) m.message(5, onnx_message(attribute));
  return m;
}

/// = ValueInfoProto, in it TypeProto, TypeProto.Tensor, TensorShapeProto, Dimension
inline protobuf_message onnx_message(const onnx_value& value) {
  protobuf_message shape, tensor, type, m;
  for (const auto& extent : value.shape) {
    protobuf_message dimension;
    if (const auto* known = std::get_if<std::int64_t>(&extent)) {
      dimension.integer(1, *known);
    } else {
      dimension.bytes(2, std::get<std::string>(extent));
    }
    shape.message(1, dimension);
  }
  tensor.integer(1, onnx_float).message(2, shape);
  return m.bytes(1, value.name).message(2, type.message(1, tensor));
}

}  // namespace detail

TRIPTYCH_INLINE std::string onnx_file(const onnx_model& model) {
  constexpr std::uint64_t beside = 1 << 24;  // room for everything but weights
  std::uint64_t size = beside;
  for (const auto& tensor : model.tensors) size += tensor.values.size_bytes();
  for (const auto& [key, value] : model.metadata) size += key.size() + value.size();
  if (size > largest_onnx) {
    throw error::usage("an ONNX file holds 2 GiB, and this network has " +
                       std::to_string((size - beside) >> 20) +
                       " MiB of weights; keep it as safetensors");
  }
  protobuf_message graph;  // = GraphProto
  for (const auto& node : model.nodes) graph.message(1, detail::onnx_message(node));
  graph.bytes(2, detail::onnx_text(model.name));
  for (const auto& tensor : model.tensors) graph.message(5, detail::onnx_message(tensor));
  for (const auto& value : model.inputs) graph.message(11, detail::onnx_message(value));
  for (const auto& value : model.outputs) graph.message(12, detail::onnx_message(value));

  protobuf_message opset, file;               // = OperatorSetIdProto, ModelProto
  opset.bytes(1, "").integer(2, onnx_opset);  // domain: the standard one; version
  file.integer(1, onnx_format).bytes(2, "triptych").bytes(3, model.producer_version);
  file.bytes(6, detail::onnx_text(model.description)).message(7, graph).message(8, opset);
  for (const auto& [key, value] : model.metadata) {
    protobuf_message entry;  // = StringStringEntryProto
    file.message(14, entry.bytes(1, detail::onnx_text(key)).bytes(2, detail::onnx_text(value)));
  }
  return file.text();
}

}  // namespace triptych::io
