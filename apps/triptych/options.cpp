// Every option of every command, declared once, and the order in which their sources count.
#include "options.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <limits>

#include <unistd.h>

#include <Eigen/Core>

#include <triptych/augment/recipe.hpp>
#include <triptych/backend/cpu/convolution/any.hpp>
#include <triptych/data/registry.hpp>
#include <triptych/io/file.hpp>
#include <triptych/version.hpp>

#include "build_info.hpp"
#include "command_line.hpp"
#include "configuration.hpp"
#include "described.hpp"
#include "parts.hpp"
#include "recipes.hpp"
#include "settings.hpp"
#include "tables.hpp"
#include "variants.hpp"

namespace triptych::app {

namespace {

namespace fs = std::filesystem;

// -------------------------------------------------------------------------------------------
// tables

const std::vector<std::string_view> split_names{"train", "test"};
const std::vector<std::string_view> evaluator_names{"linear", "logistic", "knn"};

constexpr int most_threads = 1024, most_pixels = 4096, most_epochs = 1'000'000;
constexpr int largest_batch = 1 << 20, most_devices = 1024;
constexpr const char* limit_help = "take the first N records of each file, 0 = all";
constexpr const char* large_help =
    "take what the run says of views above 512 pixels and of more than 100000 generated images";
constexpr const char* data_dir_help =
    "where the data set lies; else it is looked for in $XDG_CACHE_HOME/triptych";

/// auto, cpu, cuda or cuda:N. Whether it is there is asked where it is needed; see place().
field<train_options> device_field() {
  auto result = one_of(&train_options::device, {"auto", "cpu", "cuda"});
  result.hint = "auto|cpu|cuda[:N]";
  result.read = [read = result.read](train_options& o, std::string_view text) {
    int index = 0;
    if (text.starts_with("cuda:")) {
      const auto number = text.substr(5);
      if (auto complaint = read_whole(number, 0, most_devices, index); !complaint.empty()) {
        return "has the number '" + std::string(number) + "', which " + complaint;
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

/// All but the method and what methods and optimizers say themselves.
settings<train_options> run_settings() {
  using o = train_options;
  return {
      {"out", "Run", text(&o::out, "DIR", "runs/first"),
       "run directory; default: runs/ and a name made of data, method, variant and seed",
       role::habit},
      {"seed", "Run", whole(&o::seed, at_least(0)), "of everything that is random"},
      {"resume", "Run", resume_field(),
       "continue the run in --out, or the run or checkpoint at PATH", role::session},
      {"overwrite", "Run", flag(&o::overwrite), "replace the run that is there", role::session},
      {"max-steps", "Run", whole(&o::max_steps, at_least(0)),
       "stop, with a checkpoint, after step N of the run; 0 = at its end", role::session},
      {"checkpoint-every", "Run", whole(&o::checkpoint_every, {1, most_epochs}), "epochs",
       role::habit},
      {"knn-every", "Run", whole(&o::knn_every, {0, most_epochs}),
       "epochs between kNN accuracies in the log, 0 = never", role::habit},
      {"log-every", "Run", whole(&o::log_every, at_least(1)), "steps between lines of the metrics",
       role::habit},
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

      {"data", "Images", name_among(&o::data, data::data_set_names), "data set"},
      {"data-dir", "Images", text(&o::data_dir, "DIR", "data/cifar-10-batches-bin"), data_dir_help,
       role::habit},
      {"limit-per-file", "Images", whole(&o::limit_per_file, at_least(0)), limit_help},
      {"procedural-train", "Images", whole(&o::procedural_train, {1, 10'000'000}),
       "generated training images"},
      {"procedural-test", "Images", whole(&o::procedural_test, {1, 10'000'000}),
       "generated test images"},
      {"image-size", "Images", whole(&o::image_size, {0, most_pixels}),
       "pixels on a side of a view, 0 = the data set's own"},
      {"augment", "Images", name_among(&o::augment, augment::preset_names),
       "recipe of the views: " + join(augment::preset_names, ", ")},

      {"width", "Networks", within(&o::encoder, whole(&nn::resnet_options::width, {1, 4096})),
       "channels of the first stage"},
      {"blocks", "Networks",
       within(&o::encoder, wholes(&nn::resnet_options::blocks, 1, 1000, "N,N,N,N")),
       "residual blocks of the stages"},
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
  static const settings<eval_options> table{
      {"run", "", positional(text(&o::run, "RUN", "runs/first")),
       "run directory, or one of its checkpoints"},
      {"protocol", "Evaluation", several_of(&o::protocol, evaluator_names), "what to measure"},
      {"untrained-baseline", "Evaluation", toggle(&o::untrained_baseline),
       "measure the same encoder untrained, too"},
      {"seed", "Evaluation", whole(&o::seed, at_least(0)), "of classifier and order of images"},
      {"epochs", "Linear evaluation", whole(&o::epochs, {1, most_epochs}),
       "passes over the images"},
      {"batch", "Linear evaluation", whole(&o::batch, {1, largest_batch}), "images in a step"},
      {"lr", "Linear evaluation", real(&o::lr, positive), "first learning rate (LARS, cosine)"},
      {"resume", "Linear evaluation", flag(&o::resume), "continue an interrupted one"},
      {"data", "Images", name_among(&o::data, data::data_set_names),
       "data set, default: the run's"},
      {"data-dir", "Images", text(&o::data_dir, "DIR", "data/cifar-10-batches-bin"), data_dir_help},
      {"limit-per-file", "Images", whole(&o::limit_per_file, at_least(0)), limit_help},
      {"large", "Images", flag(&o::large), large_help},
      {"threads", "Output", whole(&o::threads, {0, most_threads}), "0 = all"},
      {"quiet", "Output", flag(&o::quiet), "no progress on stderr"},
      {"json", "Output", flag(&o::json), "results as JSON"},
  };
  return table;
}

const settings<embed_options>& embed_settings() {
  using o = embed_options;
  static const settings<embed_options> table{
      {"run", "", positional(text(&o::run, "RUN", "runs/first")),
       "run directory, or one of its checkpoints"},
      {"out", "Output", text(&o::out, "FILE", "features.safetensors"),
       "where features and labels go"},
      {"split", "Images", one_of(&o::split, split_names), "which images"},
      {"data", "Images", name_among(&o::data, data::data_set_names),
       "data set, default: the run's"},
      {"data-dir", "Images", text(&o::data_dir, "DIR", "data/cifar-10-batches-bin"), data_dir_help},
      {"limit-per-file", "Images", whole(&o::limit_per_file, at_least(0)), limit_help},
      {"large", "Images", flag(&o::large), large_help},
      {"batch", "Machine", whole(&o::batch, {1, largest_batch}), "images at a time"},
      {"threads", "Machine", whole(&o::threads, {0, most_threads}), "0 = all"},
      {"quiet", "Output", flag(&o::quiet), "no progress on stderr"},
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

const settings<data_options>& data_settings() {
  using o = data_options;
  static const settings<data_options> table{
      {"action", "", positional(one_of(&o::action, {"list", "verify", "show"})),
       "list the data sets; verify one; or show its images"},
      {"name", "", positional(name_among(&o::name, data::data_set_names)),
       join(data::data_set_names, ", ")},
      {"data-dir", "Images", text(&o::data_dir, "DIR", "data/cifar-10-batches-bin"), data_dir_help},
      {"limit-per-file", "Images", whole(&o::limit_per_file, at_least(0)), limit_help},
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
  };
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
       positional(one_of(&o::table, {"table0", "table1", "table2", "table3", "table4"})),
       "table0: the switches between the paper and its authors' code; table1: the methods; table2: "
       "lambda; table3: one combination or all, on the way; table4: combine-k"},
      {"out", "Table", text(&o::out, "DIR", "runs/reproduce"),
       "where DIR/table1.md, .csv and .json and the runs below DIR/table1 go", role::habit},
      {"seeds", "Table", wholes(&o::seeds, 0, std::numeric_limits<int>::max(), "N,N,..."),
       "of the runs of each row", role::session},
      {"methods", "Table",
       several_of(&o::methods, {methods::names.begin(), methods::names.end()}),
       "rows of table1 [all]", role::session},
      {"evaluator", "Table", one_of(&o::evaluator, evaluator_names), "what judges the encoders"},
  };
  return table;
}

/// The options of training that the cells of a table can have in common.
const settings<train_options>& shared_settings() {
  static const settings<train_options> table = [] {
    constexpr std::string_view others[]{"out",     "seed",      "method",  "resume",
                                        "json",    "overwrite", "dry-run", "print-config",
                                        "max-steps", "dump-step", "dump-at", "lr-changes"};
    auto shared = train_settings();
    std::erase_if(shared, [&](const setting<train_options>& s) {
      return std::find(std::begin(others), std::end(others), s.name) != std::end(others);
    });
    return shared;
  }();
  return table;
}

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

command_text described_reproduce() {
  auto text = described(
      reproduce_settings(), "reproduce", "Train and evaluate all that a table compares.",
      "The options of train hold for every cell, save those that the table varies.\n"
      "The same command goes on where it was interrupted; finished cells are skipped.\n"
      "Example:\n  triptych reproduce table2 --data procedural --width 8 --epochs 4 --seeds 1");
  for (auto& option : option_texts(shared_settings())) text.options.push_back(std::move(option));
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
      described(embed_settings(), "embed", "Write features and labels to a safetensors file.",
                "Example:\n  triptych embed runs/first --split test --out features.safetensors"),
      described(inspect_settings(), "inspect", "Print what a file or a run holds, and check it.",
                "Example:\n  triptych inspect runs/first"),
      described(data_settings(), "data", "List, verify and show data sets.",
                "Example:\n  triptych data show procedural --out sheet.png"),
      described_reproduce(),
      described(doctor_settings(), "doctor", "Print what this program and this machine have.",
                "What is missing is said, with what to do about it; it is no failure.\n"
                "Example:\n  triptych doctor --data-dir data"),
  };
  return all;
}

// ------------------------------------------------------------------------------------------
// sources

namespace {

/// The environment's values for the options of `table`. A TRIPTYCH_ variable that belongs to no
/// command is refused: it is a misspelled one.
template <class Options>
std::vector<given_value> from_environment(const settings<Options>& table) {
  constexpr std::string_view prefix = "TRIPTYCH_";
  std::vector<given_value> values;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view line = *entry;
    const auto equals = line.find('=');
    const auto variable = line.substr(0, equals);
    const bool for_tests =
        variable == "TRIPTYCH_FAILPOINT" || variable == "TRIPTYCH_TEST_SEED";
    if (!variable.starts_with(prefix) || equals == line.npos || for_tests) continue;
    std::string name(variable.substr(prefix.size()));
    for (char& c : name) {
      c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    const auto source = "environment " + std::string(variable);
    const auto* own = find(table, name);
    if (own != nullptr && own->value.shape != form::positional) {
      values.push_back({name, std::string(line.substr(equals + 1)), source});
      continue;
    }
    std::vector<std::string_view> known;
    for (const auto& command : command_texts()) {
      for (const auto& option : command.options) {
        if (option.shape != form::positional) known.push_back(option.name);
      }
    }
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw error::usage(source + ": " + unknown_option(name, known) + "; unset the variable");
    }
  }
  return values;
}

std::string read_text(const std::string& path) {
  const auto file = io::open_input(path);
  constexpr std::uint64_t longest = 1 << 20;
  if (file.size > longest) {
    throw error::usage(path +
                       " is too long for a configuration; give a file of lines like lr = 0.1");
  }
  return std::string(io::read_bytes(file, static_cast<std::size_t>(file.size)).text());
}

/// Starts the options as the recipe has them for the method.
void apply_recipe(train_options& options) {
  if (options.recipe == choice::recipe::paper) return;
  for (const auto& [name, value] : tuned_values(options.method)) {
    assign(train_settings(), options, {std::string(name), std::string(value), "recipe tuned"});
    options.from.given.erase(std::string(name));
  }
}

/// The values of `layers`, the later over the earlier, over the recipe and the variant that they
/// choose.
train_options merged(const std::vector<std::vector<given_value>>& layers) {
  train_options options;
  this_configuration.defaults(options);
  train_options chosen = options;
  for (const auto& layer : layers) {
    for (const auto& value : layer) {
      for (const char* name : {"method", "recipe", "variant"}) {
        if (value.name == name) assign(train_settings(), chosen, value);
      }
    }
  }
  options.method = chosen.method;
  options.recipe = chosen.recipe;
  apply_recipe(options);
  if (chosen.from.has("variant")) apply_variant(options, chosen.variant);
  for (const auto& layer : layers) {
    for (const auto& value : layer) assign(train_settings(), options, value);
  }
  return options;
}

/// The values of --config's file.
std::vector<given_value> from_config(const train_options& options) {
  if (options.config.empty()) return {};
  if (!io::is_there(options.config)) {
    throw error::usage("config: there is no file '" + options.config + "' (from " +
                       options.from.of("config") + "); check the path");
  }
  auto values = parse_config(read_text(options.config), options.config);
  for (const auto& value : values) {
    if (value.name == "config") {
      throw error::usage(value.source + ": a configuration file names no other; put all options "
                                        "into one");
    }
  }
  return values;
}

train_options train_from(const std::vector<given_value>& flags) {
  const auto environment = from_environment(train_settings());
  const auto file = from_config(merged({environment, flags}));
  auto options = merged({file, environment, flags});
  if (!options.resume.empty() && options.overwrite) {
    throw error::usage("resume and overwrite exclude each other; give --resume to continue the run "
                       "or --overwrite to replace it");
  }
  return options;
}

template <class Options>
Options others_from(const settings<Options>& table, const std::vector<given_value>& flags) {
  Options options;
  for (const auto& value : from_environment(table)) assign(table, options, value);
  for (const auto& value : flags) assign(table, options, value);
  return options;
}

/// Adds a table's lines to a configuration.
template <class Options>
void add_toml(std::string& toml, const settings<Options>& table, const Options& options,
              bool annotated) {
  std::string group;
  for (const auto& s : table) {
    const auto value = s.value.write(options);
    if (s.use == role::session || value.empty()) continue;
    if (s.group != group) toml += "\n# " + s.group + "\n";
    group = s.group;
    toml += s.name + " = " + (s.value.number ? value : io::json_string(value));
    if (annotated && options.from.has(s.name)) toml += "  # from " + options.from.of(s.name);
    toml += "\n";
  }
}

/// What of a table computes something else in `asked` than in `stored`.
template <class Options>
std::vector<std::string> differences_in(const settings<Options>& table, const Options& stored,
                                        const Options& asked) {
  std::vector<std::string> list;
  for (const auto& s : table) {
    auto before = s.value.write(stored), after = s.value.write(asked);
    if (s.use != role::result || before == after) continue;
    for (auto* text : {&before, &after}) {
      if (text->empty()) *text = "none";
    }
    const bool given = asked.from.has(s.name);
    list.push_back(s.name + " is " + before + ", not " + after +
                   (given ? " (from " + asked.from.of(s.name) + ")" : ""));
  }
  return list;
}

/// The values that are the table's own, taken out of `values`.
std::vector<given_value> take_table_values(std::vector<given_value>& values) {
  const auto rest = std::stable_partition(
      values.begin(), values.end(),
      [](const given_value& v) { return find(reproduce_settings(), v.name) == nullptr; });
  std::vector<given_value> own(rest, values.end());
  values.erase(rest, values.end());
  return own;
}

/// Throws error::usage unless a positional argument was given.
template <class Options>
void require(const Options& options, const std::string& name, const std::string& sentence) {
  if (!options.from.has(name)) throw error::usage(sentence);
}

reproduce_options reproduce_from(std::vector<given_value> flags) {
  auto options = others_from(reproduce_settings(), take_table_values(flags));
  require(options, "table", "reproduce needs a table; give e.g. triptych reproduce table1");
  for (std::size_t i = 0; i < options.seeds.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (options.seeds[i] != options.seeds[j]) continue;
      throw error::usage("seeds: " + std::to_string(options.seeds[i]) + " (from " +
                         options.from.of("seeds") + ") comes twice; give each seed once");
    }
  }
  if (!options.methods.empty() && options.table != choice::table::table1) {
    throw error::usage("methods (from " + options.from.of("methods") +
                       ") are what table1 compares; leave the option out, or reproduce table1");
  }
  const auto plan = plan_of(options);
  for (const auto& flag : flags) {
    if (!varies(plan, flag.name)) continue;
    throw error::usage(flag.name + " (from " + flag.source + ") is what " + plan.name +
                       " varies; leave it out");
  }
  // What an environment or a file says of the cells' own options is meant for single runs.
  const auto shared = [&](std::vector<given_value> values) {
    std::erase_if(values, [&](const given_value& v) {
      return find(shared_settings(), v.name) == nullptr || varies(plan, v.name);
    });
    return values;
  };
  const auto environment = shared(from_environment(shared_settings()));
  const auto file = shared(from_config(merged({environment, flags})));
  options.layers = {file, environment, flags};
  options.train = merged(options.layers);
  return options;
}

/// Options that were given and mean nothing, and to whom: "the method simsiam".
std::vector<std::pair<std::string, std::string>> without_effect(const train_options& o) {
  std::vector<std::pair<std::string, std::string>> list;
  const auto see = [&](std::string_view name, bool used, const std::string& whom) {
    if (!used && o.from.has(name)) list.emplace_back(name, whom);
  };
  const std::string by_method = "the method " + o.method;
  const std::string by_optimizer = "the optimizer " + o.optimizer;
  const bool patches = traits_of(o.method).patches;
  for (const auto name : {"grid", "combine-k", "combine"}) see(name, patches, by_method);
  see("variant", o.method == method::mncl_options::about.name, by_method);
  for (const auto& s : described_names<methods>()) {
    see(s, has_option<methods>(o.method, s), by_method);
  }
  for (const auto& s : described_names<optimizers>()) {
    see(s, has_option<optimizers>(o.optimizer, s), by_optimizer);
  }
  return list;
}

/// C(n, k), or a number above `most` if it is larger than that.
std::int64_t combinations(std::int64_t n, std::int64_t k, std::int64_t most) {
  std::int64_t count = 1;
  k = std::min(k, n - k);
  for (std::int64_t i = 1; i <= k && count <= most; ++i) count = count * (n - k + i) / i;
  return count;
}

}  // namespace

// -------------------------------------------------------------------------------------------
// public

void apply_variant(train_options& o, choice::variant variant) {
  o.variant = variant;
  const bool released = variant == choice::variant::released;
  for (const auto& one : variant_switches()) {
    assign(train_settings(), o, {one.option, released ? one.released : one.paper, "the variant"});
    o.from.given.erase(one.option);
  }
}

bool has_queue(const train_options& o) { return has_option<methods>(o.method, "queue"); }

std::string version_text() {
  std::string text = "triptych " + std::to_string(TRIPTYCH_VERSION_MAJOR) + "." +
                     std::to_string(TRIPTYCH_VERSION_MINOR) + "." +
                     std::to_string(TRIPTYCH_VERSION_PATCH);
  text += std::string(" (") + build_commit + "), " + build_compiler;
  if (*build_flags != '\0') text += std::string(" ") + build_flags;
  return text + ", Eigen " + eigen_version() + ", configuration " +
         std::string(this_configuration.name);
}

std::string eigen_version() {
  return std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
         std::to_string(EIGEN_MINOR_VERSION);
}

any_options options_of(const command_request& request) {
  if (request.command == "train") return train_from(request.values);
  if (request.command == "reproduce") return reproduce_from(request.values);
  if (request.command == "eval") {
    auto options = others_from(eval_settings(), request.values);
    require(options, "run", "eval needs a run; give e.g. triptych eval runs/first");
    return options;
  }
  if (request.command == "embed") {
    auto options = others_from(embed_settings(), request.values);
    require(options, "run", "embed needs a run; give e.g. triptych embed runs/first --out FILE");
    require(options, "out", "embed needs a file to write; give e.g. --out features.safetensors");
    return options;
  }
  if (request.command == "doctor") return others_from(doctor_settings(), request.values);
  if (request.command == "inspect") {
    auto options = others_from(inspect_settings(), request.values);
    require(options, "file", "inspect needs a file; give e.g. triptych inspect runs/first");
    return options;
  }
  auto options = others_from(data_settings(), request.values);
  require(options, "action", "data needs to know what to do; give e.g. triptych data list");
  if (options.action != choice::data_action::list) {
    require(options, "name", "data needs the name of a data set; triptych data list shows them");
  }
  return options;
}

std::vector<std::string> check(const train_options& o) {
  const auto from = [&](const char* name) { return " (from " + o.from.of(name) + ")"; };
  const auto number = [](auto n) { return std::to_string(n); };

  if (o.device == choice::device::cuda) {
    const bool wide = o.dtype == choice::dtype::f64;
    if (wide || o.backend != choice::backend::eigen) {
      const std::string name = wide ? "dtype" : "backend";
      throw error::usage(name + ": " + written(o, name) + from(name.c_str()) +
                         " is for the CPU, not for the device " + written(o, "device") +
                         from("device") + "; give --device cpu, or leave --" + name + " out");
    }
  }
  if (o.dtype == choice::dtype::f64 && o.backend != choice::backend::reference) {
    throw error::usage("dtype: f64" + from("dtype") + " is not offered by the backend eigen" +
                       from("backend") + "; give --backend reference");
  }
  if (data::data_set_of(o.data).place == data::place::given && o.image_size == 0) {
    throw error::usage("image-size: a folder of images has no size of its own; give e.g. "
                       "--image-size 32");
  }
  const int pixels = view_size(o);
  const bool mncl = o.method == method::mncl_options::about.name;
  const bool cuts = traits_of(o.method).patches && (!mncl || this_configuration.local_branch);
  if (cuts) {
    if (pixels % o.grid != 0) {
      const int larger = (pixels / o.grid + 1) * o.grid;
      throw error::usage("image-size: " + number(pixels) + from("image-size") +
                         " is not divisible by the grid " + number(o.grid) + from("grid") +
                         "; give --image-size " +
                         number(larger <= most_pixels ? larger : larger - o.grid));
    }
    const int patches = o.grid * o.grid;
    if (o.combine_k > patches) {
      throw error::usage("combine-k: " + number(o.combine_k) + from("combine-k") +
                         " is more than the " + number(patches) + " patches of the grid " +
                         number(o.grid) + from("grid") + "; give --combine-k " + number(patches) +
                         " or less");
    }
    constexpr std::int64_t most = 10'000;
    if (combinations(patches, o.combine_k, most) > most) {
      throw error::usage("combine-k: " + number(o.combine_k) + " of " + number(patches) +
                         " patches are more than 10000 combinations; give a smaller --grid or "
                         "another --combine-k");
    }
  }
  std::int64_t pushed = 0, queue = 0;
  methods::find(o.method, [&]<class Options>() {
    const auto m = part_of<Options>(o);
    if constexpr (requires { m.pushed_rows(o.batch); }) {
      pushed = m.pushed_rows(o.batch);
      queue = m.queue;
    }
  });
  if (queue < pushed && (!mncl || this_configuration.global_branch)) {
    throw error::usage("queue: " + number(queue) + from("queue") + " is smaller than the " +
                       number(pushed) + " projections that a step puts in; give --queue " +
                       number(pushed) + " or more, or a smaller --batch");
  }
  const auto of_mncl = part_of<method::mncl_options>(o);
  const bool global_learns = this_configuration.global_branch && of_mncl.lambda > 0;
  const bool local_learns =
      this_configuration.local_branch && of_mncl.lambda_s > 0 && of_mncl.local_gradient;
  if (mncl && !global_learns && !local_learns) {
    throw error::usage(
        std::string("nothing would be learned: no loss has both a weight and a gradient; give ") +
        "e.g. " +
        (this_configuration.global_branch ? "--lambda 6"
                                          : "--lambda-s 1 with --local-gradient on"));
  }
  if (o.warmup_epochs >= o.epochs) {
    throw error::usage("warmup-epochs: " + number(o.warmup_epochs) + from("warmup-epochs") +
                       " leaves nothing of the " + number(o.epochs) + " epochs" + from("epochs") +
                       "; give a smaller --warmup-epochs");
  }
  if (o.dump_step.empty() && o.from.has("dump-at")) {
    throw error::usage("dump-at" + from("dump-at") + " needs a file; give --dump-step FILE, too");
  }
  if (!o.dump_step.empty() && o.max_steps > 0 && o.dump_at > o.max_steps) {
    throw error::usage("dump-at: step " + number(o.dump_at) + from("dump-at") +
                       " comes after the last one, " + number(o.max_steps) + from("max-steps") +
                       "; give a larger --max-steps");
  }

  const int parts = part_of<method::moco_options>(o).bn_splits;
  if (o.batch % parts != 0) {
    throw error::usage("bn-splits: a batch of " + number(o.batch) + from("batch") + " has no " +
                       number(parts) + from("bn-splits") +
                       " equal parts; give a --batch divisible by them");
  }

  std::vector<std::string> warnings;
  for (const auto& [name, whom] : without_effect(o)) {
    warnings.push_back(name + from(name.c_str()) + " means nothing to " + whom);
  }
  const int smallest = cuts ? pixels / o.grid : pixels;
  if (o.encoder.stem == nn::stem::imagenet && smallest < 64) {
    warnings.push_back("the stem imagenet divides the image's side by 32, so that its " +
                       number(smallest) +
                       "-pixel inputs end as maps of less than 2x2; consider "
                       "--stem cifar or a larger --image-size");
  }
  if (o.predictor_lr == choice::schedule::cosine && o.schedule == choice::schedule::constant &&
      o.from.has("predictor-lr")) {
    warnings.push_back(
        "predictor-lr: cosine follows the schedule of the other parameters, which is "
        "constant");
  }
  return warnings;
}

std::string written(const train_options& options, std::string_view name) {
  return find(train_settings(), name)->value.write(options);
}

int view_size(const train_options& o) {
  if (o.image_size > 0) return o.image_size;
  const int own = data::data_set_of(o.data).side;
  return own > 0 ? own : 32;
}

std::string run_directory(const train_options& o) {
  if (!o.out.empty()) return o.out;
  return "runs/" + written(o, "data") + "-" + written(o, "method") + "-" + written(o, "variant") +
         "-seed" + written(o, "seed");
}

std::string config_toml(const train_options& options, bool annotated) {
  std::string toml = "# " + version_text() + "\n";
  add_toml(toml, train_settings(), options, annotated);
  return toml;
}

train_options config_from_toml(std::string_view text, const std::string& name) {
  return merged({parse_config(text, name)});
}

std::string config_json(const train_options& given,
                        const std::vector<std::pair<std::string, double>>& more) {
  train_options options = given;
  options.image_size = view_size(given);
  options.out = run_directory(given);
  std::string json;
  const auto add = [&](const std::string& name, const std::string& value) {
    json += (json.empty() ? "{" : ", ") + io::json_string(name) + ": " + value;
  };
  for (const auto& s : train_settings()) {
    if (s.use == role::session) continue;
    const auto value = s.value.write(options);
    add(s.name, s.value.number ? value : io::json_string(value));
  }
  for (const auto& [name, value] : more) add(name, io::number_text(value));
  return json + "}";
}

std::vector<std::string> differences(const train_options& stored, const train_options& asked,
                                     std::int64_t done) {
  const auto until = [done](train_options o) {
    std::erase_if(o.lr_changes, [done](const auto& change) { return change.step >= done; });
    return o;
  };
  return differences_in(train_settings(), until(stored), until(asked));
}

double base_rate(const train_options& o, std::int64_t step) {
  return train::schedule{.base = o.lr, .changes = o.lr_changes}.base_at(step);
}

train_options cell_options(const reproduce_options& options, const std::vector<given_value>& own) {
  auto layers = options.layers;
  layers.push_back(own);
  auto cell = merged(layers);
  // What holds for every cell need not mean something to this one's method.
  for (const auto& [name, whom] : without_effect(cell)) cell.from.given.erase(name);
  return cell;
}

std::string table_toml(const reproduce_options& options) {
  std::string toml = "# " + version_text() + "\n";
  add_toml(toml, reproduce_settings(), options, false);
  add_toml(toml, shared_settings(), options.train, false);
  return toml;
}

std::vector<std::string> table_differences(std::string_view text, const std::string& name,
                                           const reproduce_options& asked) {
  auto values = parse_config(text, name);
  reproduce_options stored;
  for (const auto& value : take_table_values(values)) assign(reproduce_settings(), stored, value);
  auto list = differences_in(reproduce_settings(), stored, asked);
  for (auto& one : differences_in(shared_settings(), merged({values}), asked.train)) {
    list.push_back(std::move(one));
  }
  return list;
}

std::vector<std::pair<std::string, std::string>> chosen(const train_options& options) {
  train_options defaults;
  this_configuration.defaults(defaults);
  std::vector<std::pair<std::string, std::string>> list;
  for (const auto& s : shared_settings()) {
    const auto value = s.value.write(options);
    if (s.use != role::result || !options.from.has(s.name)) continue;
    if (value != s.value.write(defaults)) list.emplace_back(s.name, value);
  }
  return list;
}

train_options resumed(const train_options& before, const train_options& asked,
                      std::int64_t done) {
  train_options stored = before, merged = asked;
  // A file or the environment may still say what the run began with: a flag alone means "from now".
  if (asked.from.of("lr") == "flag --lr") {
    merged.lr = stored.lr;
    if (asked.lr != base_rate(stored, done)) {
      std::erase_if(stored.lr_changes, [done](const auto& change) { return change.step >= done; });
      if (asked.lr != base_rate(stored, done)) stored.lr_changes.push_back({done, asked.lr});
    }
  }
  for (const auto& s : train_settings()) {
    if (s.use == role::session || asked.from.has(s.name)) continue;
    s.value.read(merged, s.value.write(stored));
  }
  std::string changed;
  for (const auto& one : differences(stored, merged))
    changed += (changed.empty() ? "" : ", ") + one;
  if (!changed.empty()) {
    throw error::checkpoint("the run to resume was trained otherwise: " + changed +
                            "; leave these options out, or start a new run in another --out");
  }
  return merged;
}

}  // namespace triptych::app
