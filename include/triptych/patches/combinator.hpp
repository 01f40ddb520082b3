// triptych/patches/combinator.hpp
//
// Patch combinators: into how many patches an image is cut, and which patches' encodings are
// averaged before the projector (the paper, section 3.2, eq. 4 and 5).
//
//   whole             the image itself                                        s = 1
//   grid g, choose k  all k-subsets of the g*g patches, in lexicographic order  s = C(g*g, k)
//   ... one at random one of them per view and step (Table 3)                 s = 1
//
// A combinator of your own is any type with the four members of the concept PatchCombinator;
// gradients flow through all of them, because the mean of a subset knows its own backward.
#pragma once

#include <concepts>
#include <numeric>
#include <string>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/core/philox.hpp>

namespace triptych {

template <class C>
concept PatchCombinator = requires(const C& c, int views, random_stream random,
                                   std::vector<int>& table) {
  { c.side() } -> std::convertible_to<int>;  // g: patches are cut g x g; 1 is the whole image
  { c.combinations() } -> std::convertible_to<int>;  // s: combined embeddings per image
  { c.size() } -> std::convertible_to<int>;          // k: patches in each
  // Fills the table: for each view, s subsets of k patch numbers (row-major in the grid).
  c.subsets(views, random, table);
};

}  // namespace triptych

namespace triptych::patches {

/// The image itself.
struct whole {
  [[nodiscard]] static constexpr int side() { return 1; }
  [[nodiscard]] static constexpr int combinations() { return 1; }
  [[nodiscard]] static constexpr int size() { return 1; }
  static void subsets(int views, random_stream, std::vector<int>& table) {
    table.assign(static_cast<std::size_t>(views), 0);
  }
};

/// Which k-subsets of the patches are averaged.
struct choose {
  int k = 2;
  bool one_at_random = false;  ///< one of them, drawn for each view and step
};

/// A g x g grid of patches and subsets of them.
class grid {
 public:
  explicit grid(int side = 2, choose which = {}) : side_(side), which_(which) {
    const int patches = side * side;
    if (side < 1 || which.k < 1 || which.k > patches) {
      throw error::usage("grid: " + std::to_string(which.k) + " of " + std::to_string(patches) +
                         " patches cannot be chosen; take k between 1 and " +
                         std::to_string(patches));
    }
    // Lexicographic order: raise the last member that can be raised.
    std::vector<int> subset(static_cast<std::size_t>(which.k));
    std::iota(subset.begin(), subset.end(), 0);
    for (;;) {
      all_.insert(all_.end(), subset.begin(), subset.end());
      int i = which.k - 1;
      while (i >= 0 && subset[static_cast<std::size_t>(i)] == patches - which.k + i) --i;
      if (i < 0) break;
      std::iota(subset.begin() + i, subset.end(), subset[static_cast<std::size_t>(i)] + 1);
    }
  }

  [[nodiscard]] int side() const { return side_; }
  [[nodiscard]] int combinations() const { return which_.one_at_random ? 1 : count(); }
  [[nodiscard]] int size() const { return which_.k; }

  void subsets(int views, random_stream random, std::vector<int>& table) const {
    table.clear();
    for (int view = 0; view < views; ++view) {
      if (which_.one_at_random) {
        const auto first = all_.begin() + random.below(static_cast<std::uint32_t>(count())) *
                                              static_cast<std::uint32_t>(which_.k);
        table.insert(table.end(), first, first + which_.k);
      } else {
        table.insert(table.end(), all_.begin(), all_.end());
      }
    }
  }

 private:
  [[nodiscard]] int count() const { return static_cast<int>(all_.size()) / which_.k; }

  int side_;
  choose which_;
  std::vector<int> all_;  ///< every subset, one after another
};

}  // namespace triptych::patches
