// apps/triptych/commands/initial_encoder.hpp
//
// A safetensors file of an encoder, from whomever: its weights, and what it says of the images that
// they are for. Training starts from one (--init), and eval and embed look through one.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <triptych/augment/normalize.hpp>
#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/safetensors.hpp>
#include <triptych/train/data_identity.hpp>
#include <triptych/train/encoder_import.hpp>

#include "triptych/options/declared.hpp"
#include "triptych/options/options.hpp"

namespace triptych::app {

/// A file's encoder and what the file says of it.
struct encoder_file {
  std::string xxh64;  ///< of the file's bytes
  train::encoder_weights weights;
  std::optional<train::data_identity> images;       ///< that it was trained on
  std::optional<augment::normalization> constants;  ///< that normalized them
  int image_size = 0;                               ///< of its views; 0: not said
  io::metadata_map metadata;                        ///< all that it says
  std::vector<std::string> notices;
};

inline constexpr const char* initial_key = "init";  ///< in the manifest of a checkpoint
inline constexpr const char* image_size_key = "triptych.image_size";  ///< in the metadata

/// Reads it, its header first. Throws error::checkpoint and error::io.
inline encoder_file open_encoder_file(const std::filesystem::path& path) {
  static_cast<void>(train::find_encoder(io::read_safetensors_header(path)));
  const auto input = io::open_input(path);
  auto bytes = io::read_bytes(input, static_cast<std::size_t>(input.size));
  encoder_file found{.xxh64 = io::hex_text(io::digest_of(bytes.text()).xxh64),
                     .weights = {},
                     .images = {},
                     .constants = {},
                     .metadata = {},
                     .notices = {}};
  const auto file = io::safetensors_file::parse(path.string(), std::move(bytes));
  const auto& metadata = file.metadata();
  found.metadata = metadata;
  found.weights = train::read_encoder(file);
  found.images = train::identity_in(metadata, path.string());
  if (found.images) found.constants = found.images->constants;
  if (const auto size = metadata.find(image_size_key); size != metadata.end()) {
    const auto pixels = io::number_in<int>(size->second);
    if (pixels && *pixels >= 1 && *pixels <= most_pixels) found.image_size = *pixels;
  }
  if (!found.weights.left_out.empty()) {
    found.notices.push_back("left out of " + path.string() + ": " + found.weights.left_out);
  }
  if (found.weights.architecture.stem == nn::stem::cifar && !metadata.contains("triptych.stem")) {
    found.notices.push_back("the 3x3 stem of " + path.string() +
                            " is taken to have stride 1 and padding 1 and no max-pool behind it, "
                            "which a file cannot show (solo-learn pads by 2)");
  }
  return found;
}

/// Throws error::usage where nobody says what normalizes the images of the file's encoder.
inline void require_constants(const std::filesystem::path& file,
                              const std::optional<augment::normalization>& said,
                              const normalize_choice& asked) {
  if (said || asked.from != normalize_choice::kind::automatic) return;
  throw error::usage(file.string() +
                     " does not say what normalizes its images; give --normalize imagenet, data "
                     "(the data set's constants) or three means and three deviations");
}

/// The options that name a ResNet's architecture.
inline constexpr std::array architecture_options{"width", "blocks", "block", "stem"};

/// What of the encoder's options differs from that of an encoder that was found: "width 64, not
/// 16".
inline std::vector<std::string> encoder_differences(const train_options& asked,
                                                    const nn::resnet_options& found) {
  auto other = asked;
  other.encoder = found;
  std::vector<std::string> list;
  for (const char* name : architecture_options) {
    const auto there = written(other, name), here = written(asked, name);
    if (there != here) list.push_back(std::string(name) + " " + there + ", not " + here);
  }
  return list;
}

/// The options with the encoder of --init's file. Throws error::usage where another was asked for.
inline train_options with_initial_encoder(const train_options& options) {
  const auto found = train::find_encoder(io::read_safetensors_header(options.init)).architecture;
  auto taken = options;
  taken.encoder = found;
  taken.encoder.zero_init_residual = options.encoder.zero_init_residual;
  for (const char* name : architecture_options) {
    if (!options.from.has(name) || written(options, name) == written(taken, name)) continue;
    throw error::usage(std::string(name) + ": " + written(options, name) + " (from " +
                       options.from.of(name) + ") is not that of the encoder in " + options.init +
                       ", " + written(taken, name) + "; leave --" + name + " out, or --init");
  }
  return taken;
}

}  // namespace triptych::app
