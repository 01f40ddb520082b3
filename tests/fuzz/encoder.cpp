// The names and shapes in which an encoder is looked for. A line of the input is a tensor: its name,
// then its extents, between blanks.
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <triptych/nn/parameters.hpp>
#include <triptych/nn/resnet.hpp>
#include <triptych/train/encoder_import.hpp>

#include "fuzz/fuzz.hpp"

using namespace triptych;

namespace {

/// What stands before the first `separator`, which is taken off `text` with it.
std::string_view next(std::string_view& text, char separator) {
  const auto at = std::min(text.find(separator), text.size());
  const auto piece = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return piece;
}

io::safetensors_header header_of(std::string_view text) {
  io::safetensors_header header;
  header.file = "a.safetensors";
  while (!text.empty()) {
    auto line = next(text, '\n');
    io::tensor_info tensor{std::string(next(line, ' ')), io::dtype::f32, {}};
    while (!line.empty() && tensor.shape.size() < io::most_dimensions) {
      const auto word = next(line, ' ');
      std::int64_t extent = 0;
      std::from_chars(word.data(), word.data() + word.size(), extent);
      tensor.shape.push_back(extent < 0 ? 0 : extent);
    }
    if (!header.index.emplace(tensor.name, header.tensors.size()).second) continue;
    header.tensors.push_back(std::move(tensor));
  }
  return header;
}

}  // namespace

FUZZ(input) {
  const auto header = header_of(fuzz::text_of(input));
  fuzz::takes({error_kind::checkpoint}, [&] {
    const auto found = train::find_encoder(header);
    nn::declaration d;
    nn::resnet(found.architecture).declare(d);
    std::set<std::string> taken;
    for (const auto* list : {&d.weights, &d.statistics}) {
      for (const auto& p : *list) {
        const auto name = found.names.find(p.name);
        fuzz::require(name != found.names.end(), "every tensor of the encoder has a name", p.name);
        const auto* tensor = header.find(name->second);
        fuzz::require(tensor != nullptr && tensor->shape == p.shape, "and its shape", p.name);
        fuzz::require(taken.insert(name->second).second, "and no other's", p.name);
      }
    }
    fuzz::require(found.left_out.size() < 10'000, "what is left out is said in short");
  });
}
