// triptych/core/nearest_name.hpp
//
// The name that a mistyped one was probably meant to be, for the end of an error sentence.
//
// Source: edit distance of Levenshtein (1966), one row of the table at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

#include <triptych/config.hpp>

namespace triptych {

/// The fewest insertions, deletions and replacements of a letter that turn `a` into `b`.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

/// The nearest of `names` (not empty); the first of equals.
template <class Name>
std::string_view nearest_name(std::string_view wrong, std::span<const Name> names) {
  return *std::min_element(names.begin(), names.end(), [wrong](const auto& a, const auto& b) {
    return edit_distance(wrong, a) < edit_distance(wrong, b);
  });
}

}  // namespace triptych
