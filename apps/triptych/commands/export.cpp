// The command `export`: the encoder of a run or of a file of weights, as a file for other programs.
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/core/printable.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/onnx.hpp>
#include <triptych/io/owned_names.hpp>
#include <triptych/io/run_directory.hpp>
#include <triptych/train/encoder_export.hpp>
#include <triptych/train/encoder_import.hpp>
#include <triptych/train/encoder_onnx.hpp>

#include "triptych/build_info.hpp"
#include "triptych/commands/commands.hpp"
#include "triptych/commands/encoder_file.hpp"
#include "triptych/commands/initial_encoder.hpp"
#include "triptych/commands/model_card.hpp"
#include "triptych/console.hpp"
#include "triptych/options/parts.hpp"

namespace triptych::app {

namespace {

namespace fs = std::filesystem;

/// An encoder and all that its file is to say of it.
struct exported_encoder {
  train::encoder_weights weights;
  augment::normalization constants;
  int image_size = 0;        ///< 0: any
  std::int64_t batches = 0;  ///< that its BatchNorms have seen, as far as is known
  io::metadata_map metadata;
  std::vector<std::string> notices;
};

/// What normalizes the images: what was asked for, else what is known.
augment::normalization constants_of(const export_options& asked,
                                    const std::optional<augment::normalization>& known) {
  using kind = normalize_choice::kind;
  if (asked.normalize.from == kind::given) return asked.normalize.numbers;
  if (asked.normalize.from == kind::imagenet) return augment::imagenet_normalization;
  if (known) return *known;
  throw error::usage(asked.run + " does not say what normalizes its images; give --normalize "
                                 "imagenet or three means and three deviations");
}

/// The facts on images and their constants, over what the metadata say already.
void describe_images(exported_encoder& e, std::optional<train::data_identity> images) {
  const bool known = images.has_value();
  if (!known) images.emplace();
  images->constants = e.constants;
  for (auto& [key, value] : train::metadata_of(*images)) {
    if (known || key != train::data_key) e.metadata[key] = value;
  }
  e.metadata.erase(image_size_key);
  if (e.image_size > 0) e.metadata.emplace(image_size_key, std::to_string(e.image_size));
}

exported_encoder of_checkpoint(const export_options& asked) {
  auto source = open_checkpoint(asked.run);
  if (asked.image_size > 0) source.options.image_size = asked.image_size;
  exported_encoder e{.weights = std::move(source.weights),
                     .constants = constants_of(asked, source.constants),
                     .image_size = view_size(source.options),
                     .batches = source.step * traits_of(source.options.method).views,
                     .metadata = {},
                     .notices = std::move(source.notices)};
  const train::data_identity named{.name = source.options.data};
  e.metadata = metadata_of(encoder_facts{.options = source.options,
                                         .images = source.images ? *source.images : named,
                                         .step = source.step,
                                         .steps = 0,
                                         .weights = 0,
                                         .features = 0,
                                         .initial = source.initial});
  if (!source.images) e.metadata.erase(train::data_key);
  describe_images(e, std::move(source.images));
  return e;
}

/// Whatever else a file says of itself, such as whose terms apply, is kept.
exported_encoder of_file(const export_options& asked) {
  auto file = open_encoder_file(asked.run);
  exported_encoder e{.weights = std::move(file.weights),
                     .constants = constants_of(asked, file.constants),
                     .image_size = asked.image_size > 0 ? asked.image_size : file.image_size,
                     .metadata = std::move(file.metadata),
                     .notices = std::move(file.notices)};
  e.metadata.erase("format");
  describe_images(e, std::move(file.images));
  return e;
}

/// Where the file goes, and the lock of the run in which that is, until the file is written.
struct export_target {
  fs::path file;
  std::optional<io::run_lock> held{};
};

/// Throws error::usage where something lies that is somebody else's, or training's and not to be
/// replaced, and error::busy where a run is to be written into that is in use.
export_target target(const export_options& asked) {
  const bool onnx = asked.format == choice::weights_format::onnx;
  const std::string name = onnx ? "encoder.onnx" : "encoder.safetensors";
  const auto refuse_replacing = [&](const fs::path& file) {
    if (asked.overwrite || io::type_of(file) != fs::file_type::regular) return;
    throw error::usage("there is a file " + file.string() +
                       " already; give --overwrite to replace it, or another --out");
  };
  if (!asked.out.empty()) {
    refuse_replacing(asked.out);
    return {.file = asked.out};
  }
  const fs::path run = asked.run, directory = run / "export";
  if (!io::is_there(run / "checkpoints")) {
    throw error::usage("export needs a file to write where " + asked.run +
                       " is no run; give e.g. --out " + name);
  }
  export_target to{.file = directory / name, .held = std::optional<io::run_lock>(run)};
  if (!onnx) refuse_replacing(to.file);  // training's, which encoder.md describes
  io::make_directories(directory);
  io::owned_names(directory).claim({name});
  return to;
}

/// "images (N, 3, 32, 32) to 512 features"
std::string signature(const exported_encoder& e) {
  const std::string side = e.image_size > 0 ? std::to_string(e.image_size) : "any size";
  return "images (N, 3, " + side + (e.image_size > 0 ? ", " + side : "") + ") to " +
         std::to_string(nn::resnet(e.weights.architecture).out()) + " features";
}

}  // namespace

int export_encoder(const export_options& asked) {
  const bool is_file = io::type_of(asked.run) == fs::file_type::regular;
  auto e = is_file ? of_file(asked) : of_checkpoint(asked);
  const auto text = signature(e);
  const auto to = target(asked);
  const auto& out = to.file;
  progress bar(asked.quiet);
  for (const auto& one : e.notices) bar.note(one);
  if (asked.format == choice::weights_format::onnx) {
    e.metadata.merge(nn::resnet(e.weights.architecture).metadata());
    io::replace_file(out,
                     train::onnx_encoder(e.weights, {.constants = e.constants,
                                                     .image_size = e.image_size,
                                                     .producer_version = io::library_version() +
                                                                         " (" + build_commit + ")",
                                                     .metadata = std::move(e.metadata)}));
    std::cout << "wrote " << printable(out.string()) << ", ONNX of operator set " << io::onnx_opset
              << ", " << text << "\n";
  } else {
    train::export_encoder(out, std::move(e.weights), e.batches, std::move(e.metadata));
    std::cout << "wrote " << printable(out.string()) << ", safetensors, " << text << "\n";
  }
  return 0;
}

}  // namespace triptych::app
