// Every option of every command, declared once.
#include "triptych/options/declared.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <span>

#include <triptych/augment/recipe.hpp>
#include <triptych/backend/cpu/convolution/any.hpp>
#include <triptych/core/printable.hpp>
#include <triptych/data/registry.hpp>

#include "triptych/options/described.hpp"
#include "triptych/options/parts.hpp"

namespace triptych::app {

namespace {

const std::vector<std::string_view> split_names{"train", "test"};
const std::vector<std::string_view> protocol_names{"linear", "logistic", "knn", "finetune"};

constexpr int most_threads = 1024, most_epochs = 1'000'000;
constexpr int largest_batch = 1 << 20, most_devices = 1024;
constexpr const char* large_help =
    "take what the run says of views above 512 pixels and of more than 100000 generated images";

/// Where pictures come from, and which of them: of all commands that read a data set. They come
/// before the option `before`.
template <class Options>
void add_images(settings<Options>& table, std::string_view before) {
  using o = Options;
  settings<Options> images{
      {"data-dir", "Images", text(&o::data_dir, "DIR", "data/cifar-10-batches-bin"),
       "where the data set lies; else it is looked for in $XDG_CACHE_HOME/triptych", role::habit},
      {"limit-per-file", "Images", whole(&o::limit_per_file, at_least(0)),
       "take the first N records of each file, or pictures of each class, 0 = all"},
      {"on-bad-image", "Images", one_of(&o::on_bad_image, {"stop", "skip"}),
       "what to do about pictures that cannot be decoded", role::habit},
      {"image-memory", "Images", whole(&o::image_memory, {0, 1 << 30}),
       "MiB for decoded pictures; those of larger sets are decoded as needed; 0 = half of what is "
       "free",
       role::habit},
  };
  const auto at =
      std::find_if(table.begin(), table.end(), [&](const auto& s) { return s.name == before; });
  table.insert(at, std::make_move_iterator(images.begin()), std::make_move_iterator(images.end()));
}

/// auto, cpu, cuda or cuda:N. Whether it is there is asked where it is needed; see place().
field<train_options> device_field() {
  auto result = one_of(&train_options::device, {"auto", "cpu", "cuda"});
  result.hint = "auto|cpu|cuda[:N]";
  result.read = [read = result.read](train_options& o, std::string_view text) {
    int index = 0;
    if (text.starts_with("cuda:")) {
      const auto number = text.substr(5);
      if (auto complaint = read_whole(number, 0, most_devices, index); !complaint.empty()) {
        return "has the number " + in_quotes(number) + ", which " + complaint;
      }
      text = "cuda";
    }
    auto complaint = read(o, text);
    if (complaint.empty()) o.device_index = index;
    return complaint;
  };
  result.write = [write = result.write](const train_options& o) {
    return write(o) + (o.device_index > 0 ? ":" + std::to_string(o.device_index) : "");
  };
  result.example = "cpu";
  return result;
}

/// --resume is --resume=auto.
field<train_options> resume_field() {
  auto result = text(&train_options::resume, "auto|PATH", "auto");
  result.shape = form::maybe;
  result.read = [](train_options& o, std::string_view given) -> std::string {
    if (given.empty()) return "is empty";
    o.resume = given == "true" ? "auto" : given == "false" ? "" : std::string(given);
    return {};
  };
  return result;
}

/// auto, imagenet, data (where `with_data`), or three means and three deviations of pixels scaled to
/// [0, 1].
template <class Options>
field<Options> normalize_field(bool with_data = true) {
  using kind = normalize_choice::kind;
  static constexpr std::array<std::string_view, 3> all{"auto", "imagenet", "data"};
  const auto words = std::span(all).first(with_data ? 3 : 2);
  return {.hint = join(words, "|") + "|M,M,M,S,S,S",
          .read = [words](Options& o, std::string_view text) -> std::string {
            std::size_t index = 0;
            if (text.find(',') == text.npos) {
              auto complaint = read_choice(text, words, index);
              if (complaint.empty()) o.normalize = {static_cast<kind>(index), {}};
              return complaint;
            }
            std::array<float, 6> numbers{};
            const auto wrong = each_item(text, [&](std::string_view item) -> std::string {
              double x = 0;
              if (index == numbers.size()) return "does not have 6 numbers";
              auto complaint = of_element(item, read_number(item, x));
              if (!complaint.empty()) return complaint;
              if (!(x >= (index < 3 ? 0 : 1e-6) && x <= 1)) {
                return "has a " + std::string(index < 3 ? "mean" : "deviation") +
                       " outside 0 to 1; they are of pixels scaled to that";
              }
              numbers[index++] = static_cast<float>(x);
              return {};
            });
            if (!wrong.empty()) return wrong;
            if (index != numbers.size()) return "does not have 6 numbers";
            o.normalize = {
                kind::given,
                {{numbers[0], numbers[1], numbers[2]}, {numbers[3], numbers[4], numbers[5]}}};
            return {};
          },
          .write =
              [](const Options& o) {
                const auto& [from, given] = o.normalize;
                if (from != kind::given) return std::string(all[static_cast<std::size_t>(from)]);
                std::string text;
                for (const auto* three : {&given.mean, &given.deviation}) {
                  for (const float x : *three) {
                    text += (text.empty() ? "" : ",") + io::number_text(x);
                  }
                }
                return text;
              },
          .example = "imagenet"};
}

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

field<train_options> minutes_field() {
  auto result = real(&train_options::stop_after, not_negative);
  result.hint = "MINUTES";
  return result;
}

/// Several methods, too many for a hint.
field<reproduce_options> methods_field() {
  auto result =
      several_of(&reproduce_options::methods, {methods::names.begin(), methods::names.end()});
  result.hint = "NAME,...";
  return result;
}

/// "lr=0.03,0.1"; with a semicolon in it, that is what stands between the values: "head=64,64;128,128".
/// A value becomes a part of a directory's name.
std::string read_varied(std::string_view text, varied_option& varied) {
  constexpr std::size_t most_values = 50;
  const auto equals = std::min(text.find('='), text.size());
  if (equals == 0 || equals == text.size()) return "is no OPTION=VALUE,VALUE";
  varied.name = text.substr(0, equals);
  const char between = text.find(';') == text.npos ? ',' : ';';
  for (std::size_t at = equals + 1; at <= text.size();) {
    const auto end = std::min(text.find(between, at), text.size());
    const std::string value(text.substr(at, end - at));
    const bool fit = std::all_of(value.begin(), value.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 ||
             std::string_view("+-.,_").find(static_cast<char>(c)) < std::string_view::npos;
    });
    if (value.empty() || !fit) return of_element(value, "cannot be a part of a directory's name");
    if (std::find(varied.values.begin(), varied.values.end(), value) != varied.values.end()) {
      return of_element(value, "comes twice; values with commas have semicolons between them");
    }
    if (varied.values.size() == most_values) return "has more than 50 values";
    varied.values.push_back(value);
    at = end + 1;
  }
  return {};
}

std::string written_varied(const varied_option& varied) {
  const bool lists = std::any_of(varied.values.begin(), varied.values.end(),
                                 [](const auto& value) { return value.find(',') != value.npos; });
  std::string text = varied.name;
  for (const auto& value : varied.values) {
    text += (text.size() == varied.name.size() ? "=" : lists ? ";" : ",") + value;
  }
  return text;
}

/// Options and their values, with blanks between them or given one by one.
field<reproduce_options> vary_field() {
  using o = reproduce_options;
  return {.hint = "OPTION=VALUE,...",
          .read = [](o& options, std::string_view text) -> std::string {
            constexpr std::size_t most_rows = 1000;
            for (std::size_t at = 0; at < text.size();) {
              const auto end = std::min(text.find(' ', at), text.size());
              varied_option varied;
              if (auto wrong = read_varied(text.substr(at, end - at), varied); !wrong.empty()) {
                return wrong;
              }
              std::size_t rows = varied.values.size();
              for (const auto& other : options.vary) {
                if (other.name == varied.name) return "gives " + varied.name + " again";
                rows *= other.values.size();
              }
              if (rows > most_rows) return "makes more than 1000 combinations";
              options.vary.push_back(std::move(varied));
              at = end + 1;
            }
            return {};
          },
          .write =
              [](const o& options) {
                std::string text;
                for (const auto& varied : options.vary) {
                  text += (text.empty() ? "" : " ") + written_varied(varied);
                }
                return text;
              },
          .shape = form::positionals,
          .example = "lr=0.03,0.1"};
}

/// All but the method and what methods and optimizers say themselves.
settings<train_options> run_settings() {
  using o = train_options;
  settings<train_options> table{
      {"out", "Run", text(&o::out, "DIR", "runs/first"),
       "run directory; default: runs/ and a name made of data, method, variant and seed",
       role::habit},
      {"seed", "Run", whole(&o::seed, at_least(0)), "of everything that is random"},
      {"resume", "Run", resume_field(),
       "continue the run in --out, or the run or checkpoint at PATH", role::session},
      {"overwrite", "Run", flag(&o::overwrite), "replace the run that is there", role::session},
      {"accept-changed-data", "Run", flag(&o::accept_changed_data),
       "with --resume: go on with images that are not those of the run", role::session},
      {"max-steps", "Run", whole(&o::max_steps, at_least(0)),
       "stop, with a checkpoint, after step N of the run; 0 = at its end", role::session},
      {"stop-after", "Run", minutes_field(),
       "stop, with a checkpoint, after so many minutes; the same command goes on; 0 = never",
       role::session},
      {"checkpoint-every", "Run", whole(&o::checkpoint_every, {1, most_epochs}), "epochs",
       role::habit},
      {"knn-every", "Run", whole(&o::knn_every, {0, most_epochs}),
       "epochs between kNN accuracies in the log, 0 = never", role::habit},
      {"log-every", "Run", whole(&o::log_every, at_least(1)), "steps between lines of the metrics",
       role::habit},
      {"tensorboard", "Run", flag(&o::tensorboard),
       "write the metrics for TensorBoard as well, into tensorboard/ of the run", role::habit},
      {"report", "Run", flag(&o::report),
       "write report.html into the run when it ends, as triptych report does", role::habit},
      {"dump-step", "Run", text(&o::dump_step, "FILE", "step.safetensors"),
       "write every tensor of one step, to be recomputed elsewhere", role::session},
      {"dump-at", "Run", whole(&o::dump_at, at_least(1)), "which step to dump, from 1",
       role::session},
      {"config", "Run", text(&o::config, "FILE", "run.toml"),
       "read options from FILE, lines of name = value", role::session},
      {"print-config", "Run", flag(&o::print_config),
       "print all options, with their sources, as such a file, and exit", role::session},
      {"dry-run", "Run", flag(&o::dry_run), "print shapes, sizes and steps; write nothing",
       role::session},
      {"quiet", "Run", flag(&o::quiet), "no progress on stderr", role::session},
      {"json", "Run", flag(&o::json), "results as JSON", role::session},

      {"device", "Machine", device_field(),
       "where to compute; auto: on the first CUDA device, else on the CPU", role::habit},
      {"backend", "Machine", one_of(&o::backend, {"reference", "eigen"}),
       "on the CPU: reference: plain and slow; eigen: fast"},
      {"dtype", "Machine", one_of(&o::dtype, {"f32", "f64"}), "f64 needs the backend reference"},
      {"convolution", "Machine", name_among(&o::convolution, convolution::any::names),
       "algorithm of the backend eigen; bf16: rounded products, on processors with AMX"},
      {"threads", "Machine", whole(&o::threads, {0, most_threads}),
       "0 = all; results do not depend on it", role::habit},
      {"precision", "Machine", one_of(&o::precision, {"f32", "tf32", "bf16"}),
       "on CUDA: what the operands of products are rounded to"},
      {"conv-engine", "Machine", one_of(&o::conv_engine, {"auto", "gemm", "cudnn"}),
       "on CUDA: cuBLAS on patch matrices, or cuDNN; auto: cuDNN where it is there", role::habit},
      {"resident", "Machine", toggle(&o::resident),
       "on CUDA: images lie in its memory and views are made there; off: by the CPU", role::habit},
      {"graph", "Machine", toggle(&o::graph),
       "on CUDA: a step's launches are made as one graph; off: one by one", role::habit},

      {"data", "Images", name_among(&o::data, data::data_set_names),
       "data set: " + join(data::data_set_names, ", ")},
      {"procedural-train", "Images", whole(&o::procedural_train, {1, 10'000'000}),
       "generated training images"},
      {"procedural-test", "Images", whole(&o::procedural_test, {1, 10'000'000}),
       "generated test images"},
      {"image-size", "Images", whole(&o::image_size, {0, most_pixels}),
       "pixels on a side of a view, 0 = the data set's own"},
      {"augment", "Images", name_among(&o::augment, augment::preset_names),
       "recipe of the views: " + join(augment::preset_names, ", ")},
      {"normalize", "Images", normalize_field<o>(),
       "mean and deviation that normalize them; auto: those of --init's file, else the data set's"},

      {"init", "Networks", text(&o::init, "FILE", "resnet18.safetensors"),
       "start from the encoder in a safetensors file of torchvision's names; its width, blocks, "
       "block and stem are taken"},
      {"width", "Networks", within(&o::encoder, whole(&nn::resnet_options::width, {1, 4096})),
       "channels of the first stage"},
      {"blocks", "Networks",
       within(&o::encoder, wholes(&nn::resnet_options::blocks, 1, 1000, "N,N,N,N")),
       "residual blocks of the stages"},
      {"block", "Networks",
       within(&o::encoder, one_of(&nn::resnet_options::block, {"basic", "bottleneck"})),
       "basic: two 3x3 convolutions; bottleneck: 1x1, 3x3 and 1x1, with four times the channels "
       "between "
       "blocks"},
      {"stem", "Networks",
       within(&o::encoder, one_of(&nn::resnet_options::stem, {"cifar", "imagenet"})),
       "cifar: 3x3, for small images; imagenet: 7x7 stride 2 and max-pool"},
      {"zero-init-residual", "Networks",
       within(&o::encoder, toggle(&nn::resnet_options::zero_init_residual)),
       "residual blocks start as the identity"},
      {"head", "Networks",
       within(&o::head, wholes(&nn::head_options::projector, 1, 1 << 20, "N,N,...")),
       "output sizes of the projector's layers"},
      {"head-norm", "Networks",
       within(&o::head,
              one_of(&nn::head_options::projector_norm, {"all", "plain", "hidden", "none"})),
       "BatchNorm in the projector: after every layer; the last without scale and shift; not after "
       "the last; nowhere"},
      {"predictor-hidden", "Networks",
       within(&o::head, whole(&nn::head_options::predictor_hidden, {0, 1 << 20})),
       "hidden size of the predictor, 0 = no predictor"},

      {"epochs", "Optimizer", whole(&o::epochs, {1, most_epochs}), "passes over the images"},
      {"batch", "Optimizer", whole(&o::batch, {2, largest_batch}), "images in a step"},
      {"lr", "Optimizer", real(&o::lr, positive), "learning rate; with --resume: from there on"},
      {"lr-changes", "Optimizer", rate_changes(&o::lr_changes),
       "another --lr from step N on, counted from 0; --resume --lr X adds one"},
      {"schedule", "Optimizer", one_of(&o::schedule, {"cosine", "constant"}),
       "of the learning rate"},
      {"predictor-lr", "Optimizer", one_of(&o::predictor_lr, {"cosine", "constant"}),
       "schedule of the predictor; cosine: that of the others"},
      {"warmup-epochs", "Optimizer", whole(&o::warmup_epochs, {0, most_epochs}),
       "epochs of linear warm-up"},
      {"clip-norm", "Optimizer", real(&o::clip_norm, not_negative),
       "largest norm of the gradient, 0 = any"},
      {"optimizer", "Optimizer", name_among(&o::optimizer, optimizers::names),
       "update rule: " + join(optimizers::names, ", ")},
  };
  add_images(table, "procedural-train");
  return table;
}

/// The method, but for what it says itself.
settings<train_options> method_settings() {
  using o = train_options;
  return {
      {"method", "Method", name_among(&o::method, methods::names),
       "what is learned from: " + join(methods::names, ", ")},
      {"recipe", "Method", one_of(&o::recipe, {"paper", "tuned"}),
       "where all options start: settings shared by all methods, or the method's own recipe"},
      {"variant", "Method", one_of(&o::variant, {"paper", "released"}),
       "mncl: sets all switches between the paper and its authors' code as the one or the other"},
      {"momentum-m", "Method", real(&o::momentum_m, fraction), "of the momentum network"},
      {"momentum-schedule", "Method", one_of(&o::momentum_schedule, {"cosine", "constant"}),
       "of it: rising to 1, or constant"},
      {"grid", "Method", whole(&o::grid, {1, 16}), "patches on a side of an image"},
      {"combine-k", "Method", whole(&o::combine_k, {1, 256}), "patches in a combination"},
      {"combine", "Method", one_of(&o::combine, {"all", "random"}),
       "all combinations, or one at random"},
  };
}

}  // namespace

const settings<train_options>& train_settings() {
  static const settings<train_options> table = [] {
    auto all = run_settings();
    add_described<optimizers>(all, "Optimizer", &train_options::optimizer);
    for (auto& s : method_settings()) all.push_back(std::move(s));
    add_described<methods>(all, "Method", &train_options::method);
    return all;
  }();
  return table;
}

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
        {"image-size", "Images", whole(&o::image_size, {0, most_pixels}),
         "pixels on a side of a view, 0 = as in training, where that is not known the data set's"},
        {"normalize", "Images", normalize_field<o>(),
         "mean and deviation that normalize them; auto: as in training"},
        {"large", "Images", flag(&o::large), large_help},
        {"threads", "Output", whole(&o::threads, {0, most_threads}), "0 = all"},
        {"quiet", "Output", flag(&o::quiet), "no progress on stderr"},
        {"keep-features", "Output", toggle(&o::keep_features),
         "in eval/features, so that the next evaluation does not encode again"},
        {"json", "Output", flag(&o::json), "results as JSON"},
    };
    add_images(all, "image-size");
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
        {"image-size", "Images", whole(&o::image_size, {0, most_pixels}),
         "pixels on a side of a view, 0 = as in training, where that is not known the data set's"},
        {"normalize", "Images", normalize_field<o>(),
         "mean and deviation that normalize them; auto: as in training"},
        {"large", "Images", flag(&o::large), large_help},
        {"batch", "Machine", whole(&o::batch, {1, largest_batch}), "images at a time"},
        {"threads", "Machine", whole(&o::threads, {0, most_threads}), "0 = all"},
        {"quiet", "Output", flag(&o::quiet), "no progress on stderr"},
    };
    add_images(all, "image-size");
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

const settings<merge_options>& merge_settings() {
  using o = merge_options;
  static const settings<merge_options> table{
      {"tables", "", texts(&o::tables, "DIR", "runs/reproduce"),
       "what reproduce wrote, its --out; unfinished cells are left out"},
      {"out", "Output", text(&o::out, "DIR", "runs/merged"),
       "where the table goes; one that is there grows"},
      {"quiet", "Output", flag(&o::quiet), "no remarks on stderr"},
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
        {"image-size", "Images", whole(&o::image_size, {0, most_pixels}),
         "pixels on a side of a view, 0 = as in training"},
        {"normalize", "Images", normalize_field<o>(),
         "mean and deviation that normalize them; auto: as in training"},
        {"large", "Images", flag(&o::large), large_help},
        {"batch", "Machine", whole(&o::batch, {1, largest_batch}), "images at a time"},
        {"threads", "Machine", whole(&o::threads, {0, most_threads}), "0 = all"},
    };
    add_images(all, "image-size");
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

const settings<reproduce_options>& reproduce_settings() {
  using o = reproduce_options;
  static const settings<reproduce_options> table{
      {"table", "",
       positional(
           one_of(&o::table, {std::begin(choice::table_names), std::end(choice::table_names)})),
       "table0: the switches between the paper and its authors' code; table1: the methods; table2: "
       "lambda; table3: one combination or all, on the way; table4: combine-k"},
      {"vary", "", vary_field(),
       "options and values, a row of the table for each combination; values that hold commas have "
       "semicolons between them: 'head=64,64;128,128'"},
      {"out", "Table", text(&o::out, "DIR", "runs/reproduce"),
       "where the table goes, as .md, .csv, .json and .svg, and its runs", role::habit},
      {"seeds", "Table", wholes(&o::seeds, 0, std::numeric_limits<int>::max(), "N,N,..."),
       "of the runs of each row", role::session},
      {"methods", "Table", methods_field(),
       "rows of table1: " + join(methods::names, ", ") + ", or all of them [all]", role::session},
      {"evaluator", "Table", one_of(&o::evaluator, {"auto", "linear", "logistic", "knn"}),
       "what judges the encoders; auto: the paper's linear evaluation where images are enough for "
       "it, else logistic"},
      {"points", "Table", whole(&o::points, {0, most_epochs}),
       "equal parts of the epochs, each of which ends with an evaluation; 0 = 4 for table3, else "
       "1"},
      {"budget", "Table", whole(&o::budget, {0, most_epochs}),
       "encoder forwards that each training image is worth, a backward counts two: a row's epochs "
       "are those divided by its cost; 0 = --epochs for all"},
  };
  return table;
}

/// The options of training that the cells of a table can have in common.
const settings<train_options>& shared_settings() {
  static const settings<train_options> table = [] {
    constexpr std::string_view others[]{"out",       "seed",      "resume",  "accept-changed-data",
                                        "json",      "overwrite", "dry-run", "print-config",
                                        "max-steps", "dump-step", "dump-at", "lr-changes",
                                        "init",      "report"};
    auto shared = train_settings();
    std::erase_if(shared, [&](const setting<train_options>& s) {
      return std::find(std::begin(others), std::end(others), s.name) != std::end(others);
    });
    return shared;
  }();
  return table;
}

namespace {

template <class Options>
std::vector<option_text> option_texts(const settings<Options>& table) {
  std::vector<option_text> texts;
  for (const auto& s : table) {
    auto help = s.help;
    const auto initial = s.value.write(Options{});
    if ((s.value.shape == form::value) && !initial.empty()) help += " [" + initial + "]";
    texts.push_back({s.name, s.group, s.value.hint, help, s.value.shape});
  }
  return texts;
}

template <class Options>
command_text described(const settings<Options>& table, std::string name, std::string summary,
                       std::string more) {
  return {std::move(name), std::move(summary), std::move(more), option_texts(table)};
}

/// A command that makes tables; without the options named in `others`.
command_text described_table(std::string name, std::string summary, const std::string& example,
                             std::initializer_list<std::string_view> others) {
  auto text =
      described(reproduce_settings(), std::move(name), std::move(summary),
                "The options of train hold for every cell, save those that the table varies.\n"
                "The same command goes on where it was interrupted; finished cells are skipped.\n"
                "Example:\n  triptych " +
                    example);
  for (auto& option : option_texts(shared_settings())) text.options.push_back(std::move(option));
  std::erase_if(text.options, [&](const option_text& option) {
    return std::find(others.begin(), others.end(), option.name) != others.end();
  });
  return text;
}

}  // namespace

const std::vector<command_text>& command_texts() {
  static const std::vector<command_text> all{
      described(
          train_settings(), "train", "Train an encoder without labels.",
          "A value may be a flag, TRIPTYCH_<NAME> in the environment, or a line of\n"
          "--config's file: the first of these counts, then --variant, then --recipe,\n"
          "then the default.\n"
          "Example:\n  triptych train --data procedural --width 16 --epochs 6 --out runs/first"),
      described(eval_settings(), "eval", "Measure how good a trained encoder's features are.",
                "Example:\n  triptych eval runs/first --protocol logistic,knn"),
      described(embed_settings(), "embed", "Write features of images, labels and file names.",
                "Example:\n  triptych embed runs/first --split test --out features.safetensors"),
      described(export_settings(), "export", "Write a trained encoder for other programs.",
                "Example:\n  triptych export runs/first --format onnx --out encoder.onnx"),
      described(inspect_settings(), "inspect", "Print what a file or a run holds, and check it.",
                "Example:\n  triptych inspect runs/first"),
      described(runs_settings(), "runs", "List runs: state, loss, accuracy and size.",
                "Example:\n  triptych runs runs"),
      described(compare_settings(), "compare", "Compare runs, seed by seed where they share them.",
                "Example:\n  triptych compare runs/a-seed1 runs/a-seed2 runs/b-seed1 runs/b-seed2"),
      described(report_settings(), "report", "Make a page of curves and pictures of runs.",
                "One HTML file that needs nothing else.\n"
                "Example:\n  triptych report runs/first --out report.html"),
      described(data_settings(), "data", "List, verify and show data sets.",
                "Example:\n  triptych data show procedural --out sheet.png"),
      described_table("reproduce", "Train and evaluate all that a table compares.",
                      "reproduce table2 --data procedural --width 8 --epochs 4 --seeds 1",
                      {"vary", "method"}),
      described_table("sweep", "Train and evaluate all combinations of some options.",
                      "sweep lr=0.03,0.1 lambda=2,6 --data procedural --width 8 --epochs 4",
                      {"table", "methods"}),
      described(merge_settings(), "merge", "Make one table of what several machines trained.",
                "Of a cell it keeps what a reader needs, and no checkpoint: a few KiB.\n"
                "Example:\n  triptych merge machine1/out machine2/out --out runs/merged"),
      described(doctor_settings(), "doctor", "Print what this program and this machine have.",
                "What is missing is said, with what to do about it; it is no failure.\n"
                "Example:\n  triptych doctor --data-dir data"),
  };
  return all;
}

}  // namespace triptych::app
