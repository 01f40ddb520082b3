// apps/triptych/commands/encoder_file.hpp
//
// An encoder, read for evaluation: that of a run, with the configuration and the images that it was
// trained with, or that of a file of weights, which may know neither; as a frozen network on the
// fast backend.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <triptych/backend/eigen.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/registry.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/network/network.hpp>
#include <triptych/train/encoder_import.hpp>
#include <triptych/update/ema.hpp>

#include "triptych/commands/images.hpp"
#include "triptych/commands/initial_encoder.hpp"
#include "triptych/commands/saved_run.hpp"
#include "triptych/options/command_line.hpp"
#include "triptych/options/make.hpp"
#include "triptych/options/options.hpp"

namespace triptych::app {

/// A network that is an encoder alone, and is never trained.
using frozen_encoder = network<backend::eigen<>, update::ema>;

/// What an evaluation looks through, wherever it lies.
struct encoder_source {
  std::filesystem::path path;  ///< of the checkpoint, or of the file of weights
  /// Where results go: --out, the run, or what the checkpoint lies in; for a file runs/ and a name.
  std::filesystem::path directory;
  bool is_file = false;   ///< and no checkpoint
  std::string mark;       ///< tells it from others: a name and a checksum
  train_options options;  ///< the run's; of a file, what the file and the command say
  train::encoder_weights weights;
  std::optional<train::data_identity> images;       ///< that it was trained on, if known
  std::optional<augment::normalization> constants;  ///< that normalized them, if known
  std::vector<std::string> notices;                 ///< what is to be said of it
  std::int64_t step = 0;                            ///< of training, of a checkpoint
  std::string initial{};  ///< of a checkpoint, file and checksum of --init; empty without it
};

inline encoder_source open_checkpoint(const std::filesystem::path& path) {
  const auto is_run = [&](const auto& p) { return io::is_there(p / "checkpoints"); };
  const auto newest = io::newest_checkpoint(path / "checkpoints");
  if (!newest && (is_run(path) || !io::is_a_directory(path))) {
    const bool begun = io::is_there(path / "config.toml");
    throw error::usage(path.string() + " holds no checkpoint; " +
                       (begun ? "train first: triptych train --resume " + shell_word(path.string())
                              : std::string("give the --out of a training run")));
  }
  const auto names = newest ? std::vector<std::string>() : io::names_in(path);
  const bool some_of_one = std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name == "MANIFEST.json" || name.ends_with(".safetensors");
  });
  if (!newest && !some_of_one) {
    throw error::usage(path.string() + " is neither a run nor a checkpoint; give the --out of a "
                                       "training run");
  }
  const auto saved = io::load_checkpoint(newest.value_or(path));
  auto options = config_of(saved);
  const auto run = newest ? path : saved.path.parent_path().parent_path();
  options.data_dir = data_dir_of(run, options.data_dir);
  const auto refuse = [&](const std::string& why) {
    return error::checkpoint("the checkpoint " + saved.path.string() +
                             " does not hold the encoder of its own configuration: " + why +
                             "; take another checkpoint");
  };
  const auto& model = saved.file("model");
  nn::resnet_options found;
  try {
    found = train::find_encoder(model.header()).architecture;
  } catch (const error& failure) {
    throw refuse(without_advice(failure));
  }
  for (const auto& one : encoder_differences(options, found)) throw refuse("it has " + one);
  const auto manifest = io::digest_of(io::read_file(saved.path / "MANIFEST.json").text());
  encoder_source source{.path = saved.path,
                        .directory = is_run(run) ? run : path,
                        .is_file = false,
                        .mark = saved.path.filename().string() + " (" +
                                io::hex_text(manifest.xxh64) + ")",
                        .options = std::move(options),
                        .weights = train::read_encoder(model),
                        .images = identity_of(saved),
                        .constants = {},
                        .notices = {}};
  if (source.images) source.constants = source.images->constants;
  source.step = saved.note.step;
  if (const auto from = saved.note.extra.find(initial_key); from != saved.note.extra.end()) {
    source.initial = from->second;
  }
  return source;
}

/// A file of weights says at most which images they are of; the rest is asked for.
template <class Options>
encoder_source open_weights(const Options& asked) {
  const std::filesystem::path path = asked.run;
  auto file = open_encoder_file(path);
  encoder_source source{.path = path,
                        .directory = {},
                        .is_file = true,
                        .mark = path.filename().string() + " (" + file.xxh64 + ")",
                        .options = {},
                        .weights = std::move(file.weights),
                        .images = std::move(file.images),
                        .constants = file.constants,
                        .notices = std::move(file.notices)};
  auto& run = source.options;
  run.encoder = source.weights.architecture;
  run.data = asked.data;
  if (!asked.from.has("data")) {
    if (!source.images) {
      throw error::usage(path.string() +
                         " does not say which images it is for; give some, e.g. --data cifar10");
    }
    run.data = source.images->name;
  }
  run.image_size = file.image_size;
  require_constants(path, source.constants, asked.normalize);
  constexpr std::size_t digits = 8;  // many files are called encoder
  source.directory =
      "runs/" + path.stem().string() + "-" + file.xxh64.substr(0, digits) + "-on-" + run.data;
  return source;
}

/// Reads what was asked for: a run's newest checkpoint, the checkpoint or the file of weights at
/// `asked.run`. Throws error::usage where there is none of them.
template <class Options>
encoder_source open_encoder(const Options& asked) {
  const bool is_file = io::type_of(asked.run) == std::filesystem::file_type::regular;
  auto source = is_file ? open_weights(asked) : open_checkpoint(asked.run);
  if (asked.image_size > 0) source.options.image_size = asked.image_size;
  if (data::data_set_of(source.options.data).side == 0 && source.options.image_size == 0) {
    throw error::usage("image-size: the data set " + source.options.data +
                       " has no size of its own; give e.g. --image-size 224");
  }
  return source;
}

inline frozen_encoder make_encoder(backend::eigen<>& backend, const train_options& options) {
  return frozen_encoder(backend, nn::architecture<>(nn::resnet(options.encoder), {{}, 0}));
}

inline constexpr int largest_usual_view = 512;              ///< pixels on a side
inline constexpr std::int64_t most_usual_images = 100'000;  ///< generated ones of a part

/// A checkpoint of a few bytes can ask for any amount of work. Throws error::usage for sizes of
/// images beyond the usual ones, which the user must have asked for: by --large, or of a view's size
/// by `sized`.
inline void require_usual(const encoder_source& source, bool sized, bool generated) {
  const auto& o = source.options;
  std::string unusual;
  if (!sized && view_size(o) > largest_usual_view) {
    unusual = "views of " + std::to_string(view_size(o)) + " pixels";
  } else if (generated && std::max(o.procedural_train, o.procedural_test) > most_usual_images) {
    unusual = std::to_string(std::max(o.procedural_train, o.procedural_test)) + " generated images";
  } else {
    return;
  }
  throw error::usage("the checkpoint " + source.path.string() + " asks for " + unusual +
                     ", which may take very long; give --large if that is meant");
}

/// All that a command needs to look at the images through the encoder that it was given.
template <class Options>
struct frozen_run {
  explicit frozen_run(const Options& asked)
      : source(open_encoder(asked)), options(with_images_of(source, asked)),
        data(load_images(options, source.options, options.threads)), images(data.images),
        backend(options.threads), pool(options.threads),
        encoder(make_encoder(backend, source.options)) {
    train::import_encoder(encoder, source.weights);
    notices = source.notices;
    for (const auto& one : account_lines(images.skipped)) notices.push_back("skipped  " + one);
    if (source.images) changes = train::differences(*source.images, data.identity);
    normalize_as(source.constants, options.normalize, data, notices);
    const bool meant = options.from.has("data") || options.from.has("limit-per-file");
    if (!changes.empty() && !meant) notices.push_back("not as in training: " + in_words(changes));
  }

  /// What is to be said of the images: of every file, and where they are not those of training.
  std::vector<std::string> notices;
  std::vector<std::string> changes;  ///< of the images since training
  encoder_source source;
  Options options;                ///< with the run's images where none were named
  train::identified_images data;  ///< normalized as in training
  const data::split& images;      ///< of them
  backend::eigen<> backend;
  thread_pool pool;
  frozen_encoder encoder;

  /// All that decides what the encoder makes of which images, as a text.
  [[nodiscard]] std::string identity() const {
    using kind = normalize_choice::kind;
    std::string text = source.mark + " on " + images.train.name + " " +
                       std::to_string(images.train.size()) + " (" + data.identity.train.xxh64 +
                       ", " + data.identity.test.xxh64 + ")";
    if (options.normalize.from != kind::automatic) {
      const auto& [mean, deviation] = data.identity.constants;
      text += " normalized by";
      for (const auto* three : {&mean, &deviation}) {
        for (const float x : *three) text += " " + io::number_text(x);
      }
    }
    if (options.image_size > 0) text += " at " + std::to_string(options.image_size) + " pixels";
    return text;
  }

  /// Throws error::checkpoint unless the images are those of training.
  void refuse_other_images() const {
    if (changes.empty()) return;
    throw other_images(source.directory.string(), changes, "give those, or another --out");
  }

 private:
  static Options with_images_of(const encoder_source& source, Options own) {
    inherit_data(own, source.options);
    if (!own.large) require_usual(source, own.image_size > 0, data::generated(own.data));
    return own;
  }
};

}  // namespace triptych::app
