// Points in the plane as SVG: a path for each class, so that thousands of points stay small.
#include "triptych/report/embedding_map.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>

#include "triptych/console.hpp"
#include "triptych/report/class_names.hpp"
#include "triptych/report/html_text.hpp"
#include "triptych/report/line_chart.hpp"

namespace triptych::app {

namespace {

constexpr double map_side = 400, map_margin = 8;

/// A point of the class: a circle, a square, a triangle or a diamond.
std::string marker(double x, double y, std::size_t label) {
  const auto at = [&](double dx, double dy) {
    return "M" + fixed(x + dx, 1) + " " + fixed(y + dy, 1);
  };
  switch (label / colors % 4) {
  case 0:
    return at(-2.4, 0) + "a2.4 2.4 0 1 0 4.8 0a2.4 2.4 0 1 0-4.8 0";
  case 1:
    return at(-2.1, -2.1) + "h4.2v4.2h-4.2z";
  case 2:
    return at(0, -2.8) + "l2.8 4.9h-5.6z";
  default:
    return at(0, -3) + "l3 3l-3 3l-3-3z";
  }
}

std::string color_of(std::size_t label) { return "s" + std::to_string(label % colors); }

}  // namespace

std::string map_figure(const std::string& title, const std::string& note, const map_points& points,
                       const std::vector<std::string>& class_names) {
  float low[2]{}, high[2]{};
  for (std::size_t c = 0; c < 2; ++c) {
    for (std::size_t i = c; i < points.places.size(); i += 2) {
      low[c] = std::min(i == c ? points.places[i] : low[c], points.places[i]);
      high[c] = std::max(i == c ? points.places[i] : high[c], points.places[i]);
    }
  }
  // One scale for both directions: distances can be compared.
  const double extent = std::max({double(high[0] - low[0]), double(high[1] - low[1]), 1e-12});
  const auto along = [&](std::size_t i, std::size_t c) {
    const double middle = (double(low[c]) + double(high[c])) / 2;
    const double scaled = (double(points.places[2 * i + c]) - middle) / extent;
    const double from_middle = scaled * (map_side - 2 * map_margin);
    return map_side / 2 + (c == 0 ? from_middle : -from_middle);
  };
  struct drawn_class {
    std::string path, at, which;
  };
  std::map<std::size_t, drawn_class> classes;
  for (std::size_t i = 0; i < points.labels.size(); ++i) {
    const auto label = static_cast<std::size_t>(points.labels[i]);
    auto& one = classes[label];
    const double x = along(i, 0), y = along(i, 1);
    one.path += marker(x, y, label);
    one.at += (one.at.empty() ? "" : " ") + fixed(x, 1) + "," + fixed(y, 1);
    one.which += (one.which.empty() ? "" : " ") + std::to_string(i);
  }
  const std::string box = fixed(map_side, 0);
  std::string svg = "<svg class=\"map\" viewBox=\"0 0 " + box + " " + box +
                    "\" role=\"img\" aria-label=\"" + html::escaped(title) + "\">\n";
  for (const auto& [label, one] : classes) {
    const auto name = html::escaped(class_name(class_names, label));
    svg += "<path class=\"" + color_of(label) + "\" data-name=\"" + name + "\" data-at=\"" +
           one.at + "\" data-which=\"" + one.which + "\" d=\"" + one.path + "\"><title>" + name +
           "</title></path>\n";
  }
  return "<figure><figcaption><h3>" + html::escaped(title) + "</h3>" +
         html::paragraph(note, "note") + "</figcaption>" + svg + "</svg></figure>\n";
}

std::string map_legend(const std::vector<std::string>& class_names) {
  constexpr std::size_t most = 32;  // as many as colors and shapes tell apart
  std::string list;
  for (std::size_t label = 0; label < std::min(most, class_names.size()); ++label) {
    list += "<li><svg class=\"key " + color_of(label) + "\" viewBox=\"-4 -4 8 8\"><path d=\"" +
            marker(0, 0, label) + "\"/></svg>" + html::escaped(class_names[label]) + "</li>";
  }
  if (class_names.size() > most) {
    list += "<li>and " + std::to_string(class_names.size() - most) +
            " more, in the same colors and shapes</li>";
  }
  return "<ul class=\"legend\">" + list + "</ul>\n";
}

}  // namespace triptych::app
