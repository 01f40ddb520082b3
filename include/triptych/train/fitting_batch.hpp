// triptych/train/fitting_batch.hpp
//
// What batch would fit, after a step has run out of memory: half of it is tried, half of that, and
// so on, until a step fits. Two steps that fit say what an image needs, and, where the memory tells
// what is free, how many images it would hold:
//
//   bytes of a step = fixed + batch * per image
//
// A straight line is not quite true: the workspaces of convolutions stop growing at some batch. So
// that number is called "about", and the tried one is certain.
// The steps tried see black images; the method's state is put back afterwards, bit by bit.
// Cost: some steps, and a copy of the method's state in host memory; only where a run fails anyway.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include <triptych/core/arena.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/method/learner.hpp>

namespace triptych::train {

/// What was found of a step's memory.
struct fitting_batch {
  std::int64_t tried = 0;  ///< the largest batch that was tried and fits; 0: none does
  std::int64_t about = 0;  ///< what should fit by the line above; 0 where nothing tells
};

namespace detail {

/// Every number of a method's state, which goes back where it was at the end of the scope.
template <class B, class Architecture>
class kept_state {
 public:
  using method_type = method::learner<B, Architecture>;

  explicit kept_state(method_type& method) : method_(&method), counters_(method.counters()) {
    for (const auto& arena : method.arenas()) {
      auto& copy = arenas_.emplace_back(arena.list->size());
      method.backend().download(arena.data, copy.size(), copy.data());
    }
  }
  kept_state(const kept_state&) = delete;
  kept_state& operator=(const kept_state&) = delete;
  ~kept_state() {
    try {
      for (std::size_t i = 0; i < arenas_.size(); ++i) {
        method_->backend().upload(arenas_[i].data(), arenas_[i].size(), method_->arenas()[i].data);
      }
      method_->restore_counters(counters_);
    } catch (const std::exception&) {  // the run has failed already, and its reason matters more
    }
  }

 private:
  method_type* method_;
  std::vector<std::int64_t> counters_;
  std::vector<std::vector<typename B::real>> arenas_;
};

}  // namespace detail

/// Tries steps with fewer than `batch` images of size `one` (1, H, W, 3), at the place in the run
/// that `options` names. Nothing where it cannot tell: memory of the arena is in use, or a step
/// fails for another reason. Gives back all memory of the arena before and after.
template <class B, class Architecture>
std::optional<fitting_batch> find_fitting_batch(method::learner<B, Architecture>& method,
                                                const shape& one, std::int64_t batch,
                                                const method::step_options& options) {
  using allocator = typename B::allocator;
  using real = typename B::real;
  B& backend = method.backend();
  auto& arena = backend.arena();
  if (arena.position().taken != 0) return std::nullopt;
  const int views = method.about().views;

  // The bytes of a step with n images; nothing where it does not fit.
  const auto bytes = [&](std::int64_t n) -> std::optional<std::size_t> {
    arena.restart();
    try {
      const arena_frame scope(arena);
      const shape s{n * views, one.height, one.width, one.channels, views};
      real* x = arena.template take<real>(s.size());
      backend.fill(x, s.size(), real(0));
      method.step({s, x}, options);
      return arena.peak_bytes();
    } catch (const error& e) {
      if (e.kind() != error_kind::memory) throw;
      return std::nullopt;
    }
  };

  try {
    arena.restart();
    const detail::kept_state<B, Architecture> state(method);
    fitting_batch found;
    std::optional<std::size_t> need;
    for (std::int64_t n = batch; n > 2 && !need;) {
      n = std::max<std::int64_t>(n / 2, 2);
      if ((need = bytes(n))) found.tried = n;
    }
    if constexpr (requires { allocator::free_bytes(); }) {
      const std::int64_t half = found.tried / 2;
      const auto smaller = half >= 2 ? bytes(half) : std::nullopt;
      arena.restart();
      if (smaller && *smaller < *need) {
        const double each =
            static_cast<double>(*need - *smaller) / static_cast<double>(found.tried - half);
        const double spare =
            static_cast<double>(allocator::free_bytes()) - static_cast<double>(*need);
        found.about = std::clamp(found.tried + static_cast<std::int64_t>(spare / each), found.tried,
                                 batch - 1);
      }
    }
    arena.restart();
    return found;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

/// The same as the end of a sentence, from its semicolon on; empty where nothing was found.
inline std::string to_advice(const std::optional<fitting_batch>& found) {
  if (!found) return {};
  if (found->tried == 0) return "; a batch of 2 does not fit either";
  return "; a batch of " + std::to_string(found->tried) + " was tried and fits" +
         (found->about > found->tried ? ", about " + std::to_string(found->about) + " should" : "");
}

}  // namespace triptych::train
