// PNG files, whose checksums are set right, so that what they guard is read.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <zlib.h>

#include "data/image_fixture.hpp"
#include "fuzz/picture.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

/// Now and then changes what is compressed instead of how it is.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  std::uint8_t* packed = nullptr;
  std::size_t packed_size = 0;
  if (seed % 2 == 0) {
    each_chunk(data, size, [&](std::uint8_t* chunk, std::size_t length) {
      if (packed == nullptr && std::memcmp(chunk + 4, "IDAT", 4) == 0) {
        packed = chunk;
        packed_size = length;
      }
    });
  }
  if (packed == nullptr) {
    size = LLVMFuzzerMutate(data, size, most);
  } else {
    std::vector<std::uint8_t> plain(1 << 16);
    uLongf count = plain.size();
    uncompress(plain.data(), &count, packed + 8, packed_size);
    count = std::min<uLongf>(count, plain.size());
    const std::size_t changed = LLVMFuzzerMutate(plain.data(), count, plain.size());
    std::vector<std::uint8_t> again(compressBound(changed));
    uLongf again_size = again.size();
    compress2(again.data(), &again_size, plain.data(), changed, 1);
    const std::vector<std::uint8_t> behind(packed + 8 + packed_size, data + size);
    if (size - packed_size + again_size <= most) {
      put_number(packed, again_size);
      std::copy_n(again.data(), again_size, packed + 8);
      std::copy(behind.begin(), behind.end(), packed + 8 + again_size);
      size += again_size - packed_size;
    }
  }
  set_checksums(data, size);
  return size;
}

FUZZ(input) {
  std::vector<std::uint8_t> file(input.begin(), input.end());
  set_checksums(file.data(), file.size());
  triptych::fuzz::decode(file);
}
