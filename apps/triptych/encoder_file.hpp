// apps/triptych/encoder_file.hpp
//
// The encoder of a run, read back for evaluation: the checkpoint, the configuration it was trained
// with, and a frozen network on the fast backend.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <triptych/backend/eigen.hpp>
#include <triptych/core/error.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/network/network.hpp>
#include <triptych/train/host_tensor.hpp>
#include <triptych/update/ema.hpp>

#include "options.hpp"
#include "run_config.hpp"

namespace triptych::app {

/// A network that is an encoder alone, and is never trained.
using frozen_encoder = network<backend::eigen<>, update::ema>;

/// What an evaluation starts from.
struct trained_run {
  std::filesystem::path directory;  ///< of the run; of the checkpoint where only that is known
  io::loaded_checkpoint checkpoint;
  train_options options;
};

/// Reads a run's newest checkpoint, or the checkpoint at `path`.
inline trained_run open_run(const std::filesystem::path& path) {
  std::error_code ignored;
  const bool run = std::filesystem::exists(path / "checkpoints", ignored);
  const auto found = run ? io::newest_checkpoint(path / "checkpoints") : path;
  if (!found || !std::filesystem::exists(path, ignored)) {
    throw error::usage(path.string() + " holds no checkpoint; give the --out of a training run");
  }
  auto checkpoint = io::load_checkpoint(*found);
  const auto options = config_from_toml(checkpoint.note.config, found->string());
  return {path, std::move(checkpoint), options};
}

inline frozen_encoder make_encoder(backend::eigen<>& backend, const train_options& options) {
  return frozen_encoder(backend, nn::stack<>(encoder(options), {{}, 0}));
}

/// Fills the encoder from the online network of a checkpoint of either precision.
inline void load_encoder(frozen_encoder& network, const io::loaded_checkpoint& checkpoint) {
  const auto& file = checkpoint.file("model");
  const std::vector<method::named_arena<float>> arenas = {
      {"online.", &network.weight_list(), network.weights()},
      {"online.", &network.statistic_list(), network.statistics()}};
  for (const auto& arena : arenas) {
    train::upload(network.backend(), arena, [&](const std::string& name) {
      if (file.info(name).type != io::dtype::f64) return file.values<float>(name);
      const auto wide = file.values<double>(name);
      return std::vector<float>(wide.begin(), wide.end());
    });
  }
}

}  // namespace triptych::app
