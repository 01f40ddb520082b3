// triptych/train/encoder_export.hpp
//
// The online encoder as a file that PyTorch users load: torchvision's ResNet names and shapes, in
// single precision. `load_state_dict(load_file(path), strict=True)` fits a torchvision ResNet
// without its classifier; the stem is named in the metadata, because shapes cannot show padding.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <triptych/io/safetensors.hpp>
#include <triptych/method/learner.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/nn/resnet.hpp>
#include <triptych/train/encoder_import.hpp>
#include <triptych/train/host_tensor.hpp>

namespace triptych::train {

/// Writes tensors under torchvision's names, and for each BatchNorm its num_batches_tracked, which
/// becomes `batches`.
inline void save_encoder(const std::filesystem::path& path,
                         const std::vector<host_tensor<float>>& tensors, std::int64_t batches,
                         io::metadata_map metadata) {
  std::vector<host_tensor<std::int64_t>> counts;
  const std::string statistic = "running_var";
  for (const auto& t : tensors) {
    if (!t.name.ends_with(statistic)) continue;
    const auto layer = t.name.substr(0, t.name.size() - statistic.size());
    counts.push_back({layer + "num_batches_tracked", {}, {batches}});
  }
  auto all = sources(tensors);
  for (const auto& c : sources(counts)) all.push_back(c);
  metadata.emplace("format", "pt");
  io::save_safetensors(path, all, metadata);
}

/// Writes a method's encoder; `batches` is what num_batches_tracked becomes, `metadata` is added to
/// the file's: which images it was trained on and what normalizes them (data_identity.hpp).
template <class B, class Architecture>
void export_encoder(const std::filesystem::path& path, method::learner<B, Architecture>& method,
                    std::int64_t batches, io::metadata_map metadata = {}) {
  const std::string part = "online.encoder.";
  std::vector<host_tensor<float>> tensors;
  for (const auto& arena : method.arenas()) {
    if (arena.prefix != "online.") continue;
    for (const auto& t : download(method.backend(), arena)) {
      if (!t.name.starts_with(part)) continue;
      tensors.push_back({t.name.substr(part.size()), t.shape, {t.values.begin(), t.values.end()}});
    }
  }
  const auto& encoder = method.encoder().architecture().encoder;
  if constexpr (requires { encoder.metadata(); }) metadata.merge(encoder.metadata());
  save_encoder(path, tensors, batches, std::move(metadata));
}

/// Likewise of an encoder that was read from a file.
inline void export_encoder(const std::filesystem::path& path, encoder_weights weights,
                           std::int64_t batches, io::metadata_map metadata = {}) {
  nn::resnet encoder(weights.architecture);
  nn::declaration d;
  encoder.declare(d);
  std::vector<host_tensor<float>> tensors;
  for (const auto* list : {&d.weights, &d.statistics}) {
    for (const auto& p : *list) {
      static_cast<void>(weights.of(p.name));
      tensors.push_back({p.name, p.shape, std::move(weights.tensors.find(p.name)->second)});
    }
  }
  metadata.merge(encoder.metadata());
  save_encoder(path, tensors, batches, std::move(metadata));
}

}  // namespace triptych::train
