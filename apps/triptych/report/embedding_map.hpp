// apps/triptych/report/embedding_map.hpp
//
// Images as points in the plane, in the colors of their classes. Beyond eight classes the shape of
// a point tells them apart as well. The page's script names the point under the pointer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace triptych::app {

struct map_points {
  std::span<const float> places;         ///< (N, 2) row-major
  std::span<const std::int32_t> labels;  ///< (N)
};

/// A square figure; the numbers of the axes mean nothing and are left out.
std::string map_figure(const std::string& title, const std::string& note, const map_points& points,
                       const std::vector<std::string>& class_names);

/// Which color and shape is which class.
std::string map_legend(const std::vector<std::string>& class_names);

}  // namespace triptych::app
