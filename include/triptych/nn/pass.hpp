// triptych/nn/pass.hpp
//
// One run of a network over a batch: the arenas it reads, and the tape on which a forward run
// leaves what its backward run needs. Layers are constant descriptions; all that changes is here,
// because the same weights run three views and their patches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include <triptych/concepts/backend.hpp>
#include <triptych/core/tensor.hpp>

namespace triptych::nn {

/// Batch statistics (updating the running ones, where the pass has any), or running statistics.
enum class mode { train, evaluate };

/// What forward leaves for backward, last in, first out: views of arena memory. Who pops a tensor
/// knows what numbers were pushed, and whether they are its own to write over.
class tape {
 public:
  template <class T>
  void push(tensor<T> t) {
    entries_.push_back({t.shape, const_cast<std::remove_const_t<T>*>(t.data)});
  }
  void push_shape(const shape& s) { entries_.push_back({s, nullptr}); }

  template <class T>
  [[nodiscard]] tensor<T> pop() {
    const entry e = entries_.back();
    entries_.pop_back();
    return {e.extents, static_cast<T*>(e.data)};
  }
  [[nodiscard]] shape pop_shape() { return pop<void>().shape; }

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  void clear() { entries_.clear(); }

 private:
  struct entry {
    shape extents;
    void* data;
  };
  std::vector<entry> entries_;
};

/// A call's context. `B` is a Backend.
template <class B>
struct pass {
  using real = typename B::real;
  using activation = typename B::activation;

  B& backend;
  const real* weights = nullptr;
  real* statistics = nullptr;  ///< running statistics; null: none are kept (train mode only)
  mode running = mode::train;
  triptych::nn::tape* tape = nullptr;  ///< null: no gradient is wanted
  real* gradients = nullptr;           ///< backward only; backward adds to it
  int view_parts = 1;     ///< BatchNorm takes a view, of all ranks, in so many equal parts
  int micro_batches = 1;  ///< passes that together move running statistics as far as one does

  [[nodiscard]] bool recording() const { return tape != nullptr; }

  /// Memory that lives until the caller's frame ends: for features and statistics, or for a map.
  [[nodiscard]] tensor<real> take(const shape& s) const {
    return {s, backend.arena().template take<real>(s.size())};
  }
  [[nodiscard]] tensor<activation> take_activation(const shape& s) const {
    return {s, backend.arena().template take<activation>(s.size())};
  }

  /// A frame for temporaries: real only where nothing taken inside must survive for backward.
  [[nodiscard]] std::optional<arena_frame<typename B::allocator>> temporaries() const {
    if (recording()) return std::nullopt;
    return std::optional<arena_frame<typename B::allocator>>(std::in_place, backend.arena());
  }
};

}  // namespace triptych::nn
