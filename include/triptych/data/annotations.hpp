// triptych/data/annotations.hpp
//
// Lists that give pictures their classes, a line each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/read_file.hpp>

namespace triptych::data {

inline constexpr std::uintmax_t longest_list = std::uintmax_t{64} << 20;  ///< bytes
inline constexpr std::size_t most_lines = 1'300'000;

struct numbered_line {
  std::int64_t number = 0;  ///< from 1
  std::string text;
};

/// The lines of a text file, without empty ones, line ends and a byte-order mark.
std::vector<numbered_line> read_lines(const fs::path& path);

/// A line of a list that gives files their classes.
struct annotation {
  std::int64_t line = 0;  ///< its number, from 1
  std::string file, label;
};

/// The lines of `path`: a file's name and its class, with tabs, commas, semicolons or blanks
/// between fields; further fields and empty lines are ignored. error::data for a file beyond the
/// limits above.
std::vector<annotation> read_annotations(const fs::path& path);

struct labeled_file {
  fs::path path;
  std::int32_t label = 0;  ///< -1: none
};

/// The number of a class among sorted ones; -1 where it is none of them.
std::int32_t label_of(const std::vector<std::string>& classes, const std::string& name);

/// The pictures of the directory `part` with their labels by `list`, whose lines that name none of
/// them are a heading or of another part. Where no class is known, `classes` become those of the
/// list, and -1 is the label of a picture that it does not name. Throws error::data for a line that
/// cannot be meant.
std::vector<labeled_file> label_by(const fs::path& list, const fs::path& part,
                                   const std::vector<fs::path>& pictures, bool training,
                                   std::vector<std::string>& classes);

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/annotations_inl.hpp>
#endif
