// apps/triptych/commands/eval_files.hpp
//
// What lies beside eval.json in the directory `eval` of a run: a confusion matrix as CSV for each
// line of the result, and for each share of the labels which images it is.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/eval/confusion.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/owned_names.hpp>

#include "triptych/commands/csv_cell.hpp"
#include "triptych/commands/evaluation.hpp"
#include "triptych/console.hpp"

namespace triptych::app {

inline constexpr std::string_view confusion_prefix = "confusion-", labels_prefix = "labels-";
inline constexpr std::string_view confusion_heading = "true class / taken for";
inline constexpr int most_confused = 1000;  ///< classes; a file of more is of use to nobody

/// "labels-0.01.json"
inline std::string labels_name(double share) {
  return std::string(labels_prefix) + io::number_text(share) + ".json";
}

/// "confusion-raw-pixels-knn.csv", "confusion-trained-knn-0.01.csv"
inline std::string confusion_name(std::string_view features, std::string_view protocol,
                                  std::optional<double> label_fraction = {}) {
  std::string name(confusion_prefix);
  for (const char c : std::string(features) + "-" + std::string(protocol)) {
    if (c == ',') break;  // "linear, last epoch"
    name += c == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return name + (label_fraction ? "-" + io::number_text(*label_fraction) : "") + ".csv";
}

/// A row for each true class, a column for each class that it was taken for; `names` head both,
/// numbers where there are none.
inline std::string confusion_csv(const eval::confusion_matrix& confusion,
                                 const std::vector<std::string>& names) {
  const auto name = [&](int c) {
    const auto i = static_cast<std::size_t>(c);
    return i < names.size() ? csv_cell(names[i]) : std::to_string(c);
  };
  std::string text(confusion_heading);
  for (int c = 0; c < confusion.classes(); ++c) text += "," + name(c);
  text += "\n";
  for (int label = 0; label < confusion.classes(); ++label) {
    text += name(label);
    for (int c = 0; c < confusion.classes(); ++c) {
      text += "," + std::to_string(confusion.count(label, c));
    }
    text += "\n";
  }
  return text;
}

/// Lists files as ours before the work begins. Throws error::usage where one is there, is not
/// listed, and is no confusion matrix.
inline void own_files(const std::filesystem::path& directory, std::vector<std::string> names) {
  io::make_directories(directory);
  io::owned_names owned(directory);
  for (const auto& name : names) {
    if (owned.has(name) || !owned.in().status(name)) continue;
    try {
      if (io::read_file(directory / name).text().starts_with(confusion_heading)) {
        owned.adopt({name});
      }
    } catch (const error&) {  // something else
    }
  }
  owned.claim(names);
  names.emplace_back(io::marker_name);
  owned.clear_leftovers(names);
}

/// Writes what belongs to `e`, and removes what belonged to an earlier evaluation.
inline void write_files(const std::filesystem::path& directory, const evaluation& e) {
  std::vector<std::string> written, earlier;
  for (const auto& r : e.results) {
    if (!r.confusion || r.confusion->classes() > most_confused) continue;
    written.push_back(confusion_name(r.features, r.protocol, r.label_fraction));
    io::replace_file(directory / written.back(), confusion_csv(*r.confusion, e.class_names));
  }
  for (const auto& draw : e.draws) {
    written.push_back(labels_name(draw.fraction));
    io::replace_file(directory / written.back(),
                     "{\"label_fraction\": " + io::number_text(draw.fraction) + ", \"images\": [" +
                         joined(draw.images, [](std::int64_t i) { return std::to_string(i); }) +
                         "]}\n");
  }
  io::owned_names owned(directory);
  for (const auto& name : owned.in().names()) {
    const bool now = std::find(written.begin(), written.end(), name) != written.end();
    const bool of_eval = name.starts_with(confusion_prefix) || name.starts_with(labels_prefix);
    if (!now && of_eval && owned.has(name)) earlier.push_back(name);
  }
  owned.remove(earlier);
}

}  // namespace triptych::app
