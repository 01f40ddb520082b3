// triptych/nn/pass.hpp
//
// One run of a network over a batch: the arenas it reads, and the tape on which a forward run leaves
// what its backward run needs. Layers are constant descriptions; all that changes is here, because
// the same weights run three views and their patches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <triptych/concepts/backend.hpp>
#include <triptych/core/tensor.hpp>

namespace triptych::nn {

/// Batch statistics (updating the running ones, where the pass has any), or running statistics.
enum class mode { train, evaluate };

/// What forward leaves for backward, last in, first out. Holds views of arena memory.
template <class T>
class tape {
 public:
  void push(tensor<const T> t) { tensors_.push_back(t); }
  void push_indices(const int* i) { indices_.push_back(i); }
  [[nodiscard]] tensor<const T> pop() {
    const auto t = tensors_.back();
    tensors_.pop_back();
    return t;
  }
  [[nodiscard]] const int* pop_indices() {
    const auto* i = indices_.back();
    indices_.pop_back();
    return i;
  }
  [[nodiscard]] bool empty() const { return tensors_.empty() && indices_.empty(); }
  void clear() {
    tensors_.clear();
    indices_.clear();
  }

 private:
  std::vector<tensor<const T>> tensors_;
  std::vector<const int*> indices_;
};

/// A call's context. `B` is a Backend.
template <class B>
struct pass {
  using real = typename B::real;

  B& backend;
  const real* weights = nullptr;
  real* statistics = nullptr;  ///< running statistics; null: none are kept (train mode only)
  mode running = mode::train;
  triptych::nn::tape<real>* tape = nullptr;  ///< null: no gradient is wanted
  real* gradients = nullptr;                 ///< backward only; backward adds to it
  int view_parts = 1;                        ///< BatchNorm takes a view in so many equal parts

  [[nodiscard]] bool recording() const { return tape != nullptr; }

  /// Memory that lives until the caller's frame ends.
  [[nodiscard]] tensor<real> take(const shape& s) const {
    return {s, backend.arena().template take<real>(s.size())};
  }

  /// A frame for temporaries: real only where nothing taken inside must survive for backward.
  [[nodiscard]] std::optional<typename stack_arena<typename B::memory>::frame> temporaries() const {
    if (recording()) return std::nullopt;
    return std::optional<typename stack_arena<typename B::memory>::frame>(std::in_place,
                                                                         backend.arena());
  }
};

}  // namespace triptych::nn
