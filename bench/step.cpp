// One step of the whole method, or of encoder training, with the same work as torch_step.py's and
// the same options and served protocol: compare_torch.py and gpu/run run the two in turn.
//
//   bench_step --what mncl --batch 64 --width 64 --threads 2    median, spread, parts and memory
//   bench_step --what mncl ... --serve                          one step per line "step" on stdin
//   bench_step --device cuda --precision tf32 --conv-engine cudnn --batch 256 ...     on a GPU
//
// `mncl` is the paper's variant in full; `train` is the encoder with a linear layer to ten classes
// and cross-entropy. Images are fixed random numbers: no loading, no augmentation. On the CPU
// --convolution takes any algorithm of the backend (`fast` is the default); on a GPU --precision is
// f32, tf32 or bf16, --conv-engine auto, gemm or cudnn, and --graph on or off. --burst N times N
// steps together and answers with the seconds of one; --json prints one line of JSON.
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <triptych/backend/cpu/convolution/any.hpp>
#include <triptych/backend/cpu/instruction_set.hpp>
#include <triptych/backend/eigen.hpp>
#include <triptych/core/error.hpp>

#include "step.hpp"
#include "triptych/build_info.hpp"

using namespace triptych;
using bench::settings;

namespace {

void read(const std::string& word, std::string& value) { value = word; }
template <class Integer>
void read(const std::string& word, Integer& value) {
  std::istringstream in(word);
  if (!(in >> value) || !in.eof()) throw error::usage("'" + word + "' is no number; give one");
}
void read(const std::string& words, std::vector<int>& values) {
  values.clear();
  std::istringstream in(words);
  for (std::string word; std::getline(in, word, ',');) read(word, values.emplace_back());
}

settings parse(int argc, char** argv) {
  settings s;
  std::map<std::string, std::function<void(const std::string&)>, std::less<>> options;
  const auto option = [&](const char* name, auto& value) {
    options[name] = [&value](const std::string& word) { read(word, value); };
  };
  option("--what", s.what);
  option("--device", s.device);
  option("--convolution", s.convolution);
  option("--precision", s.precision);
  option("--conv-engine", s.conv_engine);
  option("--graph", s.graph);
  option("--batch", s.batch);
  option("--width", s.width);
  option("--blocks", s.blocks);
  option("--image-size", s.image_size);
  option("--head", s.head);
  option("--predictor-hidden", s.predictor_hidden);
  option("--queue", s.queue);
  option("--threads", s.threads);
  option("--steps", s.steps);
  option("--warmup", s.warmup);
  option("--burst", s.burst);
  const std::map<std::string_view, bool*> flags = {
      {"--serve", &s.serve}, {"--json", &s.json}, {"--info", &s.info}};

  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const auto found = options.find(name);
    if (const auto flag = flags.find(name); flag != flags.end()) {
      *flag->second = true;
    } else if (found == options.end() || i + 1 == argc) {
      std::string all;
      for (const auto& known : options) all += known.first + " ";
      throw error::usage("'" + std::string(name) + "' is no option or lacks its value; give " +
                         all + "each with a value, or --serve, --json or --info");
    } else {
      found->second(argv[++i]);
    }
  }
  const bool known =
      (s.what == "mncl" || s.what == "train") && convolution::any::choose(s.convolution);
  if (!known || s.blocks.size() != 4 || s.batch < 2 || s.width < 1 || s.steps < 1 || s.warmup < 0 ||
      s.burst < 1 || (s.graph != "on" && s.graph != "off")) {
    throw error::usage(
        "give --what mncl or train, --convolution direct, implicit_gemm, "
        "winograd2, winograd4, bf16 or fast, --graph on or off, four --blocks, a --batch "
        "of at least 2, a positive --width, --steps and --burst, and a --warmup");
  }
  return s;
}

void measure_on_cpu(const settings& s) {
  if (!s.precision.empty() && s.precision != "f32") {
    throw error::usage("--precision " + s.precision +
                       " needs a GPU; give --device cuda, or leave --precision out");
  }
  if (s.conv_engine != "auto") {
    throw error::usage("--conv-engine " + s.conv_engine +
                       " needs a GPU; give --device cuda, or leave it out");
  }
  if (s.graph != "on") {
    throw error::usage("--graph off needs a GPU; give --device cuda, or leave it out");
  }
  backend::eigen<convolution::any> backend(s.threads);
  bench::run(backend, s, s.convolution + ", threads " + std::to_string(backend.pool().size()));
}

}  // namespace

int main(int argc, char** argv) try {
  const settings s = parse(argc, argv);
  if (s.info) {
    std::printf(
        "{\"commit\": \"%s\", \"compiler\": \"%s\", \"flags\": \"%s\", \"kernels\": \"%s\"}\n",
        app::build_commit, app::build_compiler, app::build_flags, cpu::kernels().used.c_str());
  } else {
    if (s.device != "cpu" && s.convolution != "fast") {
      throw error::usage("--convolution " + s.convolution +
                         " is the CPU's; on a GPU give --conv-engine");
    }
    s.device == "cpu" ? measure_on_cpu(s) : bench::measure_on_cuda(s);
  }
} catch (const error& e) {
  std::fprintf(stderr, "bench_step: %s\n", e.what());
  return e.exit_code();
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_step: %s\n", e.what());
  return 1;
}
