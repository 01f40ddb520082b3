// triptych/data/annotations_inl.hpp
//
// The bodies of annotations.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/annotations.hpp>
#include <triptych/data/read_file.hpp>

namespace triptych::data {

TRIPTYCH_INLINE std::vector<numbered_line> read_lines(const fs::path& path) {
  const auto bytes = read_file(path, longest_list);
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);  // a byte-order mark
  std::vector<numbered_line> lines;
  for (std::int64_t number = 1; !rest.empty(); ++number) {
    const auto end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (lines.size() == most_lines) {
      throw error::data(path.string() + " has more than " + std::to_string(most_lines) +
                        " lines; split it, or unpack the archive again");
    }
    lines.push_back({number, std::string(line)});
  }
  return lines;
}

TRIPTYCH_INLINE std::vector<annotation> read_annotations(const fs::path& path) {
  std::vector<annotation> list;
  for (const auto& [number, line] : read_lines(path)) {
    const std::string& text = line;
    const char separator = text.find('\t') != text.npos  ? '\t'
                           : text.find(',') != text.npos ? ','
                           : text.find(';') != text.npos ? ';'
                                                         : ' ';
    std::size_t at = 0;
    const auto field = [&] {
      if (separator == ' ') at = std::min(text.find_first_not_of(' ', at), text.size());
      const auto end = std::min(text.find(separator, at), text.size());
      const std::string one = text.substr(at, end - at);
      at = std::min(end + 1, text.size());
      const auto first = one.find_first_not_of(" \""), last = one.find_last_not_of(" \"");
      return first == one.npos ? std::string() : one.substr(first, last - first + 1);
    };
    annotation a{number, field(), {}};
    a.label = field();
    list.push_back(std::move(a));
  }
  return list;
}

TRIPTYCH_INLINE std::int32_t label_of(const std::vector<std::string>& classes,
                                      const std::string& name) {
  const auto at = std::lower_bound(classes.begin(), classes.end(), name);
  return at == classes.end() || *at != name ? -1 : static_cast<std::int32_t>(at - classes.begin());
}

TRIPTYCH_INLINE std::vector<labeled_file> label_by(const fs::path& list, const fs::path& part,
                                                   const std::vector<fs::path>& pictures,
                                                   bool training,
                                                   std::vector<std::string>& classes) {
  std::unordered_map<std::string, std::size_t> places;  // by path, name and stem; several: the end
  const auto add = [&](const std::string& name, std::size_t at) {
    const auto [it, fresh] = places.emplace(name, at);
    if (!fresh && it->second != at) it->second = pictures.size();
  };
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    add(pictures[i].lexically_relative(part).string(), i);
    add(pictures[i].filename().string(), i);
    add(pictures[i].stem().string(), i);
  }
  const auto lines = read_annotations(list);
  const auto place = [&](const annotation& a) {
    const auto it = places.find(a.file);
    return it == places.end() ? pictures.size() : it->second;
  };
  std::int64_t named = 0, labeled = 0;
  for (const auto& a : lines) {
    named += place(a) < pictures.size();
    labeled += place(a) < pictures.size() && !a.label.empty();
  }
  if (named == 0 && !pictures.empty()) {
    throw error::data(list.string() + " names no picture of " + part.string() +
                      "; write lines of a file's name and its class, such as " +
                      pictures.front().filename().string() + ",cat, or rename the list");
  }
  if (classes.empty() && !training && labeled > 0) {
    throw error::data(list.string() + " gives classes to test images, and the training images have "
                                      "none; give those a list, too, or remove this one");
  }
  if (classes.empty()) {
    for (const auto& a : lines) {
      if (place(a) < pictures.size() && !a.label.empty()) classes.push_back(a.label);
    }
    std::sort(classes.begin(), classes.end());
    classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  }
  std::vector<std::int32_t> labels(pictures.size(), -1);
  for (const auto& a : lines) {
    const std::size_t at = place(a);
    if (at == pictures.size()) continue;  // a heading, or a picture of another part
    const auto refuse = [&](const std::string& what) {
      return error::data(list.string() + ", line " + std::to_string(a.line) + ": " + what);
    };
    if (labeled == 0) continue;  // the list of a part without labels
    if (a.label.empty()) throw refuse("'" + a.file + "' has no class; give it one");
    const std::int32_t label = label_of(classes, a.label);
    if (label < 0) {
      throw refuse("'" + a.label +
                   "' is a class that the training images do not have; correct or remove the line");
    }
    if (labels[at] >= 0) {
      throw refuse("'" + a.file + "' was named before; remove one of the lines");
    }
    labels[at] = label;
  }
  std::vector<labeled_file> files;
  for (std::size_t i = 0; i < pictures.size(); ++i) files.push_back({pictures[i], labels[i]});
  return files;
}

}  // namespace triptych::data
