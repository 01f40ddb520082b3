// apps/triptych/commands/model_card.hpp
//
// What goes with an exported encoder: the facts in its metadata, and a model card for people, which
// says what the encoder is, how its images are normalized, how PyTorch loads it, what it was trained
// on and how, and whose it is. Source of the form: Mitchell et al., "Model cards for model
// reporting" (2019).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <triptych/core/printable.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/train/data_identity.hpp>

#include "triptych/build_info.hpp"
#include "triptych/commands/initial_encoder.hpp"
#include "triptych/options/options.hpp"

namespace triptych::app {

/// What a trained encoder's files say of it.
struct encoder_facts {
  const train_options& options;
  const train::data_identity& images;
  std::int64_t step, steps;  ///< of training, done and planned
  std::int64_t weights;      ///< numbers in the encoder
  int features;
  std::string initial;  ///< file and checksum of --init; empty without it
};

inline std::string license_note(const encoder_facts& f) {
  return "The authors of triptych claim no right in these weights; whoever trained them decides. "
         "The terms of the images (" +
         f.images.name + ")" + (f.initial.empty() ? "" : " and of the initial weights") + " apply.";
}

/// For the file itself.
inline io::metadata_map metadata_of(const encoder_facts& f) {
  auto all = train::metadata_of(f.images);
  all.emplace(image_size_key, std::to_string(view_size(f.options)));
  all.emplace("triptych.method", f.options.method);
  all.emplace("triptych.step", std::to_string(f.step));
  all.emplace("triptych.version", io::library_version() + " (" + build_commit + ")");
  all.emplace("triptych.license", license_note(f));
  if (!f.initial.empty()) all.emplace("triptych.init", f.initial);
  return all;
}

namespace card {

/// Text from elsewhere in a cell of a table.
inline std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : printable(text)) {
    escaped += c == '|' ? std::string("\\|") : std::string(1, c);
  }
  return escaped;
}

/// The lines that load the file into a torchvision ResNet of any width.
inline std::string loading(const nn::resnet_options& o) {
  const bool basic = o.block == nn::block::basic, small = o.stem == nn::stem::cifar;
  const std::string width = std::to_string(o.width);
  std::string blocks;
  for (const int n : o.blocks) blocks += (blocks.empty() ? "" : ", ") + std::to_string(n);
  std::string text = "import torch\n"
                     "from safetensors.torch import load_file\n"
                     "from torchvision.models import resnet\n\n"
                     "model = resnet.ResNet(resnet." +
                     std::string(basic ? "BasicBlock" : "Bottleneck") + ", [" + blocks +
                     "])\n"
                     "model.fc = torch.nn.Identity()\n";
  constexpr int usual_width = 64;
  if (small || o.width != usual_width) {
    text += "model.conv1 = torch.nn.Conv2d(3, " + width +
            (small ? ", 3, stride=1, padding=1, bias=False)\n"
                   : ", 7, stride=2, padding=3, bias=False)\n");
  }
  if (small) text += "model.maxpool = torch.nn.Identity()\n";
  if (o.width != usual_width) {
    const std::string kind = std::string("resnet.") + (basic ? "BasicBlock" : "Bottleneck");
    text += "model.bn1 = torch.nn.BatchNorm2d(" + width + ")\nmodel.inplanes = " + width + "\n";
    for (std::size_t stage = 0; stage < o.blocks.size(); ++stage) {
      text += "model.layer" + std::to_string(stage + 1) + " = model._make_layer(" + kind + ", " +
              std::to_string(o.width << stage) + ", " + std::to_string(o.blocks[stage]) +
              (stage == 0 ? ")\n" : ", stride=2)\n");
    }
  }
  return text + "model.load_state_dict(load_file(\"encoder.safetensors\"))\nmodel.eval()\n";
}

}  // namespace card

inline constexpr const char* card_heading = "# An encoder trained by ";

/// The card, Markdown.
inline std::string model_card(const encoder_facts& f) {
  const auto& o = f.options;
  const auto constants = train::metadata_of(f.images);
  const auto part = [](const char* what, const train::data_identity::part& p) {
    return "| " + std::string(what) + " | " + std::to_string(p.images) + ", XXH64 `" + p.xxh64 +
           "` |\n";
  };
  std::string classes;
  constexpr std::size_t most_named = 20;
  for (std::size_t i = 0; i < f.images.class_names.size() && i < most_named; ++i) {
    classes += (i == 0 ? ": " : ", ") + card::cell(f.images.class_names[i]);
  }
  if (f.images.class_names.size() > most_named) classes += ", ...";
  const std::string side = std::to_string(view_size(o));
  return card_heading + o.method + " on " + f.images.name +
         "\n\n"
         "A ResNet that makes " +
         std::to_string(f.features) + " features of an image. It was trained without labels" +
         (f.initial.empty() ? "" : ", from the weights in " + printable(f.initial)) +
         "; it is no classifier.\n\n"
         "| the encoder | |\n|---|---|\n"
         "| blocks | " +
         written(o, "block") + ", " + written(o, "blocks") + " |\n| width | " +
         written(o, "width") + " |\n| stem | " + written(o, "stem") + " |\n| weights | " +
         std::to_string(f.weights) +
         " |\n\n"
         "## Its images\n\n"
         "RGB, " +
         side + " x " + side + " pixels, scaled to [0, 1], then normalized: mean " +
         constants.at("triptych.mean") + ", deviation " + constants.at("triptych.deviation") +
         ".\n\n"
         "## Loading it\n\n"
         "`triptych eval encoder.safetensors` judges it, `triptych embed` writes features. In "
         "PyTorch, "
         "where `model(x)` then gives the features:\n\n"
         "```python\n" +
         card::loading(o.encoder) +
         "```\n\n"
         "## How it was trained\n\n"
         "| | |\n|---|---|\n"
         "| method | " +
         o.method + " |\n| steps | " + std::to_string(f.step) + " of " + std::to_string(f.steps) +
         " |\n| batch, epochs, seed | " + written(o, "batch") + ", " + written(o, "epochs") + ", " +
         written(o, "seed") + " |\n| optimizer, learning rate | " + written(o, "optimizer") + ", " +
         written(o, "lr") + " |\n| views | " + written(o, "augment") + " |\n" +
         (f.initial.empty() ? "" : "| started from | " + card::cell(f.initial) + " |\n") +
         "| program | triptych " + io::library_version() + " (" + build_commit +
         ") |\n\n"
         "All options: `config.toml` of the run.\n\n"
         "| its images | |\n|---|---|\n"
         "| data set | " +
         f.images.name + " |\n| classes | " + std::to_string(f.images.classes) + classes + " |\n" +
         part("training images", f.images.train) + part("test images", f.images.test) +
         "\nThe test images were not trained on. What the features are worth is not said here; "
         "measure it on images of your own.\n\n"
         "## License\n\n" +
         license_note(f) + "\n";
}

}  // namespace triptych::app
