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
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/registry.hpp>
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
  std::filesystem::path directory;  ///< of the run; of the checkpoint if it lies in none
  io::loaded_checkpoint checkpoint;
  train_options options;
};

/// Reads a run's newest checkpoint, or the checkpoint at `path`. Throws error::usage where there is
/// neither.
inline trained_run open_run(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto is_run = [&](const auto& p) {
    return std::filesystem::exists(p / "checkpoints", ignored);
  };
  const auto newest = io::newest_checkpoint(path / "checkpoints");
  if (!newest && (is_run(path) || !std::filesystem::is_directory(path, ignored))) {
    throw error::usage(path.string() + " holds no checkpoint; give the --out of a training run");
  }
  auto checkpoint = io::load_checkpoint(newest.value_or(path));
  const auto options = config_from_toml(checkpoint.note.config, checkpoint.path.string());
  const auto run = newest ? path : checkpoint.path.parent_path().parent_path();
  return {is_run(run) ? run : path, std::move(checkpoint), options};
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

/// All that a command needs to look at the images through the encoder of the run that it was given.
template <class Options>
struct frozen_run {
  explicit frozen_run(const Options& asked)
      : run(open_run(asked.run)),
        options(with_images_of(run, asked)),
        images(data::load(data_source(options.data, options.data_dir, options.limit_per_file,
                                      run.options))),
        backend(options.threads),
        pool(options.threads),
        encoder(make_encoder(backend, run.options)) {
    load_encoder(encoder, run.checkpoint);
  }

  trained_run run;
  Options options;  ///< with the run's images where none were named
  data::split images;
  backend::eigen<> backend;
  thread_pool pool;
  frozen_encoder encoder;

 private:
  static Options with_images_of(const trained_run& run, Options own) {
    inherit_data(own, run.options);
    return own;
  }
};

}  // namespace triptych::app
