// A checkpoint's manifest under a right checksum, beside a file that it may list.
#include <cstdint>
#include <string>
#include <vector>

#include <triptych/io/checkpoint_loading.hpp>
#include <triptych/io/checkpoint_manifest.hpp>
#include <triptych/io/safetensors_writing.hpp>

#include "fuzz/fuzz.hpp"

using namespace triptych;

FUZZ(input) {
  static const fuzz::directory checkpoint([](const fuzz::directory& made) {
    const std::vector<float> weights{1, 2, 3, 4};
    io::save_safetensors(made.path() / "model.safetensors",
                         {io::tensor_of("w", {2, 2}, std::span(weights))});
  });
  std::string text(fuzz::text_of(input));
  text += io::detail::manifest_seal(text);
  checkpoint.write("MANIFEST.json", text);
  fuzz::takes({error_kind::checkpoint}, [&] {
    const auto loaded = io::load_checkpoint(checkpoint.path(), "take another");
    fuzz::require(loaded.note.step >= 0 && loaded.note.epoch >= 0, "counts");
    fuzz::require(loaded.files.size() <= 1, "files that are there");
  });
}
