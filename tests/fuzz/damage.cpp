// A sound checkpoint whose files the input damages: unless every byte is what it was, it is refused.
//
// The input is a list of changes, of six bytes each: file, what to do, where (three bytes), a byte.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <triptych/io/checkpoint_loading.hpp>
#include <triptych/io/checkpoint_saving.hpp>
#include <triptych/io/file.hpp>

#include "fuzz/fuzz.hpp"

using namespace triptych;

namespace {

constexpr std::array<const char*, 3> names{"MANIFEST.json", "model.safetensors",
                                           "state.safetensors"};

struct checkpoint {
  fuzz::directory root;
  fuzz::fs::path path;
  std::array<std::string, names.size()> sound;

  checkpoint() {
    const std::vector<float> weights{1, 2, 3, 4};
    const std::vector<std::int64_t> counts{7};
    path = io::save_checkpoint(
        root.path(), {12, 3, "lr = 0.1\n", {{"data", "{}"}}},
        {{"model", {io::tensor_of("w", {2, 2}, std::span(weights))}, {{"format", "pt"}}},
         {"state", {io::tensor_of("step", {}, std::span(counts))}}});
    for (std::size_t i = 0; i < names.size(); ++i) {
      sound[i] = io::read_file(path / names[i]).text();
    }
  }
};

void change(std::string& file, std::span<const std::uint8_t, 5> how) {
  const std::size_t where = std::size_t{how[1]} << 16 | std::size_t{how[2]} << 8 | how[3];
  const std::size_t at = where % (file.size() + 1);
  const char byte = static_cast<char>(how[4]);
  switch (how[0] % 4) {
  case 0:
    if (at < file.size()) file[at] = static_cast<char>(file[at] ^ byte);
    break;
  case 1:
    file.resize(at);
    break;
  case 2:
    file.insert(at, 1, byte);
    break;
  default:
    file.erase(at, 1 + how[4]);
  }
}

}  // namespace

FUZZ(input) {
  static const checkpoint saved;
  auto files = saved.sound;
  for (; input.size() >= 6; input = input.subspan(6)) {
    change(files[input[0] % files.size()], input.subspan<1, 5>());
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    saved.root.write(saved.path.filename() / names[i], files[i]);
  }
  const bool taken = fuzz::takes({error_kind::checkpoint}, [] {
    static_cast<void>(io::load_checkpoint(saved.path, "take another"));
  });
  fuzz::require(taken == (files == saved.sound), "a damaged checkpoint is refused");
}
