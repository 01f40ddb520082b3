// Curves as SVG.
#include "triptych/report/line_chart.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include <triptych/io/json_text.hpp>

#include "triptych/console.hpp"
#include "triptych/report/axis.hpp"
#include "triptych/report/html_text.hpp"
#include "triptych/report/page_style.hpp"

namespace triptych::app {

namespace {

// The frame of a chart; the page scales it.
constexpr double chart_width = 480, chart_height = 270, frame_left = 62, frame_right = 470,
                 frame_top = 10, frame_bottom = 230;

struct chart_frame {
  axis x, y;

  [[nodiscard]] double across(double value) const {
    return frame_left + x.share(value) * (frame_right - frame_left);
  }
  [[nodiscard]] double down(double value) const {
    return frame_bottom - y.share(value) * (frame_bottom - frame_top);
  }
};

std::string coordinate(double value) { return io::number_text(std::round(value * 100) / 100); }

chart_frame frame_of(const line_chart& chart) {
  constexpr double none = std::numeric_limits<double>::infinity();
  double right = chart.x_high.value_or(0), low = chart.y_low.value_or(none), high = -none;
  for (const auto& c : chart.curves) {
    for (const auto& p : c.points) {
      right = std::max(right, p.x);
      low = std::min(low, p.y);
      high = std::max(high, p.y);
    }
  }
  for (const auto& l : chart.levels) {
    low = std::min(low, l.y);
    high = std::max(high, l.y);
  }
  if (low > high) low = high = 0;
  return {axis_for(0, right, 6), round_axis_for(low, high, 5)};
}

std::string polyline(const std::vector<point>& points, const chart_frame& in,
                     const std::string& style) {
  std::string text = "<polyline class=\"" + style + "\" points=\"";
  for (std::size_t i = 0; i < points.size(); ++i) {
    text += (i == 0 ? "" : " ") + coordinate(in.across(points[i].x)) + "," +
            coordinate(in.down(points[i].y));
  }
  return text + "\"/>";
}

/// "loss: 5.545 at 10, 3.2 at 780; lowest 3.1, highest 5.545"
std::string summary_of(const curve& c) {
  const auto [lowest, highest] = std::minmax_element(
      c.points.begin(), c.points.end(), [](const point& a, const point& b) { return a.y < b.y; });
  const auto at = [](const point& p) { return short_number(p.y) + " at " + short_number(p.x); };
  std::string text = c.name + ": " + at(c.points.front());
  if (c.points.size() > 1) {
    text += " to " + at(c.points.back()) + "; lowest " + short_number(lowest->y) + ", highest " +
            short_number(highest->y);
  }
  return text;
}

std::string color_of(const curve& c) {
  return "s" + std::to_string(c.color % colors) + (c.color / colors % 2 == 1 ? " dashed" : "");
}

std::string drawn(const curve& c, const chart_frame& in) {
  const auto points = thinned(c.points);
  std::string exact;
  for (const auto& p : points) {
    exact += (exact.empty() ? "" : " ") + io::number_text(p.x) + "," + io::number_text(p.y);
  }
  std::string svg = "<g class=\"curve " + color_of(c) + "\" data-name=\"" + html::escaped(c.name) +
                    "\" data-points=\"" + exact + "\"><title>" + html::escaped(summary_of(c)) +
                    "</title>";
  const bool smooth = c.smooth && c.points.size() >= 20;
  if (points.size() > 1) svg += polyline(points, in, smooth ? "raw" : "line");
  if (smooth) svg += polyline(thinned(smoothed(c.points)), in, "line");
  if (c.dots || points.size() == 1) {
    for (const auto& p : points) {
      svg += "<circle cx=\"" + coordinate(in.across(p.x)) + "\" cy=\"" + coordinate(in.down(p.y)) +
             "\" r=\"3\"><title>" +
             html::escaped(c.name + ": " + short_number(p.y) + " at " + short_number(p.x)) +
             "</title></circle>";
    }
  }
  return svg + "</g>\n";
}

std::string text_at(double x, double y, const std::string& anchor, const std::string& text,
                    const std::string& style = {}) {
  return "<text" + (style.empty() ? "" : " class=\"" + style + "\"") + " x=\"" + coordinate(x) +
         "\" y=\"" + coordinate(y) + "\" text-anchor=\"" + anchor + "\">" + html::escaped(text) +
         "</text>";
}

std::string line_between(double x1, double y1, double x2, double y2, const std::string& style) {
  return "<line class=\"" + style + "\" x1=\"" + coordinate(x1) + "\" y1=\"" + coordinate(y1) +
         "\" x2=\"" + coordinate(x2) + "\" y2=\"" + coordinate(y2) + "\"/>";
}

std::string axes(const line_chart& chart, const chart_frame& in) {
  std::string svg;
  for (const double tick : in.y.ticks()) {
    svg += line_between(frame_left, in.down(tick), frame_right, in.down(tick), "grid") +
           text_at(frame_left - 6, in.down(tick) + 4, "end", tick_text(tick, in.y.step));
  }
  for (const double tick : in.x.ticks()) {
    svg += line_between(in.across(tick), frame_bottom, in.across(tick), frame_bottom + 4, "grid") +
           text_at(in.across(tick), frame_bottom + 17, "middle", tick_text(tick, in.x.step));
  }
  svg += line_between(frame_left, frame_bottom, frame_right, frame_bottom, "axis");
  const double middle = (frame_top + frame_bottom) / 2;
  return svg + text_at((frame_left + frame_right) / 2, chart_height - 7, "middle", chart.x_title) +
         "<text transform=\"translate(13 " + coordinate(middle) +
         ") rotate(-90)\" text-anchor=\"middle\">" + html::escaped(chart.y_title) + "</text>\n";
}

/// Dashed lines with their names, on the right and on the left in turn.
std::string drawn_levels(const line_chart& chart, const chart_frame& in) {
  std::string svg;
  bool right = true;
  for (const auto& l : chart.levels) {
    const double y = in.down(l.y);
    const double above = y - 5 < frame_top + 8 ? y + 13 : y - 5;
    svg += "<g class=\"level\" data-level=\"" + io::number_text(l.y) + "\"><title>" +
           html::escaped(l.name + ": " + short_number(l.y)) + "</title>" +
           line_between(frame_left, y, frame_right, y, "level") +
           text_at(right ? frame_right - 2 : frame_left + 4, above, right ? "end" : "start",
                   l.name + " " + short_number(l.y), "level") +
           "</g>\n";
    right = !right;
  }
  return svg;
}

/// The beginning of the SVG, which says its axes to the page's script.
std::string opening(const line_chart& chart, const chart_frame& in, double height,
                    const std::string& more = {}) {
  return "<svg " + more + "class=\"chart\" viewBox=\"0 0 " + coordinate(chart_width) + " " +
         coordinate(height) + "\" role=\"img\" aria-label=\"" + html::escaped(chart.title) +
         "\" data-x=\"" + io::number_text(in.x.low) + "," + io::number_text(in.x.high) + "," +
         coordinate(frame_left) + "," + coordinate(frame_right) + "\" data-y=\"" +
         io::number_text(in.y.low) + "," + io::number_text(in.y.high) + "," +
         coordinate(frame_bottom) + "," + coordinate(frame_top) + "\">\n";
}

/// Axes, levels and curves.
std::string drawn(const line_chart& chart, const chart_frame& in) {
  std::string svg = axes(chart, in) + drawn_levels(chart, in);
  for (const auto& c : chart.curves) {
    if (!c.points.empty()) svg += drawn(c, in);
  }
  return svg;
}

/// What color is what; the last number of each.
std::string legend_of(const line_chart& chart) {
  std::string list;
  for (const auto& c : chart.curves) {
    if (c.points.empty()) continue;
    list += "<li><span class=\"swatch s" + std::to_string(c.color % colors) + "\"></span>" +
            html::escaped(c.name) + " <b>" + short_number(c.points.back().y) + "</b></li>";
  }
  return "<ul class=\"legend\">" + list + "</ul>";
}

/// Sums of windows, each of its own numbers alone: a difference of sums from the first number on
/// would lose what is small behind a single large one. A tree of sums of two: n numbers, log n steps
/// a window.
class window_sums {
 public:
  explicit window_sums(const std::vector<point>& points)
      : size_(points.size()), sums_(2 * points.size()) {
    for (std::size_t i = 0; i < size_; ++i) {
      sums_[size_ + i] = std::clamp(points[i].y, -axis_limit, axis_limit);
    }
    for (std::size_t i = size_; i-- > 1;) sums_[i] = sums_[2 * i] + sums_[2 * i + 1];
  }

  /// Of the numbers from `begin` to before `end`.
  [[nodiscard]] double of(std::size_t begin, std::size_t end) const {
    double sum = 0;
    for (begin += size_, end += size_; begin < end; begin /= 2, end /= 2) {
      if (begin % 2 == 1) sum += sums_[begin++];
      if (end % 2 == 1) sum += sums_[--end];
    }
    return sum;
  }

 private:
  std::size_t size_;
  std::vector<double> sums_;  // node i is of 2 i and 2 i + 1; the numbers begin at `size_`
};

}  // namespace

std::vector<point> thinned(const std::vector<point>& points, std::size_t most) {
  if (points.size() <= most || most < 4) return points;
  const std::size_t groups = (most - 2) / 2;  // beside the ends
  std::vector<point> left;
  for (std::size_t g = 0; g < groups; ++g) {
    const auto begin = points.begin() + static_cast<std::ptrdiff_t>(g * points.size() / groups);
    const auto end = points.begin() + static_cast<std::ptrdiff_t>((g + 1) * points.size() / groups);
    const auto [lowest, highest] =
        std::minmax_element(begin, end, [](const point& a, const point& b) { return a.y < b.y; });
    std::vector<std::vector<point>::const_iterator> kept{lowest, highest};
    // The ends of the curve stay, whatever they are.
    if (g == 0) kept.push_back(begin);
    if (g + 1 == groups) kept.push_back(end - 1);
    std::sort(kept.begin(), kept.end());
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    for (const auto& one : kept) left.push_back(*one);
  }
  return left;
}

std::vector<point> smoothed(const std::vector<point>& points) {
  const auto size = static_cast<std::int64_t>(points.size());
  const std::int64_t reach = std::max<std::int64_t>(2, size / 40);
  const window_sums sums(points);
  std::vector<point> means;
  for (std::int64_t i = 0; i < size; ++i) {
    const std::int64_t r = std::min({reach, i, size - 1 - i});
    const double sum =
        sums.of(static_cast<std::size_t>(i - r), static_cast<std::size_t>(i + r + 1));
    means.push_back({points[static_cast<std::size_t>(i)].x, sum / static_cast<double>(2 * r + 1)});
  }
  return means;
}

std::string figure_of(const line_chart& chart) {
  const chart_frame in = frame_of(chart);
  return "<figure><figcaption><h3>" + html::escaped(chart.title) + "</h3>" +
         (chart.note.empty() ? "" : html::paragraph(chart.note, "note")) + legend_of(chart) +
         "</figcaption>\n" + opening(chart, in, chart_height) + drawn(chart, in) +
         "</svg></figure>\n";
}

std::string svg_file_of(const line_chart& chart) {
  constexpr double row = 18, column = (frame_right - frame_left) / 3;
  const chart_frame in = frame_of(chart);
  std::string legend;
  int place = 0;
  for (const auto& c : chart.curves) {
    if (c.points.empty()) continue;
    const double x = frame_left + 6 + place % 3 * column, y = chart_height + 8 + place / 3 * row;
    legend += "<g class=\"" + color_of(c) + "\"><circle cx=\"" + coordinate(x) + "\" cy=\"" +
              coordinate(y) + "\" r=\"4\"/>" + text_at(x + 9, y + 4, "start", c.name) + "</g>\n";
    ++place;
  }
  const double height = chart_height + row * ((place + 2) / 3);
  return opening(chart, in, height,
                 "xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" ") +
         "<title>" + html::escaped(chart.title) + "</title>\n<style>" + html::palette +
         html::chart_style + "</style>\n" + drawn(chart, in) + legend + "</svg>\n";
}

}  // namespace triptych::app
