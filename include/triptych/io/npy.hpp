// triptych/io/npy.hpp
//
// Arrays as NumPy's .npy files, format version 1.0: the bytes 93 "NUMPY" 01 00, the length of the
// header (2 bytes, little-endian), the header, the numbers in row-major order. The header is a
// Python dictionary, filled up with blanks and a line break so that the numbers begin at a multiple
// of 64 bytes.
//
// Source: NumPy, "numpy.lib.format", https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>

namespace triptych::io {

namespace detail {

// NumPy's names of types: byte order, kind, bytes.
inline const char* npy_type(float) { return "<f4"; }
inline const char* npy_type(std::int32_t) { return "<i4"; }

/// All that stands before the numbers.
inline std::string npy_head(const char* type, const std::vector<std::int64_t>& shape) {
  std::string header = std::string("{'descr': '") + type + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t size : shape) header += std::to_string(size) + ",";
  header += "), }";
  constexpr std::size_t before = 10, multiple = 64;
  while ((before + header.size() + 1) % multiple != 0) header += ' ';
  header += '\n';
  const auto length = static_cast<unsigned>(header.size());
  std::string head("\x93NUMPY\x01\x00", 8);
  head += static_cast<char>(length & 255u);
  head += static_cast<char>(length >> 8);
  return head + header;
}

}  // namespace detail

/// Writes `values` of a `shape`, row-major, in the place of `path`. Throws error::io.
template <class T>
void save_npy(const fs::path& path, const std::vector<std::int64_t>& shape,
              const std::vector<T>& values) {
  static_assert(std::endian::native == std::endian::little, "the numbers are little-endian");
  std::size_t count = 1;
  for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
  if (count != values.size()) {
    throw error::usage("npy: " + std::to_string(values.size()) + " numbers do not make the " +
                       std::to_string(count) +
                       " of the shape; fill the buffer to the stated shape");
  }
  replace_file_with(path, [&](const descriptor& fd, const fs::path& to) {
    write_all(fd, detail::npy_head(detail::npy_type(T{}), shape), to);
    write_all(fd, std::as_bytes(std::span(values)), to);
  });
}

}  // namespace triptych::io
