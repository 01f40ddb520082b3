// apps/triptych/commands/encoder_file.hpp
//
// The encoder of a run, read back for evaluation: the checkpoint, the configuration it was trained
// with, and a frozen network on the fast backend.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <triptych/backend/eigen.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/registry.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/network/network.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/train/host_tensor.hpp>
#include <triptych/update/ema.hpp>

#include "triptych/commands/images.hpp"
#include "triptych/commands/saved_run.hpp"
#include "triptych/options/command_line.hpp"
#include "triptych/options/make.hpp"
#include "triptych/options/options.hpp"

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
  const auto is_run = [&](const auto& p) { return io::is_there(p / "checkpoints"); };
  const auto newest = io::newest_checkpoint(path / "checkpoints");
  if (!newest && (is_run(path) || !io::is_a_directory(path))) {
    const bool begun = io::is_there(path / "config.toml");
    throw error::usage(path.string() + " holds no checkpoint; " +
                       (begun ? "train first: triptych train --resume " + shell_word(path.string())
                              : std::string("give the --out of a training run")));
  }
  auto checkpoint = io::load_checkpoint(newest.value_or(path));
  auto options = config_of(checkpoint);
  const auto run = newest ? path : checkpoint.path.parent_path().parent_path();
  options.data_dir = data_dir_of(run, options.data_dir);
  return {is_run(run) ? run : path, std::move(checkpoint), std::move(options)};
}

inline frozen_encoder make_encoder(backend::eigen<>& backend, const train_options& options) {
  return frozen_encoder(backend, nn::architecture<>(nn::resnet(options.encoder), {{}, 0}));
}

inline constexpr int largest_usual_view = 512;              ///< pixels on a side
inline constexpr std::int64_t most_usual_images = 100'000;  ///< generated ones of a part

/// A checkpoint of a few bytes can ask for any amount of work. Throws error::usage for sizes of
/// images beyond the usual ones, which the user must have asked for.
inline void require_usual(const trained_run& run, bool generated) {
  const auto& o = run.options;
  std::string unusual;
  if (view_size(o) > largest_usual_view) {
    unusual = "views of " + std::to_string(view_size(o)) + " pixels";
  } else if (generated && std::max(o.procedural_train, o.procedural_test) > most_usual_images) {
    unusual = std::to_string(std::max(o.procedural_train, o.procedural_test)) + " generated images";
  } else {
    return;
  }
  throw error::usage("the checkpoint " + run.checkpoint.path.string() + " asks for " + unusual +
                     ", which may take very long; give --large if that is meant");
}

/// Throws error::checkpoint unless the checkpoint holds the encoder that its configuration
/// describes. To be called before memory is taken for it.
inline void require_encoder(const trained_run& run) {
  nn::declaration d;
  nn::architecture<>(nn::resnet(run.options.encoder), {{}, 0}).declare(d);
  const auto& file = run.checkpoint.file("model");
  for (const auto* list : {&d.weights, &d.statistics}) {
    for (const auto& p : *list) {
      const auto& found = file.info("online." + p.name);
      const bool real = found.type == io::dtype::f32 || found.type == io::dtype::f64;
      if (real && found.shape == p.shape) continue;
      throw error::checkpoint(
          "the checkpoint " + run.checkpoint.path.string() +
          " does not hold the encoder of its own configuration: " + io::shown(found.name) + " is " +
          io::describe(found.type, found.shape) + ", not " + io::describe(io::dtype::f32, p.shape) +
          "; take another checkpoint");
    }
  }
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
      : run(open_run(asked.run)), options(with_images_of(run, asked)),
        data(load_images(options, run.options, options.threads)), images(data.images),
        backend(options.threads), pool(options.threads),
        encoder(make_encoder(backend, run.options)) {
    load_encoder(encoder, run.checkpoint);
    for (const auto& one : account_lines(images.skipped)) notices.push_back("skipped  " + one);
    changes = compare_images(run.checkpoint, data, notices);
    const bool meant = options.from.has("data") || options.from.has("limit-per-file");
    if (!changes.empty() && !meant) notices.push_back("not as in training: " + in_words(changes));
  }

  /// What is to be said of the images: of every file, and where they are not those of training.
  std::vector<std::string> notices;
  std::vector<std::string> changes;  ///< of the images since training
  trained_run run;
  Options options;                ///< with the run's images where none were named
  train::identified_images data;  ///< normalized as in training
  const data::split& images;      ///< of them
  backend::eigen<> backend;
  thread_pool pool;
  frozen_encoder encoder;

  /// Throws error::checkpoint unless the images are those of training.
  void refuse_other_images() const {
    if (changes.empty()) return;
    throw other_images(run.directory.string(), changes, "give those, or another --out");
  }

 private:
  static Options with_images_of(const trained_run& run, Options own) {
    inherit_data(own, run.options);
    require_encoder(run);
    if (!own.large) require_usual(run, data::generated(own.data));
    return own;
  }
};

}  // namespace triptych::app
