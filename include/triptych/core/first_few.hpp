// triptych/core/first_few.hpp
//
// Lists in sentences: the first few of them, then "...".
#pragma once

#include <cstddef>
#include <string>

#include <triptych/config.hpp>

namespace triptych {

/// The texts of the first `most` of a list with ", " between them, and ", ..." where there are
/// more.
template <class List, class Text>
std::string first_few(const List& list, std::size_t most, const Text& text) {
  std::string all;
  std::size_t shown = 0;
  for (const auto& one : list) {
    if (shown++ > 0) all += ", ";
    if (shown > most) return all + "...";
    all += text(one);
  }
  return all;
}

}  // namespace triptych
