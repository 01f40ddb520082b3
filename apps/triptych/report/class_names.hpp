// apps/triptych/report/class_names.hpp
//
// What the classes of a data set are called on a page.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <triptych/train/data_identity.hpp>

namespace triptych::app {

/// A name for each class: that of the data set; of CIFAR-10, whose binary files have none, those of
/// its batches.meta.txt; else "class 3".
inline std::vector<std::string> class_names_of(const train::data_identity& images) {
  constexpr std::array<std::string_view, 10> cifar10{
      "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
  std::vector<std::string> names = images.class_names;
  const bool known =
      images.name == "cifar10" && static_cast<std::size_t>(images.classes) == cifar10.size();
  for (std::size_t c = names.size(); c < static_cast<std::size_t>(images.classes); ++c) {
    names.push_back(known ? std::string(cifar10[c]) : "class " + std::to_string(c));
  }
  return names;
}

/// Of a class, by its label.
inline std::string class_name(const std::vector<std::string>& names, std::size_t label) {
  return label < names.size() ? names[label] : "class " + std::to_string(label);
}

}  // namespace triptych::app
