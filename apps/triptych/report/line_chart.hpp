// apps/triptych/report/line_chart.hpp
//
// Curves over one axis as a figure of inline SVG. It needs no script: each curve says its range
// when the pointer rests on it. The page's script reads `data-points`, the exact numbers, and shows
// those at the pointer.
//
// Sizes are those of the SVG's own coordinates, which the page scales to its width.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace triptych::app {

struct point {
  double x = 0, y = 0;

  friend bool operator==(const point&, const point&) = default;
};

struct curve {
  std::string name;
  std::vector<point> points;  ///< by ascending x
  int color = 0;              ///< place in the page's palette
  bool smooth = false;        ///< a running mean is drawn over the points, which are drawn faint
  bool dots = false;          ///< a dot at each point
};

/// A line across the chart, such as what chance would reach.
struct level {
  std::string name;
  double y = 0;
};

struct line_chart {
  std::string title, note;  ///< the note is a sentence below the title
  std::string x_title, y_title;
  std::vector<curve> curves;
  std::vector<level> levels{};
  std::optional<double> x_high{}, y_low{};  ///< ends of the axes that the points do not decide
};

inline constexpr std::size_t most_points = 600;  ///< of a curve; see thinned()
inline constexpr int colors = 8;                 ///< of the palette

/// At most `most` of the points: of each group of neighbors the lowest and the highest, so that
/// peaks stay, and both ends. Every point that is left is one of the given.
std::vector<point> thinned(const std::vector<point>& points, std::size_t most = most_points);

/// The mean of the points around each one, as many before as behind it: no lag. The window is a
/// twentieth of the curve, and shrinks towards both ends.
std::vector<point> smoothed(const std::vector<point>& points);

/// The figure as HTML. The horizontal axis begins at 0.
std::string figure_of(const line_chart& chart);

/// The same as a file of its own, with its legend below and its style inside: light and dark.
std::string svg_file_of(const line_chart& chart);

}  // namespace triptych::app
