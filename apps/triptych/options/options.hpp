// apps/triptych/options/options.hpp
//
// What a user can ask of the app, as plain structs with typed fields: one per command, no trace of
// how a value was given. The fields are declared to the outside in train_settings.cpp and its like,
// once each; there they get name, limits and help. What a method or an optimizer takes it says
// itself (described.hpp). The defaults of training are the paper's shared settings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <triptych/augment/normalize.hpp>
#include <triptych/backend/device/cuda/options.hpp>
#include <triptych/nn/architecture.hpp>
#include <triptych/train/schedule.hpp>

namespace triptych::app {

/// The enumerators are spelled as on the command line; `automatic` is written "auto".
namespace choice {
enum class backend { reference, eigen };
enum class device { automatic, cpu, cuda };
enum class dtype { f32, f64 };
enum class launcher { automatic, none };
enum class recipe { paper, tuned };
enum class variant { paper, released };
enum class schedule { cosine, constant };
enum class combine { all, random };
enum class protocol { linear, logistic, knn, finetune };
enum class evaluator { automatic, linear, logistic, knn };
enum class baseline { untrained, pixels };
enum class split { train, test };
enum class weights_format { onnx, safetensors };
enum class features_format { automatic, safetensors, npy, csv };
enum class bad_image { stop, skip };
enum class data_action { list, verify, show };
enum class table { table0, table1, table2, table3, table4, sweep };
inline constexpr std::string_view table_names[]{"table0", "table1", "table2",
                                                "table3", "table4", "sweep"};
}  // namespace choice

/// One value as it was given. `source` names the place for messages.
struct given_value {
  std::string name, text, source;
};

/// Where the values came from: option name -> "flag --lr", "environment TRIPTYCH_LR", "run.toml:3".
struct sources {
  std::map<std::string, std::string, std::less<>> given;

  [[nodiscard]] bool has(std::string_view name) const { return given.find(name) != given.end(); }
  [[nodiscard]] std::string of(std::string_view name) const {
    const auto found = given.find(name);
    return found == given.end() ? "the defaults" : found->second;
  }
};

/// What normalizes the images of a network.
struct normalize_choice {
  enum class kind {
    automatic,  ///< what normalized those that its weights were trained on; of new ones, `data`
    imagenet,
    data,  ///< the constants of the data set
    given
  };
  kind from = kind::automatic;
  augment::normalization numbers{};  ///< where they are given
};

/// Which images, of all commands that read a data set.
struct image_choice {
  std::string data = "cifar10";
  std::string data_dir;
  std::int64_t limit_per_file = 0;  ///< 0: no limit
  choice::bad_image on_bad_image = choice::bad_image::stop;
  std::int64_t image_memory = 0;  ///< MiB for decoded pictures; 0: half of what is free
};

/// Those that a trained encoder encodes: its run's, unless given; see inherit_data().
struct encoded_images : image_choice {
  int image_size = 0;  ///< 0: the run's
  normalize_choice normalize;
  bool large = false;  ///< see require_usual()
};

struct train_options : image_choice {
  // the run
  std::string out;  ///< see run_directory()
  std::uint64_t seed = 0;
  std::string resume;  ///< empty: a new run; "auto": its newest checkpoint; or a path
  bool overwrite = false;
  std::int64_t max_steps = 0;  ///< stop after this step of the run; 0: at its end
  double stop_after = 0;       ///< minutes of this call; 0: at its end
  int checkpoint_every = 1;    ///< epochs
  int knn_every = 0;           ///< epochs; 0: never
  int log_every = 10;          ///< steps
  bool tensorboard = false;    ///< the log as its events as well
  bool report = false;         ///< a page of the run at its end; see write_report()
  std::string dump_step;       ///< file for the tensors of one step
  std::int64_t dump_at = 1;    ///< which step, from 1
  std::string config;
  bool print_config = false, dry_run = false, quiet = false, json = false;

  // the machine
  choice::backend backend = choice::backend::eigen;
  choice::device device = choice::device::automatic;
  int device_index = 0;  ///< of the CUDA device
  choice::dtype dtype = choice::dtype::f32;
  std::string convolution = "fast";
  int threads = 0;  ///< of each rank; 0: all
  int ranks = 1;    ///< that share every batch, as threads of this process
  choice::launcher launcher = choice::launcher::automatic;
  backend::cuda_precision precision = backend::cuda_precision::tf32;
  backend::cuda_convolution conv_engine = backend::cuda_convolution::automatic;
  bool resident = true;  ///< images in the device's memory
  bool graph = true;     ///< a step on it is one graph

  // the images
  bool accept_changed_data = false;
  std::int64_t procedural_train = 5000, procedural_test = 1000;
  int image_size = 0;  ///< 0: the data set's own; see view_size()
  std::string augment = "mncl";
  normalize_choice normalize;

  // the networks
  std::string init;  ///< a file whose encoder all networks start from; empty: a random one
  nn::resnet_options encoder;
  nn::head_options head;

  // the optimizer
  int epochs = 200, batch = 256;
  int micro_batches = 1;  ///< that a batch is worked off in
  std::string optimizer = "sgd";
  double lr = 0.1;
  std::vector<train::rate_change> lr_changes;  ///< by ascending step
  choice::schedule schedule = choice::schedule::cosine;
  choice::schedule predictor_lr = choice::schedule::cosine;
  int warmup_epochs = 0;
  double clip_norm = 0;  ///< 0: gradients are not clipped

  // the method
  std::string method = "mncl";
  choice::recipe recipe = choice::recipe::paper;
  choice::variant variant = choice::variant::paper;
  double momentum_m = 0.99;
  choice::schedule momentum_schedule = choice::schedule::constant;
  int grid = 2, combine_k = 2;
  choice::combine combine = choice::combine::all;

  /// Of the method and the optimizer, what differs from their own defaults; see part_of().
  std::map<std::string, std::string, std::less<>> described{};

  sources from{};
};

/// Sets every switch between the paper and its authors' code as the variant has it.
void apply_variant(train_options& options, choice::variant variant);

struct eval_options : encoded_images {
  std::string run;  ///< a run directory, one of its checkpoints, or a file of weights
  std::string out;  ///< where results go; empty: encoder_source::directory
  std::vector<choice::protocol> protocol{choice::protocol::linear, choice::protocol::logistic,
                                         choice::protocol::knn};
  std::vector<choice::baseline> baselines{choice::baseline::untrained, choice::baseline::pixels};
  std::vector<double> label_fraction{};  ///< shares of the labels to judge by as well
  int epochs = 90, batch = 256;
  double lr = 0.8;
  int finetune_epochs = 50, finetune_batch = 128, patience = 20;
  double backbone_lr = 0.02, head_lr = 0.2, weight_decay = 1e-4;
  bool keep_features = true;
  std::uint64_t seed = 0;
  bool resume = false;
  int threads = 0;
  bool quiet = false, json = false;
  std::vector<std::string> sets{"cifar10"};  ///< to be judged on, one after another as `data`

  // not for the command line
  bool trained = true, same_images = false;
  bool several = false;  ///< sets, each with a directory of its own

  sources from{};
};

struct embed_options : encoded_images {
  std::string run;
  choice::split split = choice::split::test;
  std::string out;
  choice::features_format format = choice::features_format::automatic;
  int neighbors = 0;  ///< of each image, to be listed; 0: no list
  int batch = 256;
  int threads = 0;
  bool quiet = false;

  sources from{};
};

struct export_options {
  std::string run;  ///< a run directory, one of its checkpoints, or a file of weights
  choice::weights_format format = choice::weights_format::onnx;
  std::string out;  ///< empty: in the run, beside what training exports
  bool overwrite = false;
  int image_size = 0;  ///< 0: as in training; where that is not known, any
  normalize_choice normalize;
  bool quiet = false;

  sources from{};
};

struct inspect_options {
  std::string file;  ///< a safetensors file, a checkpoint or a run directory
  bool json = false;

  sources from{};
};

struct runs_options {
  std::string dir = "runs";  ///< that runs lie in, at any depth
  bool json = false;

  sources from{};
};

struct compare_options {
  std::vector<std::string> runs;  ///< run directories
  bool json = false;

  sources from{};
};

struct merge_options {
  std::vector<std::string> tables;  ///< directories that reproduce_options::out was
  std::string out = "runs/merged";
  bool quiet = false;

  sources from{};
};

struct report_options : encoded_images {
  std::vector<std::string> runs;  ///< run directories
  std::string run;                ///< of which pictures are made, for open_encoder()
  std::string out = "report.html";
  bool pictures = true;
  int map = 2000;  ///< test images in the embedding map; 0: none
  int batch = 256;
  int threads = 0;
  bool quiet = false;

  sources from{};
};

struct data_options : image_choice {
  choice::data_action action = choice::data_action::list;
  std::int64_t procedural_train = 5000, procedural_test = 1000;
  choice::split split = choice::split::train;
  std::string out;
  std::string augment = "mncl";
  int count = 8, views = 5;
  int image_size = 0;
  std::uint64_t seed = 0;
  int threads = 0;

  sources from{};
};

struct doctor_options {
  std::string data_dir;
  bool json = false;

  sources from{};
};

/// What a sweep sets an option to.
struct varied_option {
  std::string name;
  std::vector<std::string> values;

  friend bool operator==(const varied_option&, const varied_option&) = default;
};

/// Of the commands `reproduce` and `sweep`.
struct reproduce_options {
  choice::table table = choice::table::table1;
  std::vector<varied_option> vary;  ///< of a sweep: a row for each combination
  std::vector<int> seeds{1, 2};
  std::vector<std::size_t> methods;  ///< places among methods::names; none: all
  choice::evaluator evaluator = choice::evaluator::automatic;
  int points = 0;  ///< of table_plan; 0: the table's own
  int budget = 0;  ///< encoder forwards for a training image in all; 0: epochs are given
  std::string out = "runs/reproduce";

  train_options train;                           ///< what holds for every cell; see cell_options()
  std::vector<std::vector<given_value>> layers;  ///< what made `train`, the last counting most

  sources from{};
};

/// `own` takes the run's images where the user gave none.
template <class Options>
void inherit_data(Options& own, const train_options& run) {
  if (own.from.has("data")) return;
  own.data = run.data;
  if (!own.from.has("data-dir")) own.data_dir = run.data_dir;
  if (!own.from.has("limit-per-file")) own.limit_per_file = run.limit_per_file;
  if (!own.from.has("on-bad-image")) own.on_bad_image = run.on_bad_image;
}

using any_options = std::variant<train_options, eval_options, embed_options, export_options,
                                 inspect_options, runs_options, compare_options, report_options,
                                 data_options, reproduce_options, merge_options, doctor_options>;

/// Refuses what does not go together (error::usage); returns warnings.
std::vector<std::string> check(const train_options& options);

/// The value of the option `name` as it is written on a command line.
std::string written(const train_options& options, std::string_view name);

/// Pixels on a side of a view: --image-size, or the data set's own.
int view_size(const train_options& options);

/// --out, or a name made of the choices that tell runs apart.
std::string run_directory(const train_options& options);

/// The configuration as TOML, to be given back by --config. `annotated` adds where each value that
/// is not a default came from.
std::string config_toml(const train_options& options, bool annotated = false);

/// The options that a text of config_toml() stands for; `name` is for messages. Throws
/// error::usage.
train_options config_from_toml(std::string_view text, const std::string& name);

/// The configuration as one JSON object, keys named as the options, numbers as numbers; `more` adds
/// numbers under further names.
std::string config_json(const train_options& options,
                        const std::vector<std::pair<std::string, double>>& more = {});

/// What must be the same on all ranks of a run, as text: all that changes what is computed, and how
/// often a step is looked at.
std::string computing_options(const train_options& options);

/// What computes something else in `asked` than in `stored`: "lr is 0.1, not 0.2". Empty if a run
/// with the one can be continued with the other after `done` steps: changes of the learning rate
/// after them are no difference.
std::vector<std::string> differences(const train_options& stored, const train_options& asked,
                                     std::int64_t done = std::numeric_limits<std::int64_t>::max());

/// What a run resumed after `done` steps goes on with: the stored configuration where `asked` is
/// silent. Its flag --lr is the base rate from there on. Another option that would compute
/// something else throws error::checkpoint.
train_options resumed(const train_options& stored, const train_options& asked, std::int64_t done);

/// The base learning rate that holds at a step, counted from 0.
double base_rate(const train_options& options, std::int64_t step);

/// The options of one cell of a table: the shared ones under `own`, whose source is the table.
train_options cell_options(const reproduce_options& options, const std::vector<given_value>& own);

/// What decides the numbers of a table, as TOML; see table_differences().
std::string table_toml(const reproduce_options& options);

/// The options that a text of table_toml() stands for, without rows and seeds of its own; `name` is
/// for messages. Throws error::usage.
reproduce_options table_from_toml(std::string_view text, const std::string& name);

/// What judged the cells of a table_toml() `text`, which `name` names.
choice::evaluator evaluator_of(std::string_view text, const std::string& name);

/// What makes other numbers in `asked` than in a table_toml() `text`, which `name` names. The
/// automatic evaluator is that of the text.
std::vector<std::string> table_differences(std::string_view text, const std::string& name,
                                           const reproduce_options& asked);

/// What was given of the options that change what is computed, and is not the default.
std::vector<std::pair<std::string, std::string>> chosen(const train_options& options);

/// Whether an option, such as queue, means something to the method.
bool method_takes(const train_options& options, std::string_view option);

}  // namespace triptych::app
