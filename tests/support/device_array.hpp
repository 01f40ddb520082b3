// Test data on any backend: numbers are double on the host, and the backend's own type in its
// memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include <triptych/core/arena.hpp>
#include <triptych/core/philox.hpp>

#include "support/seed.hpp"

namespace triptych::test {

/// `n` numbers, uniform in [low, high), the same for the same seed of the same run; a float holds
/// them exactly.
inline std::vector<double> random_numbers(std::int64_t n, std::uint64_t seed, float low = -1,
                                          float high = 1) {
  random_stream random(seeded(seed), stream::evaluate);
  std::vector<double> numbers(static_cast<std::size_t>(n));
  for (double& x : numbers) x = double(random.uniform(low, high));
  return numbers;
}

/// `n` times NaN: what an operation that overwrites its output must not leave behind.
inline std::vector<double> unwritten(std::int64_t n) {
  return std::vector<double>(static_cast<std::size_t>(n), std::numeric_limits<double>::quiet_NaN());
}

/// `n` numbers of the memory of backend `B`, of weights and features or of a feature map.
template <class B, class T>
std::vector<T> downloaded(B& backend, const T* numbers, std::size_t n) {
  std::vector<T> host(n);
  if constexpr (std::is_same_v<T, typename B::real>) {
    backend.download(numbers, n, host.data());
  } else {
    backend.system().download(numbers, n * sizeof(T), host.data());
  }
  return host;
}

/// An array in the memory of backend `B`.
template <class B, class T = typename B::real>
class device_array {
 public:
  device_array(B& backend, const std::vector<double>& numbers)
      : backend_(backend), array_(numbers.size()) {
    const std::vector<T> host(numbers.begin(), numbers.end());
    if constexpr (std::is_same_v<T, typename B::real>) {
      backend_.upload(host.data(), host.size(), data());
    } else {
      backend_.system().upload(host.data(), host.size() * sizeof(T), data());
    }
  }

  [[nodiscard]] T* data() const { return array_.data(); }
  operator T*() const { return data(); }  // NOLINT: passes as the pointer it is

  /// The numbers, appended to `all`.
  void append_to(std::vector<double>& all) const {
    const std::vector<T> host = downloaded(backend_, static_cast<const T*>(data()), array_.size());
    all.insert(all.end(), host.begin(), host.end());
  }

 private:
  B& backend_;
  buffer<T, typename B::allocator> array_;
};

/// An array of a feature map's numbers.
template <class B>
struct device_map : device_array<B, typename B::activation> {
  device_map(B& backend, const std::vector<double>& numbers)
      : device_array<B, typename B::activation>(backend, numbers) {}
};

/// The numbers as a feature map of backend `B` holds them.
template <class B>
std::vector<double> as_map(std::vector<double> numbers) {
  if constexpr (!std::is_same_v<typename B::activation, typename B::real>) {
    for (double& x : numbers)
      x = double(static_cast<float>(typename B::activation(static_cast<float>(x))));
  }
  return numbers;
}

/// Indices in the memory of backend `B`.
template <class B>
class device_indices {
 public:
  device_indices(B& backend, std::int64_t size)
      : backend_(backend), array_(static_cast<std::size_t>(size)) {}

  operator int*() const { return array_.data(); }  // NOLINT: passes as the pointer it is

  void append_to(std::vector<double>& all) const {
    std::vector<int> host(array_.size());
    backend_.download_indices(array_.data(), host.size(), host.data());
    all.insert(all.end(), host.begin(), host.end());
  }

 private:
  B& backend_;
  buffer<int, typename B::allocator> array_;
};

/// The numbers of all arrays, one after the other.
template <class... Arrays>
std::vector<double> numbers_of(const Arrays&... arrays) {
  std::vector<double> all;
  (arrays.append_to(all), ...);
  return all;
}

}  // namespace triptych::test
