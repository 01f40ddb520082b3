#include <triptych/kernels/over_ranks.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/device_array.hpp"

using namespace triptych;
using kernels::tree_sum;

namespace {

/// What a binary tree over first ... first + n - 1 looks like.
std::string tree(int first, int n) {
  if (n == 1) return std::to_string(first);
  int half = 1;
  while (2 * half < n) half *= 2;
  return "(" + tree(first, half) + "+" + tree(first + half, n - half) + ")";
}

/// A sum that remembers how it was made.
struct made {
  std::string how;
  friend made operator+(const made& a, const made& b) { return {"(" + a.how + "+" + b.how + ")"}; }
};

moment moment_of(const std::vector<double>& x) {
  moment m{static_cast<double>(x.size()), 0, 0};
  for (const double v : x) m.mean += v / m.count;
  for (const double v : x) m.squares += (v - m.mean) * (v - m.mean);
  return m;
}

}  // namespace

TEST_CASE("a sum over ranks is that of a binary tree, for any number of them") {
  for (int n = 1; n <= 40; ++n) {
    CHECK(tree_sum(n, [](int i) { return made{std::to_string(i)}; }).how == tree(0, n));
  }
}

TEST_CASE("moments of parts are merged from ranks that hold several, or share one") {
  constexpr int views = 2, rows = 24, channels = 3;  // rows of a view, on all ranks
  const auto x = test::random_numbers(views * rows * channels, 1);
  const auto between = [&](int view, int first, int end, int c) {
    std::vector<double> column;
    for (int r = first; r < end; ++r) {
      column.push_back(x[static_cast<std::size_t>((view * rows + r) * channels + c)]);
    }
    return moment_of(column);
  };
  for (const int ranks : {2, 4, 8}) {
    for (const int parts : {1, 2, 4, 8}) {
      INFO(parts << " parts on " << ranks << " ranks");
      const int held = parts < ranks ? 1 : parts / ranks;
      std::vector<moment> shown;
      for (int rank = 0; rank < ranks; ++rank) {
        for (int view = 0; view < views; ++view) {
          for (int part = 0; part < held; ++part) {
            const int each = rows / ranks / held, first = rank * rows / ranks + part * each;
            for (int c = 0; c < channels; ++c) {
              shown.push_back(between(view, first, first + each, c));
            }
          }
        }
      }
      std::vector<moment> merged(static_cast<std::size_t>(views * parts * channels));
      const kernels::merge_moments merge{ranks,    views,        parts,
                                         channels, shown.data(), merged.data()};
      for (std::size_t i = 0; i < merged.size(); ++i) merge(i);
      std::size_t i = 0;
      for (int view = 0; view < views; ++view) {
        for (int part = 0; part < parts; ++part) {
          for (int c = 0; c < channels; ++c, ++i) {
            const moment whole = between(view, part * rows / parts, (part + 1) * rows / parts, c);
            CHECK(merged[i].count == whole.count);
            CHECK(std::abs(merged[i].mean - whole.mean) < 1e-14);
            CHECK(std::abs(merged[i].squares - whole.squares) < 1e-13);
          }
        }
      }
    }
  }
}

TEST_CASE("the largest of ranks is the largest that is a number") {
  const double shown[] = {1, 4, 3, std::numeric_limits<double>::quiet_NaN(), 2, -1};
  double largest[2];
  const kernels::largest_of_ranks<double> take{3, 2, shown, largest};
  take(0);
  take(1);
  CHECK(largest[0] == 3);
  CHECK(largest[1] == 4);
}
