// apps/triptych/commands/table_report.hpp
//
// The results of a table and how they are written: Markdown for a reader, CSV for a spreadsheet,
// JSON with every seed's number. All three show the same columns; only those of time differ between
// equal tables.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/eval/accuracy.hpp>
#include <triptych/io/json_text.hpp>

#include "triptych/commands/statistics.hpp"
#include "triptych/console.hpp"

namespace triptych::app {

/// What one cell gave at one point. Accuracies are in percent.
struct cell_result {
  eval::accuracy last{};
  std::optional<eval::accuracy> best{};          ///< over the epochs of a linear evaluation
  std::optional<double> knn_last{}, knn_best{};  ///< of the metrics, over the epochs of training
  std::optional<double> minutes{}, images_per_second{};  ///< of training
};

/// A row at one point: a result by seed.
struct report_line {
  std::string name, title;
  std::optional<int> point{};             ///< from 0; nothing where nothing is trained
  std::optional<int> epochs{}, cost{};    ///< nothing where nothing is trained
  std::string judged_by{};                ///< see protocol_name()
  std::optional<eval::accuracy> paper{};  ///< a top-5 of 0 is not printed there
  std::vector<std::optional<cell_result>> cells{};
};

struct table_report {
  std::string name, caption, data;
  std::int64_t train_images = 0, test_images = 0;
  std::string judged_by;
  std::string judged_because{};  ///< why by that; empty where it was asked for
  std::vector<int> seeds;
  std::vector<std::pair<std::string, std::string>> options;
  std::string reference;  ///< name of the lines that differences are taken to
  std::string version;
  std::vector<report_line> lines;
};

namespace report {

/// The line that `line` is compared with: the reference at the same point, for what is not trained
/// its last one; nothing if the two were judged in different ways.
inline const report_line* reference_of(const table_report& t, const report_line& line) {
  const report_line* found = nullptr;
  for (const auto& other : t.lines) {
    if (other.name != t.reference || other.judged_by != line.judged_by) continue;
    if (!line.point || line.point == other.point) found = &other;
  }
  return found;
}

/// A number by seed that the table shows.
struct column {
  std::string_view name;   ///< in CSV and JSON
  std::string_view title;  ///< in Markdown
  int digits;
  std::optional<double> (*of)(const cell_result&);
  bool difference = false;  ///< to the reference, paired by seed
  bool scatter = true;      ///< the deviation is shown
};

inline constexpr column columns[]{
    {"top1", "top-1 %", 2, [](const cell_result& c) { return std::optional(c.last.top1); }},
    {"difference", "difference", 2, [](const cell_result& c) { return std::optional(c.last.top1); },
     true},
    {"best_top1", "best epoch %", 2,
     [](const cell_result& c) { return c.best ? std::optional(c.best->top1) : std::nullopt; }},
    {"top5", "top-5 %", 2, [](const cell_result& c) { return std::optional(c.last.top5); }},
    {"knn_last", "kNN %", 2, [](const cell_result& c) { return c.knn_last; }},
    {"knn_best", "best kNN %", 2, [](const cell_result& c) { return c.knn_best; }},
    {"minutes", "minutes", 1, [](const cell_result& c) { return c.minutes; }, false, false},
    {"images_per_second", "images/s", 0, [](const cell_result& c) { return c.images_per_second; },
     false, false},
};

inline by_seed values(const report_line& line, const column& c) {
  by_seed list;
  for (const auto& cell : line.cells) list.push_back(cell ? c.of(*cell) : std::nullopt);
  return list;
}

inline by_seed values(const table_report& t, const report_line& line, const column& c) {
  if (!c.difference) return values(line, c);
  const auto* reference = reference_of(t, line);
  return reference == nullptr ? by_seed(line.cells.size())
                              : paired_difference(values(line, c), values(*reference, c));
}

/// Half the 95 % interval of a line's mean difference. One line of two seeds says next to nothing
/// about its own deviation, so it is pooled over all lines that are compared at the same point.
inline std::optional<double> half_width(const table_report& t, const report_line& line,
                                        const column& c) {
  const auto own = summarize(values(t, line, c));
  if (!c.difference || !line.point || line.name == t.reference || own.count == 0) return {};
  double squares = 0;
  int degrees = 0;
  for (const auto& other : t.lines) {
    if (other.point != line.point || other.name == t.reference) continue;
    const auto s = summarize(values(t, other, c));
    if (!s.deviation) continue;
    const int free = static_cast<int>(s.count) - 1;
    squares += *s.deviation * *s.deviation * free;
    degrees += free;
  }
  if (degrees == 0) return {};
  return student_t_95(degrees) * std::sqrt(squares / degrees / static_cast<double>(own.count));
}

/// The columns that have anything to show.
inline std::vector<column> shown(const table_report& t) {
  std::vector<column> list;
  for (const auto& c : columns) {
    const bool any = std::any_of(t.lines.begin(), t.lines.end(), [&](const report_line& line) {
      return summarize(values(line, c)).count > 0;
    });
    if (any) list.push_back(c);
  }
  return list;
}

inline std::size_t seeds_of(const report_line& line) {
  return static_cast<std::size_t>(
      std::count_if(line.cells.begin(), line.cells.end(), [](const auto& c) { return !!c; }));
}

/// "+0.11", never "-0.00".
inline std::string with_sign(double x, int digits) {
  std::string text = fixed(x, digits);
  if (text.find_first_not_of("-0.") == text.npos) text = fixed(0, digits);
  return (text.front() == '-' ? "" : "+") + text;
}

/// "89.50 ± 0.31", of a difference "+0.11 ± 0.22 (-1.10 to +1.32)".
inline std::string text(const summary& s, const column& c, const std::optional<double>& half) {
  if (s.count == 0) return "-";
  const std::string mean = c.difference ? with_sign(s.mean, c.digits) : fixed(s.mean, c.digits);
  return mean + (c.scatter && s.deviation ? " ± " + fixed(*s.deviation, c.digits) : "") +
         (half ? " (" + with_sign(s.mean - *half, c.digits) + " to " +
                     with_sign(s.mean + *half, c.digits) + ")"
               : "");
}

inline std::string paper_text(const std::optional<eval::accuracy>& paper) {
  if (!paper) return "-";
  return fixed(paper->top1, 2) + (paper->top5 > 0 ? " / " + fixed(paper->top5, 2) : "");
}

}  // namespace report

inline std::string markdown(const table_report& t) {
  using namespace report;
  const auto columns_shown = shown(t);
  const auto reference = std::find_if(t.lines.begin(), t.lines.end(), [&](const report_line& line) {
    return line.name == t.reference;
  });
  std::string md = "# " + t.caption + "\n\n- data: " + t.data + ", " +
                   std::to_string(t.train_images) + " training and " +
                   std::to_string(t.test_images) + " test images\n";
  if (!t.options.empty()) {
    md += "- options: " +
          joined(
              t.options, [](const auto& o) { return "--" + o.first + " " + o.second; }, " ") +
          "\n";
  }
  md += "- judged by: " + t.judged_by + (t.judged_because.empty() ? "" : "; " + t.judged_because) +
        "\n- seeds: " + joined(t.seeds, [](int seed) { return std::to_string(seed); }) +
        "; mean ± standard deviation (n - 1)\n";
  if (reference != t.lines.end()) {
    md += "- difference: to " + reference->title + ", paired by seed";
    const bool any = std::any_of(t.lines.begin(), t.lines.end(), [&](const report_line& line) {
      return std::any_of(std::begin(columns), std::end(columns),
                         [&](const column& c) { return half_width(t, line, c).has_value(); });
    });
    md += any ? "; in brackets its 95 % interval, with the deviation pooled over the rows\n" : "\n";
  }
  md += "- written by: " + t.version + "\n\n| setting | epochs | seeds |";
  for (const auto& c : columns_shown) md += " " + std::string(c.title) + " |";
  md += " paper % | cost |\n|---|---|---|";
  for (std::size_t i = 0; i < columns_shown.size() + 2; ++i) md += "---|";
  md += "\n";
  for (const auto& line : t.lines) {
    md += "| " + line.title + " | " + (line.epochs ? std::to_string(*line.epochs) : "-") + " | " +
          std::to_string(seeds_of(line)) + " |";
    for (const auto& c : columns_shown) {
      const bool itself = c.difference && line.name == t.reference;
      md +=
          " " +
          (itself ? "reference" : text(summarize(values(t, line, c)), c, half_width(t, line, c))) +
          " |";
    }
    md += " " + paper_text(line.paper) + " | " + (line.cost ? std::to_string(*line.cost) : "-") +
          " |\n";
  }
  return md;
}

inline std::string csv(const table_report& t) {
  using namespace report;
  const auto columns_shown = shown(t);
  std::string text = "setting,epochs,seeds";
  for (const auto& c : columns_shown) {
    text += "," + std::string(c.name) + "_mean," + std::string(c.name) + "_std";
    if (c.difference) text += "," + std::string(c.name) + "_half_width_95";
  }
  text += ",paper_top1,paper_top5,cost\n";
  for (const auto& line : t.lines) {
    text += line.name + "," + (line.epochs ? std::to_string(*line.epochs) : "") + "," +
            std::to_string(seeds_of(line));
    for (const auto& c : columns_shown) {
      const auto s = summarize(values(t, line, c));
      text += "," + (s.count > 0 ? io::number_text(s.mean) : "") + "," +
              (s.deviation ? io::number_text(*s.deviation) : "");
      if (!c.difference) continue;
      const auto half = half_width(t, line, c);
      text += "," + (half ? io::number_text(*half) : "");
    }
    const bool top5 = line.paper && line.paper->top5 > 0;
    text += "," + (line.paper ? io::number_text(line.paper->top1) : "") + "," +
            (top5 ? io::number_text(line.paper->top5) : "") + "," +
            (line.cost ? std::to_string(*line.cost) : "") + "\n";
  }
  return text;
}

inline std::string json(const table_report& t) {
  using namespace report;
  const auto string = [](std::string_view s) { return io::json_string(s); };
  std::string text =
      "{\n  \"table\": " + string(t.name) + ",\n  \"caption\": " + string(t.caption) +
      ",\n  \"data\": " + string(t.data) +
      ",\n  \"train_images\": " + std::to_string(t.train_images) +
      ",\n  \"test_images\": " + std::to_string(t.test_images) + ",\n  \"options\": {" +
      joined(t.options, [&](const auto& o) { return string(o.first) + ": " + string(o.second); }) +
      "},\n  \"judged_by\": " + string(t.judged_by) +
      ",\n  \"judged_because\": " + string(t.judged_because) + ",\n  \"seeds\": [" +
      joined(t.seeds, [](int seed) { return std::to_string(seed); }) +
      "],\n  \"reference\": " + string(t.reference) + ",\n  \"version\": " + string(t.version) +
      ",\n  \"lines\": [";
  const auto columns_shown = shown(t);
  for (const auto& line : t.lines) {
    text += (text.back() == '[' ? "\n    " : ",\n    ") + std::string("{\"setting\": ") +
            string(line.name) + ", \"title\": " + string(line.title) +
            ", \"epochs\": " + (line.epochs ? std::to_string(*line.epochs) : "null") +
            ", \"judged_by\": " + string(line.judged_by);
    for (const auto& c : columns_shown) {
      const auto list = values(t, line, c);
      const auto s = summarize(list);
      text += ",\n     " + string(c.name) + ": {\"by_seed\": [" + joined(list, json_number) +
              "], \"mean\": " + (s.count > 0 ? io::number_text(s.mean) : "null") +
              ", \"std\": " + json_number(s.deviation) +
              (c.difference ? ", \"half_width_95\": " + json_number(half_width(t, line, c)) : "") +
              "}";
    }
    const bool top5 = line.paper && line.paper->top5 > 0;
    text += ",\n     \"paper\": " +
            (line.paper ? "{\"top1\": " + io::number_text(line.paper->top1) + ", \"top5\": " +
                              (top5 ? io::number_text(line.paper->top5) : "null") + "}"
                        : "null") +
            ", \"cost\": " + (line.cost ? std::to_string(*line.cost) : "null") + "}";
  }
  return text + "\n  ]\n}\n";
}

}  // namespace triptych::app
