// Test data on any backend: numbers are double on the host, and the backend's own type in its
// memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <triptych/core/arena.hpp>
#include <triptych/core/philox.hpp>

namespace triptych::test {

/// `n` numbers, uniform in [low, high), the same for the same seed; a float holds them exactly.
inline std::vector<double> random_numbers(std::int64_t n, std::uint64_t seed, float low = -1,
                                          float high = 1) {
  random_stream random(seed, stream::evaluate);
  std::vector<double> numbers(static_cast<std::size_t>(n));
  for (double& x : numbers) x = double{random.uniform(low, high)};
  return numbers;
}

/// `n` times NaN: what an operation that overwrites its output must not leave behind.
inline std::vector<double> unwritten(std::int64_t n) {
  return std::vector<double>(static_cast<std::size_t>(n), std::numeric_limits<double>::quiet_NaN());
}

/// An array in the memory of backend `B`.
template <class B>
class device_array {
 public:
  using real = typename B::real;

  device_array(B& backend, const std::vector<double>& numbers)
      : backend_(backend), array_(numbers.size()) {
    const std::vector<real> host(numbers.begin(), numbers.end());
    backend_.upload(host.data(), host.size(), array_.data());
  }

  [[nodiscard]] real* data() const { return array_.data(); }
  operator real*() const { return data(); }  // NOLINT: passes as the pointer it is

  /// The numbers, appended to `all`.
  void append_to(std::vector<double>& all) const {
    std::vector<real> host(array_.size());
    backend_.download(array_.data(), host.size(), host.data());
    all.insert(all.end(), host.begin(), host.end());
  }

 private:
  B& backend_;
  buffer<real, typename B::memory> array_;
};

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
  buffer<int, typename B::memory> array_;
};

/// The numbers of all arrays, one after the other.
template <class... Arrays>
std::vector<double> numbers_of(const Arrays&... arrays) {
  std::vector<double> all;
  (arrays.append_to(all), ...);
  return all;
}

}  // namespace triptych::test
