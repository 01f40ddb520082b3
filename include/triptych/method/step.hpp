// triptych/method/step.hpp
//
// What every method takes and gives in a training step, and how a step can be watched.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include <triptych/core/tensor.hpp>
#include <triptych/nn/parameters.hpp>

namespace triptych::method {

/// What is known of a method before it runs.
struct traits {
  std::string_view name;   ///< as options and files have it
  std::string_view title;  ///< as its paper has it
  int views = 2;           ///< that it takes of an image
  int cost = 0;            ///< encoder forwards an image and step; a backward counts two
  bool patches = false;    ///< images are cut into patches, so their side must be divisible
  /// Names of the loss terms that are reported apart; empty where there is none.
  std::array<std::string_view, 2> terms{};
};

/// What the schedule decides for one step.
struct step_options {
  std::int64_t step = 0;       ///< counted from 0 over the whole run
  double learning_rate = 0.1;  ///< of encoder and projector
  double predictor_learning_rate = 0.1;
  std::uint64_t seed = 0;  ///< of the run; for combinators that draw
  /// False: nobody looks at what the step did; learner::synchronize says it later.
  bool read = true;
};

/// What a step did.
struct step_report {
  double loss = 0;                ///< the weighted total
  std::array<double, 2> terms{};  ///< unweighted, in the order of traits::terms
  double gradient_norm = 0;       ///< before clipping
};

/// What the steps did that nobody has looked at yet.
struct step_status {
  step_report last;               ///< of the last one, if `finite`
  std::int64_t made = 0;          ///< how many
  std::int64_t finite_steps = 0;  ///< of them, in order, were finite and moved the weights
  /// All of them; else the one after `finite_steps`, and none since, moved any.
  bool finite = true;
};

/// What a method keeps an array for: each kind is a file of a checkpoint.
enum class arena_role {
  model,      ///< weights and running statistics of its networks
  optimizer,  ///< what the optimizer remembers
  memory,     ///< what it remembers besides, such as a queue
};

/// An arena with the names of its tensors: what checkpoints and dumps are made of.
template <class T>
struct named_arena {
  std::string prefix;
  const nn::parameter_list* list = nullptr;
  T* data = nullptr;
  arena_role role = arena_role::model;
};

/// A window into a step: called with the name of each intermediate tensor. Empty by default.
/// Names are those of a step's dump (docs/file_formats.md); data is in backend memory and must be
/// copied before the call returns.
template <class T>
struct trace {
  std::function<void(const std::string&, tensor<const T>)> on_tensor;
  std::function<void(const std::string&, const int*, std::int64_t)> on_indices;

  void operator()(const std::string& name, tensor<const T> t) const {
    if (on_tensor) on_tensor(name, t);
  }
  /// One tensor for each view (numbered from 1), out of equal runs of rows. Names are made only
  /// where somebody watches: an unwatched step allocates nothing.
  void rows(const char* name, std::span<const int> views, tensor<const T> t) const {
    if (!on_tensor) return;
    const auto count = static_cast<std::int64_t>(views.size());
    const std::int64_t each = t.shape.images / count;
    for (std::int64_t v = 0; v < count; ++v) {
      on_tensor(numbered(name, views[static_cast<std::size_t>(v)]), t.images(v * each, each));
    }
  }
  void indices(const char* name, std::span<const int> views, std::int64_t rows,
               const int* at) const {
    if (!on_indices) return;
    const auto count = static_cast<std::int64_t>(views.size());
    for (std::int64_t v = 0; v < count; ++v) {
      on_indices(numbered(name, views[static_cast<std::size_t>(v)]), at + v * (rows / count),
                 rows / count);
    }
  }

 private:
  static std::string numbered(const char* name, int view) {
    return std::string(name) + "/" + std::to_string(view);
  }
};

}  // namespace triptych::method
