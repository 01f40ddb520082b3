// triptych/train/checkpoint.hpp
//
// A training run as files and back: model.safetensors (weights and running statistics of all
// networks), optimiser.safetensors (its state) and queue.safetensors (rows and their labels). The
// loop's whole state besides is the step and the queue's position, in the manifest.
// How files are saved and checked is io/checkpoint.hpp; nothing is loaded before all has passed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/io/json.hpp>
#include <triptych/method/step.hpp>
#include <triptych/train/host_tensor.hpp>

namespace triptych::train {

namespace detail {

/// The file in which an arena is kept.
inline std::string file_of(method::arena_role role) {
  switch (role) {
  case method::arena_role::optimizer:
    return "optimiser";
  case method::arena_role::memory:
    return "queue";
  case method::arena_role::model:
    break;
  }
  return "model";
}

}  // namespace detail

/// Saves method and trainer after `trainer.step()` steps, with `more` in the manifest; returns the
/// checkpoint's path. Throws error::io, and error::non_finite, naming the tensor, for a state that
/// is not worth keeping; what was saved before then stays.
template <class Method, class Trainer>
std::filesystem::path save_checkpoint(const std::filesystem::path& directory, Method& method,
                                      Trainer& trainer, const std::string& config,
                                      const io::metadata_map& more = {},
                                      const io::retention& policy = {}) {
  using real = typename Method::real;
  trainer.report();  // throws where a step that nobody has looked at yet was not finite
  std::map<std::string, std::vector<host_tensor<real>>> tensors;
  for (const auto& arena : method.arenas()) {
    auto& file = tensors[detail::file_of(arena.role)];
    for (auto& t : download(method.backend(), arena)) {
      if (!std::all_of(t.values.begin(), t.values.end(), [](real v) { return std::isfinite(v); })) {
        throw error::non_finite("after step " + std::to_string(trainer.step()) + " " + t.name +
                                " holds NaN or infinity; resume from the last checkpoint with a "
                                "lower `lr`");
      }
      file.push_back(std::move(t));
    }
  }
  std::vector<io::checkpoint_file> files;
  for (const auto& [name, list] : tensors) files.push_back({name, sources(list)});
  const auto& labels = trainer.queue_labels();
  for (auto& file : files) {
    if (file.name != "queue" || method.kept_queue() == nullptr) continue;
    file.tensors.push_back(
        io::tensor_of<std::int32_t>("labels", {static_cast<std::int64_t>(labels.size())}, labels));
  }
  io::checkpoint_note note{trainer.step(), trainer.epoch(), config, more};
  const auto counters = method.counters();
  for (std::size_t i = 0; i < counters.size(); ++i) {
    note.extra["counter." + std::to_string(i)] = std::to_string(counters[i]);
  }
  return io::save_checkpoint(directory, note, files, policy);
}

/// Fills the method from a checkpoint, and `queue_labels`. Throws error::checkpoint, listing the
/// tensors that do not fit, with the method untouched.
template <class Method>
void restore(const io::loaded_checkpoint& checkpoint, Method& method,
             std::vector<std::int32_t>& queue_labels) {
  using real = typename Method::real;
  struct wanted {
    std::string name;
    io::dtype type;
    io::tensor_shape shape;
  };
  const auto arenas = method.arenas();
  std::map<std::string, std::vector<wanted>> expected;
  for (const auto& arena : arenas) {
    for (const auto& p : *arena.list) {
      expected[detail::file_of(arena.role)].push_back(
          {arena.prefix + p.name, io::dtype_of<real>(),
           io::tensor_shape(p.shape.begin(), p.shape.end())});
    }
  }
  if (method.kept_queue() != nullptr) {
    expected["queue"].push_back(
        {"labels", io::dtype_of<std::int32_t>(), {static_cast<std::int64_t>(queue_labels.size())}});
  }
  std::string problems;
  for (const auto& [file, list] : expected) {
    const std::string text = io::difference(list, checkpoint.file(file).header());
    if (!text.empty()) problems += (problems.empty() ? "" : "; ") + file + ": " + text;
  }
  for (const auto& [name, file] : checkpoint.files) {
    if (!expected.contains(name)) problems += (problems.empty() ? "" : "; ") + name + " unexpected";
  }
  std::vector<std::int64_t> counters;
  for (std::size_t i = 0; i < method.counters().size(); ++i) {
    const std::string key = "counter." + std::to_string(i);
    const auto found = checkpoint.note.extra.find(key);
    const auto value = found == checkpoint.note.extra.end()
                           ? std::nullopt
                           : io::number_in<std::int64_t>(found->second);
    if (value.value_or(-1) < 0) {
      problems += (problems.empty() ? "" : "; ") + std::string("no queue position, \"") + key +
                  "\" in MANIFEST.json";
    }
    counters.push_back(value.value_or(-1));
  }
  if (!problems.empty()) {
    throw error::checkpoint("the checkpoint " + checkpoint.path.string() +
                            " is of another architecture: " + problems +
                            "; take one of this architecture, or start anew in another `out`");
  }
  try {
    method.restore_counters(counters);
  } catch (const error& failure) {
    throw error::checkpoint("the checkpoint " + checkpoint.path.string() + ": " + failure.what());
  }
  for (const auto& arena : arenas) {
    const auto& file = checkpoint.file(detail::file_of(arena.role));
    upload(method.backend(), arena,
           [&](const std::string& name) { return file.template values<real>(name); });
  }
  if (method.kept_queue() != nullptr) {
    checkpoint.file("queue").copy_to("labels", std::span(queue_labels));
  }
}

}  // namespace triptych::train
