// bench/step.hpp
//
// One step of the whole method, or of encoder training, on any backend: what a step is, how it is
// timed and served. step.cpp reads the command line; step_cuda.cpp holds the backend on a GPU.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include <triptych/concepts/backend.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/method/mncl.hpp>
#include <triptych/network/branches.hpp>

namespace triptych::bench {

struct settings {
  std::string what = "mncl", device = "cpu", convolution = "fast";
  std::string precision, conv_engine = "auto";  ///< empty: the backend's own
  std::string graph = "on";                     ///< a step on a GPU is one graph
  std::int64_t batch = 64, queue = 16384;
  int width = 64, image_size = 32, predictor_hidden = 512, threads = 0;
  int steps = 7, warmup = 2, burst = 1;
  std::vector<int> blocks = {2, 2, 2, 2}, head = {2048, 2048, 2048};
  bool serve = false, json = false, info = false;
};

/// Measures on the GPU that `s.device` names: "cuda" or "cuda:1". In a build without CUDA it says
/// how to get one.
void measure_on_cuda(const settings& s);

inline nn::resnet encoder(const settings& s) {
  nn::resnet_options o;
  o.width = s.width;
  std::copy(s.blocks.begin(), s.blocks.end(), o.blocks.begin());
  return nn::resnet(o);
}

// -- the two kinds of step ------------------------------------------------------------------------

/// Called at the end of each part of a step, with the part's name.
using part_end = std::function<void(const char*)>;

/// `views` batches of random images.
template <class B>
class random_images {
 public:
  random_images(B& backend, const settings& s, int views)
      : shape_{views * s.batch, s.image_size, s.image_size, 3, views}, numbers_(shape_.size()) {
    random_stream random(1, stream::procedural);
    std::vector<float> host(shape_.size());
    for (float& x : host) x = random.normal();
    backend.upload(host.data(), host.size(), numbers_.data());
  }
  operator tensor<const float>() const { return {shape_, numbers_.data()}; }  // NOLINT: a view

 private:
  shape shape_;
  buffer<float, typename B::allocator> numbers_;
};

template <class B>
class mncl_step {
 public:
  mncl_step(B& backend, const settings& s)
      : images_(backend, s, 3),
        method_(backend, nn::architecture<>(encoder(s), {s.head, s.predictor_hidden}), options(s),
                1) {}

  /// The method shows its intermediate results; each ends a part.
  void operator()(const part_end& end = {}) {
    static const std::map<std::string, const char*, std::less<>> ends = {
        {"z/1", "momentum network, look-up"},
        {"p/1", "online network, forward"},
        {"c/1", "global loss, stop-gradient network"}};
    method::trace<float> watch;
    if (end) {
      watch.on_tensor = [&end](const std::string& name, tensor<const float>) {
        if (const auto at = ends.find(name); at != ends.end()) end(at->second);
      };
    }
    // The app reads one step in ten of a device.
    const bool read = static_cast<bool>(end);
    method_.step(images_, {.learning_rate = 0.01, .predictor_learning_rate = 0.01, .read = read},
                 watch);
    if (end) end("local loss, backward, SGD, EMA");
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
      : backend_(backend), images_(backend, s, 1), network_(backend, classifier(s)) {
    network_.initialize(1);
  }

  /// Image r has the label r mod 10: random images have no better.
  void operator()(const part_end& end = {}) {
    auto& arena = backend_.arena();
    const arena_frame scope(arena);
    const auto logits = network_.forward(images_, std::array{0}, {.record = true}).projection;
    if (end) end("forward");
    const auto rows = logits.shape.images;
    const tensor<float> gradient{logits.shape, arena.template take<float>(logits.size())};
    backend_.copy(logits.data, logits.size(), gradient.data);
    backend_.softmax_cross_entropy({.rows = rows, .columns = classes},
                                   1.0f / static_cast<float>(rows), gradient.data,
                                   arena.template take<float>(static_cast<std::size_t>(rows)));
    network_.zero_gradients();
    network_.backward({.prediction = gradient});
    if (end) end("loss, backward");
    network_.update(0.01, 0.01, 0, arena.template take<float>(1));
    if (end) end("SGD");
  }

 private:
  static nn::architecture<> classifier(const settings& s) {
    nn::architecture<> layers(encoder(s), {.projector = {}, .predictor_hidden = 0});
    layers.projector = {layers.encoder.out(), {{classes, false, false}}};
    return layers;
  }
  B& backend_;
  random_images<B> images_;
  online_network<B> network_;
};

// -- measuring ------------------------------------------------------------------------------------

inline double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return (v[(v.size() - 1) / 2] + v[v.size() / 2]) / 2;
}

/// Seconds between two calls. A device works on after a call returns; one number that comes back
/// from it ends that.
template <class B>
class stopwatch {
 public:
  explicit stopwatch(B& backend) : backend_(backend), number_(1) {
    backend_.fill(number_.data(), 1, 0.0f);
    lap();
  }
  double lap() {
    float arrived = 0;
    backend_.download(number_.data(), 1, &arrived);
    const auto now = clock::now();
    return std::chrono::duration<double>(now - std::exchange(last_, now)).count();
  }

 private:
  using clock = std::chrono::steady_clock;
  B& backend_;
  buffer<float, typename B::allocator> number_;
  clock::time_point last_;
};

/// Seconds of one step, as the mean of `s.burst` between two looks at the clock.
template <class B, class Step>
double burst(B& backend, stopwatch<B>& watch, Step& step, const settings& s) {
  watch.lap();
  for (int i = 0; i < s.burst; ++i) {
    if (s.graph == "on") {
      backend.as_graph([&step] { step(); });
    } else {
      step();
    }
  }
  return watch.lap() / s.burst;
}

template <class B, class Step>
void serve(B& backend, Step& step, const settings& s) {
  stopwatch<B> watch(backend);
  for (char line[16]; std::fgets(line, sizeof line, stdin) != nullptr;) {
    if (std::string_view(line) != "step\n") continue;
    std::printf("%.6f\n", burst(backend, watch, step, s));
    std::fflush(stdout);
  }
}

/// What was measured, as text or as one line of JSON.
struct result {
  std::vector<double> whole;
  std::vector<std::pair<std::string, std::vector<double>>> parts;
  double arena_mib = 0, process_mib = 0;
  std::size_t growths = 0;

  void print(const std::string& who, const settings& s) const {
    const double typical = median(whole), images = static_cast<double>(s.batch) / typical;
    const auto [least, most] = std::minmax_element(whole.begin(), whole.end());
    if (s.json) {
      std::printf("{\"who\": \"%s\", \"seconds\": %.6f, \"least\": %.6f, \"most\": %.6f, "
                  "\"images_per_second\": %.1f, \"arena_mib\": %.1f, \"growths\": %zu, "
                  "\"process_mib\": %.0f, \"parts\": {",
                  who.c_str(), typical, *least, *most, images, arena_mib, growths, process_mib);
      const char* comma = "";
      for (const auto& [name, times] : parts) {
        std::printf("%s\"%s\": %.6f", std::exchange(comma, ", "), name.c_str(), median(times));
      }
      std::printf("}}\n");
      return;
    }
    std::printf("triptych, %s: %s, width %d, batch %lld\n"
                "%.4f s a step (min %.4f, max %.4f, %zu times %d), %.1f images/s\n",
                who.c_str(), s.what.c_str(), s.width, static_cast<long long>(s.batch), typical,
                *least, *most, whole.size(), s.burst, images);
    for (const auto& [name, times] : parts) {
      std::printf("  %-36s %.4f s\n", name.c_str(), median(times));
    }
    std::printf("arena: peak %.1f MiB, grown %zu times in the measured steps; process: peak %.0f "
                "MiB\n",
                arena_mib, growths, process_mib);
  }
};

/// Steps as they are, and in turn with them steps whose parts are timed: waiting at the end of each
/// part costs a device time.
template <class B, class Step>
result measure(B& backend, Step& step, const settings& s) {
  result r;
  stopwatch<B> watch(backend);
  std::size_t part = 0;
  const part_end end = [&](const char* name) {
    if (part == r.parts.size()) r.parts.push_back({name, {}});
    r.parts[part++].second.push_back(watch.lap());
  };
  for (int i = 0; i < s.warmup; ++i) step();
  const std::size_t growths = backend.arena().growths();
  for (int i = 0; i < s.steps; ++i) {
    r.whole.push_back(burst(backend, watch, step, s));
    part = 0;
    watch.lap();
    step(end);
  }
  r.growths = backend.arena().growths() - growths;
  r.arena_mib = static_cast<double>(backend.arena().peak_bytes()) / (1 << 20);
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  r.process_mib = static_cast<double>(used.ru_maxrss) / 1024;
  return r;
}

/// All that the options ask of one backend; `who` names it in the result.
template <class B>
void run(B& backend, const settings& s, const std::string& who) {
  const auto with = [&](auto&& step) {
    step();  // libraries make ready in it, which no graph may record
    if (s.serve) {
      serve(backend, step, s);
    } else {
      measure(backend, step, s).print(who, s);
    }
  };
  if (s.what == "mncl") {
    with(mncl_step<B>(backend, s));
  } else {
    with(train_step<B>(backend, s));
  }
}

}  // namespace triptych::bench
