#include "triptych/options/options.hpp"

#include <cstdlib>
#include <string>
#include <vector>

#include <triptych/core/philox.hpp>

#include "support/catch.hpp"
#include "support/temporary_directory.hpp"
#include "support/thrown.hpp"
#include "triptych/options/command_line.hpp"
#include "triptych/options/described.hpp"
#include "triptych/options/parts.hpp"

using namespace triptych;
using namespace triptych::app;

namespace {

/// An environment variable for the time of a scope.
class variable {
 public:
  variable(std::string name, const std::string& value) : name_(std::move(name)) {
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;
  ~variable() { ::unsetenv(name_.c_str()); }

 private:
  std::string name_;
};

std::string variable_of(const std::string& option) {
  std::string name = "TRIPTYCH_";
  for (const char c : option) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

using pairs = std::vector<std::pair<std::string, std::string>>;

/// The options of `triptych train` with these flags.
train_options train_with(const pairs& flags) {
  command_request request{"train", {}};
  for (const auto& [name, text] : flags) request.values.push_back({name, text, "flag --" + name});
  return std::get<train_options>(options_of(request));
}

train_options checked(const pairs& flags) {
  auto options = train_with(flags);
  static_cast<void>(check(options));
  return options;
}

}  // namespace

TEST_CASE("The defaults of training are the paper's protocol") {
  const auto o = checked({});
  CHECK(o.batch == 256);
  CHECK(o.epochs == 200);
  CHECK(o.lr == 0.1);
  CHECK(o.optimizer == "sgd");
  CHECK(part_of<update::optimizer::sgd>(o).momentum == 0.9);
  CHECK(part_of<update::optimizer::sgd>(o).weight_decay == 1e-4);
  CHECK(o.momentum_m == 0.99);
  const auto mncl = part_of<method::mncl_options>(o);
  CHECK(mncl.queue == 16384);
  CHECK(mncl.temperature == 1);
  CHECK(mncl.lambda == 6);
  CHECK(o.head.projector == std::vector<int>{2048, 2048, 2048});
  CHECK(o.encoder.blocks == std::array<int, 4>{2, 2, 2, 2});
  CHECK(view_size(o) == 32);
  CHECK(run_directory(o) == "runs/cifar10-mncl-paper-seed0");
  CHECK(o.from.of("lr") == "the defaults");
}

TEST_CASE("A flag counts more than the environment, that more than the file, that more than the "
          "variant") {
  const temporary_directory directory;
  const auto file = directory.write(
      "run.toml", std::string("lr = 0.3\nbatch = 64\nepochs = 7\nvariant = \"released\"\n"
                              "clip-norm = 5\n"));
  const variable lr("TRIPTYCH_LR", "0.2"), batch("TRIPTYCH_BATCH", "32");
  const auto o = checked({{"config", file.string()}, {"lr", "0.1"}});
  CHECK(o.lr == 0.1);
  CHECK(o.from.of("lr") == "flag --lr");
  CHECK(o.batch == 32);
  CHECK(o.from.of("batch") == "environment TRIPTYCH_BATCH");
  CHECK(o.epochs == 7);
  CHECK(o.from.of("epochs") == file.string() + ":3");
  CHECK(o.clip_norm == 5);
  CHECK(part_of<method::mncl_options>(o).enqueue == method::enqueue::z2);
  CHECK_FALSE(o.from.has("enqueue"));
}

TEST_CASE("The variant sets every switch and single switches override it") {
  const auto paper = checked({}), released = checked({{"variant", "released"}});
  const auto of_paper = part_of<method::mncl_options>(paper);
  const auto of_released = part_of<method::mncl_options>(released);
  CHECK(of_paper.local_gradient);
  CHECK_FALSE(of_released.local_gradient);
  CHECK(of_released.global_loss == method::global_loss::nt_xent);
  CHECK(of_released.local_anchor == loss::anchor::prediction);
  CHECK(released.clip_norm == 1);
  CHECK(released.predictor_lr == choice::schedule::constant);
  CHECK(released.encoder.zero_init_residual);
  CHECK(of_released.momentum_init == method::momentum_init::independent);
  CHECK(of_released.ema_timing == method::ema_timing::before_forward);
  CHECK(of_released.patch_statistics == method::patch_statistics::online);
  CHECK(of_released.enqueue == method::enqueue::z2);

  const auto mixed = checked({{"enqueue", "both"}, {"variant", "released"}, {"clip-norm", "0"}});
  CHECK(part_of<method::mncl_options>(mixed).enqueue == method::enqueue::both);
  CHECK(mixed.clip_norm == 0);
  CHECK(mixed.encoder.zero_init_residual);
}

TEST_CASE("The written configuration reads back as the same options") {
  const auto o = checked({{"variant", "released"},
                          {"lr", "0.030000000000000002"},
                          {"data-dir", "a \"quoted\"\tpath \\ ä"},
                          {"head", "256,128"},
                          {"blocks", "1,2,3,4"},
                          {"seed", "18446744073709551615"},
                          {"combine", "random"},
                          {"device", "cuda:3"},
                          {"precision", "bf16"},
                          {"conv-engine", "gemm"},
                          {"out", "runs/x"}});
  const auto again = config_from_toml(config_toml(o), "config.toml");
  CHECK(config_toml(again) == config_toml(o));
  CHECK(config_json(again) == config_json(o));
  CHECK(again.seed == 18446744073709551615u);
  CHECK(again.data_dir == o.data_dir);
  CHECK(again.device == choice::device::cuda);
  CHECK(again.device_index == 3);
  CHECK(again.precision == backend::cuda_precision::bf16);
  CHECK(again.conv_engine == backend::cuda_convolution::gemm);
  CHECK(differences(o, again).empty());

  const auto annotated = config_toml(o, true);
  CHECK(annotated.find("lr = 0.030000000000000002  # from flag --lr\n") != std::string::npos);
  CHECK(config_toml(config_from_toml(annotated, "config.toml")) == config_toml(o));
}

TEST_CASE("The configuration as JSON has the options' names and typed values") {
  const auto json = config_json(checked({{"temperature", "0.2"}}), {{"steps", 10}});
  for (const auto* part : {"{\"out\": \"runs/", "\"temperature\": 0.2", "\"lambda\": 6,",
                           "\"image-size\": 32", "\"blocks\": \"2,2,2,2\"", "\"combine-k\": 2",
                           "\"local-gradient\": \"on\"", "\"steps\": 10}"}) {
    INFO(part);
    CHECK(json.find(part) != std::string::npos);
  }
  CHECK(json.find("overwrite") == std::string::npos);
}

TEST_CASE("What computes something else is listed, habits are not") {
  const auto stored = checked({{"lr", "0.1"}, {"threads", "1"}, {"device", "cuda:1"}});
  const auto asked = checked({{"lr", "0.2"},
                              {"width", "16"},
                              {"threads", "2"},
                              {"out", "x"},
                              {"device", "cpu"},
                              {"precision", "f32"},
                              {"conv-engine", "gemm"},
                              {"resident", "off"},
                              {"graph", "off"}});
  CHECK(differences(stored, asked) ==
        std::vector<std::string>{"precision is tf32, not f32 (from flag --precision)",
                                 "width is 64, not 16 (from flag --width)",
                                 "lr is 0.1, not 0.2 (from flag --lr)"});
}

TEST_CASE("A resumed run goes on with its own configuration, and habits may change") {
  const auto stored = checked({{"width", "16"},
                               {"variant", "released"},
                               {"clip-norm", "3"},
                               {"threads", "1"},
                               {"out", "there"}});
  const auto silent = resumed(stored, train_with({{"resume", "true"}}), 8);
  CHECK(silent.resume == "auto");
  CHECK(config_toml(silent) == config_toml(stored));

  const auto asked = train_with({{"resume", "auto"}, {"threads", "2"}, {"out", "here"}});
  const auto moved = resumed(stored, asked, 8);
  CHECK(moved.threads == 2);
  CHECK(moved.out == "here");
  CHECK(moved.encoder.width == 16);

  const auto other = thrown_by([&] {
    resumed(stored, train_with({{"resume", "auto"}, {"width", "32"}}), 8);
  });
  CHECK(other.kind == error_kind::checkpoint);
  CHECK(other.says("width is 16, not 32 (from flag --width)"));
}

TEST_CASE("A learning rate given with --resume counts from the step at which the run goes on") {
  const auto with = [](const pairs& more) {
    pairs flags{{"resume", "auto"}};
    flags.insert(flags.end(), more.begin(), more.end());
    return train_with(flags);
  };
  const auto changes = [](const train_options& o) { return written(o, "lr-changes"); };
  const auto begun = train_with({{"lr", "0.1"}});
  CHECK(changes(resumed(begun, with({}), 8)).empty());
  CHECK(changes(resumed(begun, with({{"lr", "0.1"}}), 8)).empty());

  const auto once = resumed(begun, with({{"lr", "0.05"}}), 8);
  CHECK(once.lr == 0.1);
  CHECK(changes(once) == "8:0.05");
  CHECK(base_rate(once, 7) == 0.1);
  CHECK(base_rate(once, 8) == 0.05);
  CHECK(changes(resumed(once, with({}), 12)) == "8:0.05");
  CHECK(changes(resumed(once, with({{"lr", "0.02"}}), 12)) == "8:0.05,12:0.02");
  CHECK(changes(resumed(once, with({{"lr", "0.02"}}), 8)) == "8:0.02");  // it was not yet in use
  CHECK(changes(resumed(once, with({{"lr", "0.1"}}), 8)).empty());
  CHECK(changes(resumed(once, with({{"lr", "0.1"}}), 12)) == "8:0.05,12:0.1");

  // What is planned stays where nothing new is said.
  const auto planned = train_with({{"lr", "0.1"}, {"lr-changes", "20:0.01"}});
  CHECK(changes(resumed(planned, with({{"lr", "0.1"}}), 8)) == "20:0.01");
  CHECK(changes(resumed(planned, with({{"lr", "0.05"}}), 8)) == "8:0.05");

  // A file says what the run began with.
  const temporary_directory directory;
  const auto file = directory.write("run.toml", std::string("lr = 0.1\n")).string();
  CHECK(changes(resumed(once, with({{"config", file}}), 12)) == "8:0.05");
  const auto other = directory.write("run.toml", std::string("lr = 0.2\n")).string();
  CHECK(thrown_by([&] {
          resumed(once, with({{"config", other}}), 12);
        }).says("lr is 0.1, not 0.2"));

  // What has been computed must not differ; what comes after may.
  CHECK(differences(begun, once, 8).empty());
  CHECK(differences(begun, once, 9) == std::vector<std::string>{"lr-changes is none, not 8:0.05"});
  CHECK(differences(begun, once).size() == 1);
  CHECK(changes(config_from_toml(config_toml(once), "config.toml")) == "8:0.05");
}

TEST_CASE("Bad values are refused wherever they come from, naming option and source") {
  struct bad {
    std::string option, text, complaint;
  };
  const std::vector<bad> cases{
      {"lr", "nan", "is not a finite number"},
      {"lr", "-nan", "is not a finite number"},
      {"lr", "inf", "is not a finite number"},
      {"lr", "1e999", "is out of range"},
      {"lr", "", "is empty"},
      {"lr", "0", "is not above 0"},
      {"lr", "-0.1", "is not above 0"},
      {"lr", "0.1x", "is not a number"},
      {"lr", "0,1", "is not a number"},
      {"lr", "0x10", "is not a number"},
      {"lr", "fast", "is not a number"},
      {"lr", "true", "is not a number"},
      {"lr-changes", "8", "has the element '8', which has no colon"},
      {"lr-changes", "x:1", "has the element 'x:1', which is not a whole number"},
      {"lr-changes", "-1:1", "has the element '-1:1', which is below 0"},
      {"lr-changes", "8:0", "has the element '8:0', which is not above 0"},
      {"lr-changes", "8:nan", "has the element '8:nan', which is not a finite number"},
      {"lr-changes", "8:1,8:2", "has the element '8:2', which is not of a later step"},
      {"lr-changes", "8:1,", "has the element '', which has no colon"},
      {"momentum", "1", "is not below 1"},
      {"momentum", "-1", "is below 0"},
      {"momentum-m", "1.01", "is above 1"},
      {"weight-decay", "-1e-4", "is below 0"},
      {"temperature", "0", "is not above 0"},
      {"temperature", "NaN", "is not a finite number"},
      {"lambda", "-6", "is below 0"},
      {"clip-norm", "infinity", "is not a finite number"},
      {"epochs", "0", "is below 1"},
      {"epochs", "-3", "is below 1"},
      {"epochs", "1.5", "is not a whole number"},
      {"epochs", "1e3", "is not a whole number"},
      {"epochs", "nan", "is not a whole number"},
      {"epochs", "", "is empty"},
      {"epochs", "99999999999999999999", "is out of range"},
      {"batch", "1", "is below 2"},
      {"queue", "many", "is not a whole number"},
      {"queue", "0", "is below 1"},
      {"seed", "-1", "is below 0"},
      {"seed", "1.0", "is not a whole number"},
      {"seed", "18446744073709551616", "is out of range"},
      {"threads", "-2", "is below 0"},
      {"threads", "100000", "is above 1024"},
      {"width", "0", "is below 1"},
      {"image-size", "-32", "is below 0"},
      {"blocks", "2,2,2", "does not have 4 elements"},
      {"blocks", "2,2,0,2", "has the element '0', which is below 1"},
      {"blocks", "2,,2,2", "has the element '', which is empty"},
      {"head", "2048,big", "has the element 'big', which is not a whole number"},
      {"head", "2048,", "has the element '', which is empty"},
      {"data", "cifar", "(did you mean cifar10?)"},
      {"data", "CIFAR10", "is none of"},
      {"data", "", "is empty"},
      {"variant", "published", "is none of paper, released"},
      {"dtype", "f16", "(did you mean f32?)"},
      {"backend", "eigne", "(did you mean eigen?)"},
      {"device", "gpu", "is none of auto, cpu, cuda (did you mean cpu?)"},
      {"device", "cuda:", "has the number '', which is empty"},
      {"device", "cuda:one", "has the number 'one', which is not a whole number"},
      {"device", "cuda:-1", "has the number '-1', which is below 0"},
      {"precision", "f16", "(did you mean bf16?)"},
      {"conv-engine", "cudn", "(did you mean cudnn?)"},
      {"augment", "mcnl", "(did you mean mncl?)"},
      {"local-gradient", "maybe", "is none of on, off"},
      {"quiet", "yes", "is none of on, off"},
      {"out", "", "is empty"},
      {"grid", "17", "is above 16"},
  };
  const temporary_directory directory;
  for (const auto& one : cases) {
    const auto &option = one.option, &text = one.text;
    INFO(option << " = '" << text << "'");
    const std::string start = option + ": '" + text + "' from ";
    // The sentence ends with what would be right where the value comes from.
    const auto advice = [&](const thrown_error& thrown, const std::string& source,
                            const std::string& opening) {
      INFO(source << ": " << thrown.sentence);
      CHECK(thrown.kind == error_kind::usage);
      CHECK(thrown.says(start + source));
      CHECK(thrown.says(one.complaint));
      REQUIRE(thrown.says("; " + opening));
      return thrown.sentence.substr(thrown.sentence.rfind(opening) + opening.size());
    };
    const auto flag = advice(thrown_by([&] {
                               train_with({{option, text}});
                             }),
                             "flag --" + option, "give e.g. --" + option);
    CHECK_NOTHROW(train_with({{option, flag.empty() ? "true" : flag.substr(1)}}));
    {
      const auto name = variable_of(option);
      std::string right;
      {
        const variable set(name, text);
        right = advice(thrown_by([&] { train_with({}); }), "environment " + name,
                       "set e.g. " + name + "=");
      }
      const variable set(name, right);
      CHECK_NOTHROW(train_with({}));
    }
    const auto file =
        directory.write("run.toml", "# a comment\n" + option + " = \"" + text + "\"\n").string();
    const auto line = advice(thrown_by([&] {
                               train_with({{"config", file}});
                             }),
                             file + ":2", "write e.g. ");
    directory.write("run.toml", line);
    CHECK_NOTHROW(train_with({{"config", file}}));
  }
}

TEST_CASE("Unknown names are refused with the nearest known one") {
  const auto flag = thrown_by([] { train_with({{"weigth-decay", "1"}}); });
  CHECK(flag.kind == error_kind::usage);
  CHECK(flag.says("there is no option 'weigth-decay' (did you mean weight-decay?)"));

  const variable set("TRIPTYCH_TEMPRATURE", "1");
  const auto environment = thrown_by([] { train_with({}); });
  CHECK(environment.kind == error_kind::usage);
  CHECK(environment.says("environment TRIPTYCH_TEMPRATURE"));
  CHECK(environment.says("(did you mean temperature?)"));
}

TEST_CASE("A variable of another command is none of this one's business") {
  const variable set("TRIPTYCH_PROTOCOL", "knn");
  CHECK_NOTHROW(train_with({}));
}

TEST_CASE("A configuration file is refused where it is not understood") {
  struct bad {
    std::string text, complaint;
  };
  const std::vector<bad> cases{
      {"lr = 0.1\nlr = 0.2\n", "run.toml:2 gives 'lr' again, after "},
      {"lrr = 0.1\n", "run.toml:1: there is no option 'lrr' (did you mean lr?)"},
      {"lr\n", "run.toml:1 is no line of the form key = value"},
      {"= 3\n", "run.toml:1 is no line of the form key = value"},
      {"lr = 0.1 0.2\n", "run.toml:1 goes on after its value"},
      {"lr =\n", "lr: '' from"},
      {"out = \"runs\n", "run.toml:1 has a string without its closing quote"},
      {"out = \"a\\", "run.toml:1 has a string without its closing quote"},
      {"out = \"a\\qb\"\n", "run.toml:1 has an escape that is not known"},
      {"blocks = [2, 2\n", "run.toml:1 has an array without its ]"},
      {"blocks = [2 2]\n", "run.toml:1 has an array without its ]"},
      {"[train]\nlr = 0.1\n", "run.toml:1 begins a table"},
      {"config = \"other.toml\"\n", "a configuration file names no other"},
      {"run = \"x\"\n", "there is no option 'run'"},
      {std::string("lr = 0.1\0", 9), "is no text file"},
      {"out = \"\xff\"\n", "is no text file"},
      {std::string(2'000'000, '#'), "is too long"},
  };
  const temporary_directory directory;
  for (const auto& [text, complaint] : cases) {
    const auto file = directory.write("run.toml", text).string();
    const auto thrown = thrown_by([&] { train_with({{"config", file}}); });
    INFO(thrown.sentence);
    CHECK(thrown.kind == error_kind::usage);
    CHECK(thrown.says(complaint));
  }
  const auto missing = thrown_by([] { train_with({{"config", "/nowhere/run.toml"}}); });
  CHECK(missing.kind == error_kind::usage);
  CHECK(missing.says("there is no file '/nowhere/run.toml' (from flag --config)"));
}

TEST_CASE("A configuration file may use all of TOML's ways to write a value") {
  const temporary_directory directory;
  const auto file =
      directory.write("run.toml", std::string("\n  # comment\r\n"
                                              "lr = +0.5 # half\r\n"
                                              "\"batch\"=64\n"
                                              "blocks = [1, 2,3 , 4]\n"
                                              "head = \"8,8\"\n"
                                              "out = 'C:\\runs'\n"
                                              "data-dir = \"a\\tb\\u0001\\u009B\\ufffd#\"\n"
                                              "zero-init-residual = true\n"
                                              "data = procedural"));
  const auto o = checked({{"config", file.string()}});
  CHECK(o.lr == 0.5);
  CHECK(o.batch == 64);
  CHECK(o.encoder.blocks == std::array<int, 4>{1, 2, 3, 4});
  CHECK(o.head.projector == std::vector<int>{8, 8});
  CHECK(o.out == "C:\\runs");
  CHECK(o.data_dir == "a\tb\x01\xC2\x9B\xEF\xBF\xBD#");
  CHECK(config_from_toml(config_toml(o), "config.toml").data_dir == o.data_dir);
  CHECK(o.encoder.zero_init_residual);
  CHECK(o.data == "procedural");
}

TEST_CASE("Whatever a configuration file holds, it is read or refused") {
  const auto sound = config_toml(train_with({{"data-dir", "\t\"\\\x01"}})) + "blocks = [1, 2]\n";
  random_stream random(7, stream::evaluate);
  for (int i = 0; i < 3000; ++i) {
    std::string text = sound;
    for (std::uint32_t change = 0; change <= random.below(4); ++change) {
      const auto at = random.below(static_cast<std::uint32_t>(text.size()));
      switch (random.below(3)) {
      case 0:
        text[at] = static_cast<char>(random.below(256));
        break;
      case 1:
        text.erase(at, random.below(40));
        break;
      default:
        text.insert(at, 1, "\"'\\#=[],\n0"[random.below(10)]);
        break;
      }
    }
    try {
      static_cast<void>(config_from_toml(text, "mutant.toml"));
    } catch (const error& refused) {
      CHECK(refused.kind() == error_kind::usage);
    }
  }
}

TEST_CASE("A configuration is refused where it holds more than there are options") {
  const auto refusal = [](const std::string& text) {
    return thrown_by([&] { static_cast<void>(config_from_toml(text, "many.toml")); });
  };
  std::string many;
  for (int i = 0; i < 50'000; ++i) many += "key-" + std::to_string(i) + " = 1\n";
  CHECK(refusal(many).kind == error_kind::usage);
  CHECK(refusal(many).says("many.toml:1001 is the 1001st option"));
  CHECK(refusal("lr = 0.1\n" + std::string(20'000, 'k') + " = 1").says("many.toml:2 is longer"));
  CHECK(refusal("lr = 0.1\n#" + std::string(20'000, '-')).says("many.toml:2 is longer"));
  const std::string word(10'000, 'k');  // no name is sought that it could have meant
  CHECK_FALSE(refusal(word + " = 1").says("did you mean"));
  std::string list = "head = [1";
  for (int i = 0; i < 100; ++i) list += ",1";
  CHECK(refusal(list + "]").says("has more than 100 elements"));
}

TEST_CASE("What does not go together is refused before anything starts") {
  struct bad {
    pairs flags;
    std::string complaint;
    pairs advice;  ///< flags of the sentence's end; an empty value leaves the flag out
  };
  const std::vector<bad> cases{
      {{{"image-size", "33"}},
       "33 (from flag --image-size) is not divisible by the grid 2",
       {{"image-size", "34"}}},
      {{{"image-size", "4096"}, {"grid", "3"}}, "divisible", {{"image-size", "4095"}}},
      {{{"grid", "3"}},
       "32 (from the defaults) is not divisible by the grid 3 (from flag --grid)",
       {{"image-size", "33"}}},
      {{{"combine-k", "5"}}, "is more than the 4 patches of the grid 2", {{"combine-k", "4"}}},
      {{{"grid", "8"}, {"combine-k", "32"}},
       "are more than 10000 combinations",
       {{"combine-k", "2"}}},
      {{{"dtype", "f64"}},
       "f64 (from flag --dtype) is not offered by the backend eigen",
       {{"backend", "reference"}}},
      {{{"device", "cuda"}, {"backend", "reference"}},
       "reference (from flag --backend) is for the CPU, not for the device cuda (from flag "
       "--device)",
       {{"device", "cpu"}}},
      {{{"device", "cuda"}, {"backend", "reference"}}, "leave --backend out", {{"backend", ""}}},
      {{{"device", "cuda:1"}, {"dtype", "f64"}, {"backend", "reference"}},
       "f64 (from flag --dtype) is for the CPU, not for the device cuda:1",
       {{"device", "cpu"}}},
      {{{"queue", "255"}},
       "255 (from flag --queue) is smaller than the 256 projections",
       {{"queue", "256"}}},
      {{{"queue", "300"}, {"enqueue", "both"}},
       "smaller than the 512 projections",
       {{"batch", "64"}}},
      {{{"lambda", "0"}, {"lambda-s", "0"}}, "nothing would be learned", {{"lambda", "6"}}},
      {{{"lambda", "0"}, {"local-gradient", "off"}}, "nothing would be learned", {{"lambda", "6"}}},
      {{{"epochs", "5"}, {"warmup-epochs", "5"}},
       "leaves nothing of the 5 epochs",
       {{"warmup-epochs", "4"}}},
      {{{"dump-at", "2"}}, "needs a file", {{"dump-step", "FILE"}}},
      {{{"dump-step", "x"}, {"dump-at", "9"}, {"max-steps", "8"}},
       "comes after the last one",
       {{"max-steps", "9"}}},
      {{{"data", "folder"}}, "the data set folder has no size of its own", {{"image-size", "32"}}},
      {{{"resume", "auto"}, {"overwrite", "on"}}, "exclude each other", {{"overwrite", ""}}},
      {{{"method", "moco"}, {"bn-splits", "3"}}, "has no 3", {{"batch", "255"}}},
  };
  for (const auto& [flags, complaint, advice] : cases) {
    const auto thrown = thrown_by([&given = flags] { checked(given); });
    INFO(thrown.sentence);
    CHECK(thrown.kind == error_kind::usage);
    CHECK(thrown.says(complaint));
    pairs right;
    for (const auto& flag : flags) {
      const bool named = flag.first == advice.front().first;
      if (!named) right.push_back(flag);
    }
    for (const auto& flag : advice) {
      CHECK(thrown.says("--" + flag.first));
      if (!flag.second.empty()) right.push_back(flag);
    }
    CHECK_NOTHROW(checked(right));
  }
  CHECK_NOTHROW(checked({{"dtype", "f64"}, {"backend", "reference"}}));
  CHECK_NOTHROW(checked({{"grid", "1"}, {"combine-k", "1"}, {"image-size", "33"}}));
  CHECK(check(train_with({})).empty());
  CHECK(check(train_with({{"stem", "imagenet"}})).size() == 1);
  CHECK(check(train_with({{"stem", "imagenet"}, {"image-size", "224"}})).empty());
}

TEST_CASE("Evaluation takes the run's images unless others are named") {
  const auto eval_with = [](const pairs& flags) {
    command_request request{"eval", {{"run", "runs/x", "argument run"}}};
    for (const auto& [name, text] : flags) request.values.push_back({name, text, "flag --" + name});
    return std::get<eval_options>(options_of(request));
  };
  train_options run;
  run.data = "cifar100";
  run.data_dir = "there";
  run.limit_per_file = 5;

  auto own = eval_with({});
  CHECK(own.protocol.size() == 3);
  inherit_data(own, run);
  CHECK(own.data == "cifar100");
  CHECK(own.data_dir == "there");
  CHECK(own.limit_per_file == 5);

  auto moved = eval_with({{"data-dir", "here"}, {"protocol", "knn,linear"}});
  inherit_data(moved, run);
  CHECK(moved.data == "cifar100");
  CHECK(moved.data_dir == "here");
  CHECK(moved.protocol ==
        std::vector<choice::protocol>{choice::protocol::linear, choice::protocol::knn});

  auto other = eval_with({{"data", "procedural"}});
  inherit_data(other, run);
  CHECK(other.data_dir.empty());
}

TEST_CASE("A command that lacks what it works on says so") {
  CHECK(thrown_by([] { options_of({"eval", {}}); }).says("eval needs a run"));
  CHECK(thrown_by([] { options_of({"export", {}}); }).says("export needs a run"));
  CHECK(thrown_by([] { options_of({"compare", {}}); }).says("compare needs runs"));
  CHECK(thrown_by([] { options_of({"inspect", {}}); }).says("inspect needs a file"));
  CHECK(thrown_by([] { options_of({"report", {}}); }).says("report needs a run"));
  CHECK(thrown_by([] { options_of({"data", {}}); }).says("data needs to know what to do"));
  const given_value run{"run", "x", "argument run"}, show{"action", "show", "argument action"};
  CHECK(thrown_by([&] { options_of({"embed", {run}}); }).says("embed needs a file to write"));
  CHECK(thrown_by([&] { options_of({"data", {show}}); }).says("needs the name of a data set"));
}
