// A file of tensors, and its header alone. An input that begins with { is a header, then, behind the first
// byte 0, data; the header's length, which they need to be a file, is right.
#include <cstddef>
#include <cstdint>
#include <vector>

#include <triptych/io/safetensors_reading.hpp>
#include <triptych/io/safetensors_writing.hpp>

#include "fuzz/fuzz.hpp"

using namespace triptych;

FUZZ(input) {
  std::vector<std::uint8_t> with_length;
  if (!input.empty() && input.front() == '{') {
    const auto [header, data] = fuzz::halves(input);
    for (int byte = 0; byte < 8; ++byte) {
      with_length.push_back(static_cast<std::uint8_t>(header.size() >> (8 * byte)));
    }
    with_length.insert(with_length.end(), header.begin(), header.end());
    with_length.insert(with_length.end(), data.begin(), data.end());
    input = with_length;
  }
  const auto file = fuzz::as_file(input);
  const bool header = fuzz::takes({error_kind::checkpoint},
                                  [&] { static_cast<void>(io::read_safetensors_header(file)); });
  const bool whole = fuzz::takes({error_kind::checkpoint}, [&] {
    const auto read = io::safetensors_file::open(file);
    std::vector<io::tensor_source> tensors;
    std::uint64_t numbers = 0, sum = 0;
    for (const auto& tensor : read.header().tensors) {
      numbers += io::count_of(tensor);
      for (const std::byte one : read.bytes(tensor.name)) {
        sum += static_cast<std::uint64_t>(one);  // all of it is there
      }
      tensors.push_back({tensor.name, tensor.type, tensor.shape, read.bytes(tensor.name)});
    }
    fuzz::require(numbers <= input.size() * 8, "tensors that lie in the file");
    fuzz::require(sum <= input.size() * 255, "bytes of the file");
    fuzz::require(io::difference(tensors, read.header()).empty(), "what is in it is what is in it");
  });
  fuzz::require(header == whole, "a header alone is judged as with its data");
}
