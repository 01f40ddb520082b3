// triptych/io/safetensors_writing.hpp
//
// Writes safetensors files (safetensors.hpp).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/io/safetensors_format.hpp>

namespace triptych::io {

/// A tensor to write; `bytes` are its elements in row-major order, and must outlive the call.
struct tensor_source {
  std::string name;
  dtype type = dtype::f32;
  tensor_shape shape;
  std::span<const std::byte> bytes;
};

/// A tensor to write, from its elements.
template <class Number>
tensor_source tensor_of(std::string name, tensor_shape shape, std::span<const Number> elements) {
  return {std::move(name), dtype_of<Number>(), std::move(shape), std::as_bytes(elements)};
}

/// Writes a safetensors file to an open descriptor and returns its size and checksum; `path` is for
/// messages. Throws error::io.
digest write_safetensors(const descriptor& fd, const fs::path& path,
                         std::vector<tensor_source> tensors, const metadata_map& metadata = {});

/// Writes or replaces `path` in one step: there is the whole new file or what was there before.
digest save_safetensors(const fs::path& path, const std::vector<tensor_source>& tensors,
                        const metadata_map& metadata = {});

}  // namespace triptych::io

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/safetensors_writing_inl.hpp>
#endif
