// Every option of the other commands, declared once.
#include "triptych/options/declared.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/augment/recipe.hpp>
#include <triptych/data/registry.hpp>

#include "triptych/options/shared_fields.hpp"

namespace triptych::app {

namespace {

const std::vector<std::string_view> protocol_names{"linear", "logistic", "knn", "finetune"};

/// One data set, or several to be judged on.
field<eval_options> sets_field() {
  return {.hint = "NAME,...",
          .read = [](eval_options& o, std::string_view text) -> std::string {
            std::vector<std::string> names;
            const auto wrong = each_item(text, [&](std::string_view name) {
              std::size_t index = 0;
              auto complaint = read_choice(name, data::data_set_names, index);
              if (complaint.empty() && std::find(names.begin(), names.end(), name) != names.end()) {
                complaint = "has " + std::string(name) + " twice";
              }
              names.emplace_back(name);
              return complaint;
            });
            if (!wrong.empty()) return wrong;
            o.data = names.front();
            o.sets = std::move(names);
            return {};
          },
          .write =
              [](const eval_options& o) {
                return join(std::vector<std::string_view>(o.sets.begin(), o.sets.end()), ",");
              },
          .example = "cifar10"};
}

}  // namespace

const settings<eval_options>& eval_settings() {
  using o = eval_options;
  static const settings<eval_options> table = [] {
    settings<eval_options> all{
        {"run", "", positional(text(&o::run, "RUN|FILE", "runs/first")),
         "run directory, one of its checkpoints, or a safetensors file of an encoder"},
        {"out", "Evaluation", text(&o::out, "DIR", "runs/judged"),
         "where eval.json goes; default: the run, for a file runs/ and its name and the data's"},
        {"protocol", "Evaluation", several_of(&o::protocol, protocol_names), "what to measure"},
        {"baselines", "Evaluation", several_of(&o::baselines, {"untrained", "pixels"}, true),
         "what to measure beside it: the same encoder untrained, neighbors among raw pixels"},
        {"label-fraction", "Evaluation", shares(&o::label_fraction),
         "shares of the training labels by which logistic, knn and finetune judge as well"},
        {"seed", "Evaluation", whole(&o::seed, at_least(0)),
         "of classifier, order of images and draw of labels"},
        {"epochs", "Linear evaluation", whole(&o::epochs, {1, most_epochs}),
         "passes over the images"},
        {"batch", "Linear evaluation", whole(&o::batch, {1, largest_batch}), "images in a step"},
        {"lr", "Linear evaluation", real(&o::lr, positive), "first learning rate (LARS, cosine)"},
        {"resume", "Evaluation", flag(&o::resume),
         "continue an interrupted linear evaluation or fine-tuning"},
        {"finetune-epochs", "Fine-tuning", whole(&o::finetune_epochs, {1, most_epochs}),
         "passes over the images, at most"},
        {"finetune-batch", "Fine-tuning", whole(&o::finetune_batch, {2, largest_batch}),
         "images in a step"},
        {"backbone-lr", "Fine-tuning", real(&o::backbone_lr, not_negative),
         "first learning rate of the encoder (SGD, cosine), 0 = it rests"},
        {"head-lr", "Fine-tuning", real(&o::head_lr, positive), "that of the classifier"},
        {"weight-decay", "Fine-tuning", real(&o::weight_decay, not_negative), "of all weights"},
        {"patience", "Fine-tuning", whole(&o::patience, {0, most_epochs}),
         "end after N epochs that are no better on held-out images, 0 = never"},
        {"data", "Images", sets_field(),
         "data set: " + join(data::data_set_names, ", ") + "; or several; default: the run's"},
        {"threads", "Output", whole(&o::threads, {0, most_threads}), "0 = all"},
        {"quiet", "Output", flag(&o::quiet), "no progress on stderr"},
        {"keep-features", "Output", toggle(&o::keep_features),
         "in eval/features, so that the next evaluation does not encode again"},
        {"json", "Output", flag(&o::json), "results as JSON"},
    };
    add_encoded_images(all, "threads");
    return all;
  }();
  return table;
}

const settings<embed_options>& embed_settings() {
  using o = embed_options;
  static const settings<embed_options> table = [] {
    settings<embed_options> all{
        {"run", "", positional(text(&o::run, "RUN|FILE", "runs/first")),
         "run directory, one of its checkpoints, or a safetensors file of an encoder"},
        {"out", "Output", text(&o::out, "FILE", "features.safetensors"),
         "where features and labels go; what else is written lies beside it"},
        {"format", "Output", one_of(&o::format, {"auto", "safetensors", "npy", "csv"}),
         "npy: NumPy's, with labels in a second one; csv: an image a line; auto: as FILE ends, "
         "else safetensors"},
        {"neighbors", "Output", whole(&o::neighbors, {0, 10'000}),
         "list each image's K nearest among the others in a CSV, 0 = no list"},
        {"split", "Images", one_of(&o::split, split_names), "which images"},
        {"data", "Images", name_among(&o::data, data::data_set_names),
         "data set: " + join(data::data_set_names, ", ") + "; default: the run's"},
        {"batch", "Machine", whole(&o::batch, {1, largest_batch}), "images at a time"},
        {"threads", "Machine", whole(&o::threads, {0, most_threads}), "0 = all"},
        {"quiet", "Output", flag(&o::quiet), "no progress on stderr"},
    };
    add_encoded_images(all, "batch");
    return all;
  }();
  return table;
}

const settings<export_options>& export_settings() {
  using o = export_options;
  static const settings<export_options> table{
      {"run", "", positional(text(&o::run, "RUN|FILE", "runs/first")),
       "run directory, one of its checkpoints, or a safetensors file of an encoder"},
      {"format", "Output", one_of(&o::format, {"onnx", "safetensors"}),
       "onnx: with the normalization of the images in it; safetensors: torchvision's names"},
      {"out", "Output", text(&o::out, "FILE", "encoder.onnx"),
       "file to write; default: of a run, export/encoder.onnx or .safetensors in it"},
      {"overwrite", "Output", flag(&o::overwrite), "replace the file if it is there"},
      {"image-size", "Images", whole(&o::image_size, {0, most_pixels}),
       "pixels on a side of an image, 0 = as in training, where that is not known any"},
      {"normalize", "Images", normalize_field<o>(false),
       "mean and deviation that normalize them; auto: as in training"},
      {"quiet", "Output", flag(&o::quiet), "no remarks on stderr"},
  };
  return table;
}

const settings<inspect_options>& inspect_settings() {
  using o = inspect_options;
  static const settings<inspect_options> table{
      {"file", "", positional(text(&o::file, "FILE", "runs/first")),
       "safetensors file, checkpoint or run directory"},
      {"json", "Output", flag(&o::json), "as JSON"},
  };
  return table;
}

const settings<runs_options>& runs_settings() {
  using o = runs_options;
  static const settings<runs_options> table{
      {"dir", "", positional(text(&o::dir, "DIR", "runs")),
       "directory that runs lie in, at any depth; default: runs"},
      {"json", "Output", flag(&o::json), "as JSON"},
  };
  return table;
}

const settings<compare_options>& compare_settings() {
  using o = compare_options;
  static const settings<compare_options> table{
      {"runs", "", texts(&o::runs, "RUN", "runs/first"),
       "run directories; those that differ in the seed alone are a group"},
      {"json", "Output", flag(&o::json), "as JSON"},
  };
  return table;
}

const settings<report_options>& report_settings() {
  using o = report_options;
  static const settings<report_options> table = [] {
    settings<report_options> all{
        {"runs", "", texts(&o::runs, "RUN", "runs/first"),
         "run directory; of several their curves are drawn together"},
        {"out", "Output", text(&o::out, "FILE", "report.html"),
         "the page; only a report that is there already is replaced"},
        {"quiet", "Output", flag(&o::quiet), "no progress on stderr"},
        {"pictures", "Pictures", toggle(&o::pictures),
         "views, neighbors, map and more, of one run; they need its images"},
        {"map", "Pictures", whole(&o::map, {0, 5000}),
         "test images in the map of embeddings, at most; 0 = no map"},
        {"data", "Images", name_among(&o::data, data::data_set_names),
         "data set: " + join(data::data_set_names, ", ") + "; default: the run's"},
        {"batch", "Machine", whole(&o::batch, {1, largest_batch}), "images at a time"},
        {"threads", "Machine", whole(&o::threads, {0, most_threads}), "0 = all"},
    };
    add_encoded_images(all, "batch");
    return all;
  }();
  return table;
}

const settings<data_options>& data_settings() {
  using o = data_options;
  static const settings<data_options> table = [] {
    settings<data_options> all{
        {"action", "", positional(one_of(&o::action, {"list", "verify", "show"})),
         "list the data sets; verify one; or show its images"},
        {"name", "", positional(name_among(&o::data, data::data_set_names)),
         join(data::data_set_names, ", ")},
        {"procedural-train", "Images", whole(&o::procedural_train, {1, 10'000'000}),
         "generated training images"},
        {"procedural-test", "Images", whole(&o::procedural_test, {1, 10'000'000}),
         "generated test images"},
        {"seed", "Images", whole(&o::seed, at_least(0)), "of generated images and of views"},
        {"split", "Contact sheet", one_of(&o::split, split_names), "which images"},
        {"out", "Contact sheet", text(&o::out, "FILE", "sheet.png"), "a .png or .ppm file"},
        {"count", "Contact sheet", whole(&o::count, {1, 1000}), "images, one in a row"},
        {"views", "Contact sheet", whole(&o::views, {0, 16}), "augmented views beside each"},
        {"augment", "Contact sheet", name_among(&o::augment, augment::preset_names),
         "recipe of the views: " + join(augment::preset_names, ", ")},
        {"image-size", "Contact sheet", whole(&o::image_size, {0, most_pixels}),
         "pixels on a side of a view, 0 = the data set's own"},
        {"threads", "Machine", whole(&o::threads, {0, most_threads}), "0 = all"},
    };
    add_images(all, "procedural-train");
    return all;
  }();
  return table;
}

const settings<doctor_options>& doctor_settings() {
  using o = doctor_options;
  static const settings<doctor_options> table{
      {"data-dir", "Images", text(&o::data_dir, "DIR", "data"),
       "where the data sets lie; else they are looked for in $XDG_CACHE_HOME/triptych"},
      {"json", "Output", flag(&o::json), "as JSON"},
  };
  return table;
}

}  // namespace triptych::app
