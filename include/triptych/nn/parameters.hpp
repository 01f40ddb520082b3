// triptych/nn/parameters.hpp
//
// What a network's flat arenas hold: one list of weights and one of running statistics, in the
// order the layers were declared. SGD, EMA, LARS, clipping, checkpoints and copies are passes over
// these arenas; this list gives the numbers their names and shapes.
//
// Names and shapes are PyTorch's; the order in memory is ours:
//   convolution  named (out, in, kh, kw), stored (kh, kw, in, out)
//   linear       named and stored (out, in)
//   everything else is a vector
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <triptych/core/philox.hpp>

namespace triptych::nn {

/// How a tensor starts.
enum class initial {
  zero,
  one,
  kaiming_normal,  ///< normal with standard deviation sqrt(2 / fan): He et al. 2015, fan-out
  uniform,         ///< uniform in +-1/sqrt(fan): PyTorch's default of a linear layer
};

/// One named tensor of an arena.
struct parameter {
  std::string name;
  std::vector<std::int64_t> shape;  ///< PyTorch's
  initial start = initial::zero;
  std::int64_t fan = 1;
  std::size_t offset = 0;  ///< in the arena, a multiple of 16 numbers

  [[nodiscard]] std::size_t size() const {
    std::size_t n = 1;
    for (const auto extent : shape) n *= static_cast<std::size_t>(extent);
    return n;
  }
  [[nodiscard]] bool is_convolution() const { return shape.size() == 4; }
  /// Vectors are biases and BatchNorm's weights; recipes may exempt them from decay.
  [[nodiscard]] bool is_vector() const { return shape.size() < 2; }
};

/// The list of an arena's tensors; every tensor starts on a cache line.
class parameter_list {
 public:
  /// Appends a tensor and returns its offset in the arena.
  std::size_t add(parameter p) {
    p.offset = (size_ + 15) / 16 * 16;
    size_ = p.offset + p.size();
    entries_.push_back(std::move(p));
    return entries_.back().offset;
  }

  /// Length of the arena, padding included.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// How many numbers are parameters, padding left out.
  [[nodiscard]] std::size_t count() const {
    std::size_t n = 0;
    for (const auto& p : entries_) n += p.size();
    return n;
  }
  [[nodiscard]] auto begin() const { return entries_.begin(); }
  [[nodiscard]] auto end() const { return entries_.end(); }
  [[nodiscard]] std::size_t tensors() const { return entries_.size(); }

 private:
  std::vector<parameter> entries_;
  std::size_t size_ = 0;
};

/// The two arenas' lists, and the name under which the next layer is declared.
struct declaration {
  parameter_list weights;
  parameter_list statistics;
  std::string prefix;

  std::size_t weight(const std::string& name, std::vector<std::int64_t> shape, initial start,
                     std::int64_t fan = 1) {
    return weights.add({prefix + name, std::move(shape), start, fan});
  }
  std::size_t statistic(const std::string& name, int channels, initial start) {
    return statistics.add({prefix + name, {channels}, start});
  }

  /// Declares `layer(args...)` under `prefix + name`.
  template <class Declare>
  void within(const std::string& name, const Declare& declare) {
    const std::string outer = std::exchange(prefix, prefix + name);
    declare();
    prefix = outer;
  }
};

/// Visits a tensor's numbers in PyTorch's order: visit(position in PyTorch's order, position here).
template <class Visit>
void in_torch_order(const parameter& p, const Visit& visit) {
  if (!p.is_convolution()) {
    for (std::size_t i = 0; i < p.size(); ++i) visit(i, i);
    return;
  }
  const auto out = static_cast<std::size_t>(p.shape[0]), in = static_cast<std::size_t>(p.shape[1]);
  const auto taps = static_cast<std::size_t>(p.shape[2] * p.shape[3]);
  std::size_t i = 0;
  for (std::size_t o = 0; o < out; ++o) {
    for (std::size_t c = 0; c < in; ++c) {
      for (std::size_t t = 0; t < taps; ++t) visit(i++, (t * in + c) * out + o);
    }
  }
}

/// The initial values of an arena, in host memory: tensor number t draws from the stream
/// (seed, initialize, t) in PyTorch's order, so that they depend on nothing but the seed.
template <class T>
std::vector<T> initial_values(const parameter_list& list, std::uint64_t seed) {
  std::vector<T> values(list.size(), T(0));
  std::uint32_t number = 0;
  for (const auto& p : list) {
    random_stream random(seed, stream::initialize, number++);
    T* at = values.data() + p.offset;
    const float deviation = std::sqrt(2.0f / static_cast<float>(p.fan));
    const float bound = 1.0f / std::sqrt(static_cast<float>(p.fan));
    in_torch_order(p, [&](std::size_t, std::size_t i) {
      switch (p.start) {
      case initial::zero:
        at[i] = T(0);
        break;
      case initial::one:
        at[i] = T(1);
        break;
      case initial::kaiming_normal:
        at[i] = static_cast<T>(deviation * random.normal());
        break;
      case initial::uniform:
        at[i] = static_cast<T>(random.uniform(-bound, bound));
        break;
      }
    });
  }
  return values;
}

}  // namespace triptych::nn
