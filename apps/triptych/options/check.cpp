// What does not go together among the options of training, and what means nothing.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/data/registry.hpp>

#include "triptych/options/configuration.hpp"
#include "triptych/options/declared.hpp"
#include "triptych/options/described.hpp"
#include "triptych/options/parts.hpp"

namespace triptych::app {

namespace {

/// C(n, k), or a number above `most` if it is larger than that.
std::int64_t combinations(std::int64_t n, std::int64_t k, std::int64_t most) {
  std::int64_t count = 1;
  k = std::min(k, n - k);
  for (std::int64_t i = 1; i <= k && count <= most; ++i) count = count * (n - k + i) / i;
  return count;
}

/// The options of a method, if it is the run's; else its defaults.
template <class Options>
Options chosen_part(const train_options& o) {
  return o.method == Options::about.name ? part_of<Options>(o) : Options{};
}

}  // namespace

bool method_takes(const train_options& o, std::string_view option) {
  return has_option<methods>(o.method, option);
}

int view_size(const train_options& o) {
  if (o.image_size > 0) return o.image_size;
  const int own = data::data_set_of(o.data).side;
  return own > 0 ? own : 32;
}

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
  if (data::data_set_of(o.data).side == 0 && o.image_size == 0) {
    throw error::usage("image-size: the data set " + o.data +
                       " has no size of its own; give e.g. --image-size 32");
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
  const auto of_mncl = chosen_part<method::mncl_options>(o);
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

  const int parts = chosen_part<method::moco_options>(o).bn_splits;
  if (o.batch % parts != 0) {
    throw error::usage("bn-splits: a batch of " + number(o.batch) + from("batch") + " has no " +
                       number(parts) + from("bn-splits") +
                       " equal parts; give a --batch divisible by them");
  }

  if (o.batch / o.ranks % o.micro_batches != 0) {
    throw error::usage("micro-batches: " + number(o.micro_batches) + from("micro-batches") +
                       " do not divide the " + number(o.batch / o.ranks) + " images of a batch" +
                       from("batch") + (o.ranks > 1 ? " on each rank" : "") +
                       "; give a --batch divisible by them");
  }
  if (o.micro_batches > 1 && parts > 1) {
    throw error::usage("micro-batches: " + number(o.micro_batches) + from("micro-batches") +
                       " beside --bn-splits " + number(parts) + from("bn-splits") +
                       ": BatchNorm takes a micro-batch as a batch; give --bn-splits 1");
  }
  if (o.ranks > 1) {
    const std::string ranks = "ranks: " + number(o.ranks) + from("ranks");
    if (o.device == choice::device::cuda || o.backend != choice::backend::eigen) {
      const std::string name = o.device == choice::device::cuda ? "device" : "backend";
      throw error::usage(ranks +
                         " share a batch on the CPU, with the backend eigen, and not with --" +
                         name + " " + written(o, name) + from(name.c_str()) +
                         "; give --ranks 1, or leave --" + name + " out");
    }
    if (o.batch % o.ranks != 0) {
      throw error::usage(ranks + " cannot share a batch of " + number(o.batch) + from("batch") +
                         " equally; give a --batch divisible by them");
    }
    if (parts % o.ranks != 0 && o.ranks % parts != 0) {
      throw error::usage(ranks + " cannot share " + number(parts) + " parts of a batch" +
                         from("bn-splits") + " equally; take " + number(parts) +
                         " ranks, or other parts");
    }
    if (!o.dump_step.empty()) {
      throw error::usage("dump-step: a step of " + ranks +
                         " is in parts; dump it with --ranks 1, where it is the same");
    }
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

}  // namespace triptych::app
