// triptych/train/encoder_export.hpp
//
// The online encoder as a file that PyTorch users load: torchvision's ResNet names and shapes, in
// single precision. `load_state_dict(load_file(path), strict=True)` fits a torchvision ResNet
// without its classifier; the stem is named in the metadata, because shapes cannot show padding.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <triptych/io/safetensors.hpp>
#include <triptych/method/learner.hpp>
#include <triptych/train/host_tensor.hpp>

namespace triptych::train {

/// Writes a method's encoder; `batches` is what num_batches_tracked becomes, `metadata` is added to
/// the file's: which images it was trained on and what normalizes them (data_identity.hpp).
template <class B, class Architecture>
void export_encoder(const std::filesystem::path& path, method::learner<B, Architecture>& method,
                    std::int64_t batches, io::metadata_map metadata = {}) {
  const std::string part = "online.encoder.";
  std::vector<host_tensor<float>> tensors;
  std::vector<host_tensor<std::int64_t>> counts;
  for (const auto& arena : method.arenas()) {
    if (arena.prefix != "online.") continue;
    for (const auto& t : download(method.backend(), arena)) {
      if (!t.name.starts_with(part)) continue;
      const std::string name = t.name.substr(part.size());
      tensors.push_back({name, t.shape, {t.values.begin(), t.values.end()}});
      const std::string statistic = "running_var";
      if (name.ends_with(statistic)) {
        counts.push_back({name.substr(0, name.size() - statistic.size()) + "num_batches_tracked",
                          {},
                          {batches}});
      }
    }
  }
  auto all = sources(tensors);
  for (const auto& c : sources(counts)) all.push_back(c);
  metadata.emplace("format", "pt");
  const auto& encoder = method.encoder().architecture().encoder;
  if constexpr (requires { encoder.metadata(); }) metadata.merge(encoder.metadata());
  io::save_safetensors(path, all, metadata);
}

}  // namespace triptych::train
