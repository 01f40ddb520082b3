// One step of the whole method, or of encoder training, on the fast backend, with the same work as
// torch_step.py's and the same options and served protocol: compare_torch.py runs the two in turn.
//
//   bench_step --what mncl --batch 64 --width 64 --threads 2    median, spread, parts and memory
//   bench_step --what mncl ... --serve                          one step per line "step" on stdin
//
// `mncl` is the paper's variant in full; `train` is the encoder with a linear layer to ten classes
// and cross-entropy. Images are fixed random numbers: no loading, no augmentation. --convolution
// takes any algorithm of the backend; `fast` is the default.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include <triptych/backend/convolution/any.hpp>
#include <triptych/backend/convolution/simd.hpp>
#include <triptych/backend/eigen.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/method/mncl.hpp>
#include <triptych/network/branches.hpp>
#include <triptych/version.hpp>

using namespace triptych;

namespace {

// -- options --------------------------------------------------------------------------------------

struct settings {
  std::string what = "mncl", convolution = "fast";
  std::int64_t batch = 64, queue = 16384;
  int width = 64, image_size = 32, predictor_hidden = 512, threads = 0, steps = 7, warmup = 2;
  std::vector<int> blocks = {2, 2, 2, 2}, head = {2048, 2048, 2048};
  bool serve = false, info = false;
};

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
  option("--convolution", s.convolution);
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

  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const auto found = options.find(name);
    if (name == "--serve") {
      s.serve = true;
    } else if (name == "--info") {
      s.info = true;
    } else if (found == options.end() || i + 1 == argc) {
      std::string all;
      for (const auto& known : options) all += known.first + " ";
      throw error::usage("'" + std::string(name) + "' is no option or lacks its value; give " +
                         all + "each with a value, or --serve or --info");
    } else {
      found->second(argv[++i]);
    }
  }
  const bool known = (s.what == "mncl" || s.what == "train") && convolution::any::choose(s.convolution);
  if (!known || s.blocks.size() != 4 || s.batch < 2 || s.width < 1 || s.steps < 1) {
    throw error::usage("give --what mncl or train, --convolution direct, implicit_gemm, "
                       "winograd2, winograd4 or fast, four --blocks, a --batch of at least 2, a "
                       "positive --width and --steps");
  }
  return s;
}

nn::resnet encoder(const settings& s) {
  nn::resnet_options o;
  o.width = s.width;
  std::copy(s.blocks.begin(), s.blocks.end(), o.blocks.begin());
  return nn::resnet(o);
}

// -- the two kinds of step ------------------------------------------------------------------------

using clock = std::chrono::steady_clock;

double seconds(clock::time_point begin, clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

/// Where the time of a step goes: the end of each part, in order.
using marks = std::vector<std::pair<const char*, clock::time_point>>;

/// `views` batches of random images.
template <class B>
class random_images {
 public:
  random_images(const settings& s, int views)
      : shape_{views * s.batch, s.image_size, s.image_size, 3, views}, numbers_(shape_.size()) {
    random_stream random(1, stream::procedural);
    for (std::size_t i = 0; i < numbers_.size(); ++i) numbers_.data()[i] = random.normal();
  }
  operator tensor<const float>() const { return {shape_, numbers_.data()}; }  // NOLINT: a view

 private:
  shape shape_;
  buffer<float, typename B::memory> numbers_;
};

template <class B>
class mncl_step {
 public:
  mncl_step(B& backend, const settings& s)
      : images_(s, 3),
        method_(backend, nn::stack<>(encoder(s), {s.head, s.predictor_hidden}), options(s), 1) {}

  /// The method shows its intermediate results; each ends a part.
  void operator()(marks& parts) {
    method::trace<float> watch;
    watch.on_tensor = [&](const std::string& name, tensor<const float>) {
      static const std::map<std::string, const char*, std::less<>> ends = {
          {"z/1", "momentum network, look-up"},
          {"p/1", "online network, forward"},
          {"c/1", "global loss, stop-gradient network"}};
      if (const auto at = ends.find(name); at != ends.end()) {
        parts.emplace_back(at->second, clock::now());
      }
    };
    method_.step(images_, {.rate = 0.01, .predictor_rate = 0.01}, watch);
    parts.emplace_back("local loss, backward, SGD, EMA", clock::now());
  }

 private:
  static method::mncl_options options(const settings& s) {
    method::mncl_options o;
    o.queue = s.queue;
    return o;
  }
  random_images<B> images_;
  method::mncl<B> method_;
};

template <class B>
class train_step {
 public:
  static constexpr int classes = 10;

  train_step(B& backend, const settings& s)
      : backend_(backend), images_(s, 1), network_(backend, classifier(s)) {
    network_.initialise(1);
  }

  /// Image r has the label r mod 10: random images have no better.
  void operator()(marks& parts) {
    auto& arena = backend_.arena();
    const stack_arena<>::frame scope(arena);
    const auto logits = network_.forward(images_, std::array{0}, {.record = true}).projection;
    parts.emplace_back("forward", clock::now());
    const auto rows = logits.shape.images;
    const tensor<float> gradient{logits.shape, arena.template take<float>(logits.size())};
    backend_.copy(logits.data, logits.size(), gradient.data);
    backend_.softmax_cross_entropy({.rows = rows, .columns = classes},
                                   1.0f / static_cast<float>(rows), gradient.data,
                                   arena.template take<float>(static_cast<std::size_t>(rows)));
    network_.zero_gradients();
    network_.backward(gradient);
    parts.emplace_back("loss, backward", clock::now());
    network_.update(0.01, 0.01);
    parts.emplace_back("SGD", clock::now());
  }

 private:
  static nn::stack<> classifier(const settings& s) {
    nn::stack<> layers(encoder(s), {.projector = {}, .predictor_hidden = 0});
    layers.projector = {layers.encoder.out(), {{classes, false, false}}};
    return layers;
  }
  B& backend_;
  random_images<B> images_;
  online_network<B> network_;
};

// -- measuring ------------------------------------------------------------------------------------

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return (v[(v.size() - 1) / 2] + v[v.size() / 2]) / 2;
}

template <class Step>
void serve(Step& step) {
  for (char line[16]; std::fgets(line, sizeof line, stdin) != nullptr;) {
    if (std::string_view(line) != "step\n") continue;
    marks parts;
    const auto begin = clock::now();
    step(parts);
    std::printf("%.6f\n", seconds(begin, clock::now()));
    std::fflush(stdout);
  }
}

template <class B, class Step>
void measure(B& backend, Step& step, const settings& s) {
  std::vector<double> whole;
  std::vector<std::pair<const char*, std::vector<double>>> parts;
  std::size_t growths = 0;
  for (int i = -s.warmup; i < s.steps; ++i) {
    if (i == 0) growths = backend.arena().growths();
    marks ends;
    const auto begin = clock::now();
    step(ends);
    if (i < 0) continue;
    whole.push_back(seconds(begin, ends.back().second));
    parts.resize(ends.size());
    auto last = begin;
    for (std::size_t p = 0; p < ends.size(); ++p) {
      parts[p].first = ends[p].first;
      parts[p].second.push_back(seconds(last, ends[p].second));
      last = ends[p].second;
    }
  }
  const double typical = median(whole);
  const auto [least, most] = std::minmax_element(whole.begin(), whole.end());
  std::printf("triptych, %s: %s, width %d, batch %lld, threads %d\n"
              "%.4f s a step (min %.4f, max %.4f, %d steps), %.1f images/s\n",
              s.convolution.c_str(), s.what.c_str(), s.width, static_cast<long long>(s.batch),
              backend.pool().size(), typical, *least, *most, s.steps,
              static_cast<double>(s.batch) / typical);
  for (const auto& [name, times] : parts) {
    std::printf("  %-36s %.4f s\n", name, median(times));
  }
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  std::printf(
      "arena: peak %.1f MiB, grown %zu times in the measured steps; process: peak %.0f MiB\n",
      static_cast<double>(backend.arena().peak_bytes()) / (1 << 20),
      backend.arena().growths() - growths, static_cast<double>(used.ru_maxrss) / 1024);
}

void run(const settings& s) {
  using backend_type = backend::eigen<convolution::any>;
  backend_type backend(s.threads);
  const auto with = [&](auto&& step) {
    if (s.serve) {
      serve(step);
    } else {
      measure(backend, step, s);
    }
  };
  if (s.what == "mncl") {
    with(mncl_step<backend_type>(backend, s));
  } else {
    with(train_step<backend_type>(backend, s));
  }
}

}  // namespace

int main(int argc, char** argv) try {
  const settings s = parse(argc, argv);
  if (s.info) {
    std::printf("{\"triptych\": \"%d.%d.%d\", \"compiler\": \"%s\", \"vector_bytes\": %d}\n",
                TRIPTYCH_VERSION_MAJOR, TRIPTYCH_VERSION_MINOR, TRIPTYCH_VERSION_PATCH, __VERSION__,
                convolution::simd::vector_bytes);
  } else {
    run(s);
  }
} catch (const error& e) {
  std::fprintf(stderr, "bench_step: %s\n", e.what());
  return e.exit_code();
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_step: %s\n", e.what());
  return 1;
}
