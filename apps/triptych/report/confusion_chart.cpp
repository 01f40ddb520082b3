// A confusion matrix as SVG.
#include "triptych/report/confusion_chart.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>

#include <triptych/core/printable.hpp>

#include "triptych/console.hpp"
#include "triptych/report/html_text.hpp"

namespace triptych::app {

namespace {

constexpr std::size_t most_shown = 25;  ///< classes of a matrix that can be read

std::int64_t rows_of(const confusion_table& t, std::size_t label) {
  return std::accumulate(t.counts[label].begin(), t.counts[label].end(), std::int64_t{0});
}

double share(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

/// A name cut to what fits beside a matrix; the whole one is said by its title.
std::string short_name(const std::string& name) {
  constexpr std::size_t most = 12;
  const auto safe = printable(name);
  if (safe.size() <= most) return safe;
  std::size_t end = most - 1;
  while (end > 0 && (static_cast<unsigned char>(safe[end]) & 0xC0) == 0x80) --end;
  return safe.substr(0, end) + "…";
}

std::string matrix(const confusion_table& t) {
  const auto classes = t.classes.size();
  std::size_t longest = 1;
  for (const auto& name : t.classes) longest = std::max(longest, short_name(name).size());
  const double letters = static_cast<double>(longest);
  const double left = 14 + 6.8 * letters, top = 20 + 5.6 * letters, side = classes > 12 ? 26 : 36;
  const double whole = side * static_cast<double>(classes);
  const auto number = [](double x) { return fixed(x, 1); };
  std::string svg = "<svg class=\"matrix\" viewBox=\"0 0 " + number(left + whole + 52) + " " +
                    number(top + whole + 4) +
                    "\" style=\"max-width:" + number(1.25 * (left + whole + 52)) +
                    "px\" role=\"img\" aria-label=\"Confusion matrix\">\n";
  svg +=
      "<text x=\"" + number(left + whole + 8) + "\" y=\"" + number(top - 8) + "\">right</text>\n";
  for (std::size_t c = 0; c < classes; ++c) {
    const double middle = side * (static_cast<double>(c) + 0.5);
    const auto all = rows_of(t, c);
    svg += "<text x=\"" + number(left - 6) + "\" y=\"" + number(top + middle + 4) +
           "\" text-anchor=\"end\"><title>" + html::escaped(t.classes[c]) + "</title>" +
           html::escaped(short_name(t.classes[c])) + "</text><text transform=\"translate(" +
           number(left + middle + 4) + " " + number(top - 6) + ") rotate(-60)\">" +
           html::escaped(short_name(t.classes[c])) + "</text><text x=\"" +
           number(left + whole + 8) + "\" y=\"" + number(top + middle + 4) + "\">" +
           (all > 0 ? fixed(100 * share(t.counts[c][c], all), 0) + " %" : "-") + "</text>\n";
    for (std::size_t taken = 0; taken < classes; ++taken) {
      const auto count = t.counts[c][taken];
      if (count == 0) continue;
      const double part = share(count, all);
      const double x = left + side * static_cast<double>(taken),
                   y = top + side * static_cast<double>(c);
      svg += "<g><title>" +
             html::escaped(t.classes[c] + " taken for " + t.classes[taken] + ": " +
                           std::to_string(count) + " of " + std::to_string(all)) +
             "</title><rect class=\"" + (taken == c ? "s0" : "s1") + "\" x=\"" + number(x + 0.5) +
             "\" y=\"" + number(y + 0.5) + "\" width=\"" + number(side - 1) + "\" height=\"" +
             number(side - 1) + "\" fill-opacity=\"" + fixed(0.08 + 0.92 * part, 2) +
             "\"/><text class=\"count" + (part > 0.7 ? " strong" : "") + "\" x=\"" +
             number(x + side / 2) + "\" y=\"" + number(y + side / 2 + 4) +
             "\" text-anchor=\"middle\">" + std::to_string(count) + "</text></g>\n";
    }
  }
  return svg + "</svg>\n";
}

struct confused_pair {
  std::size_t label, taken;
  std::int64_t count;
};

std::string most_confused_pairs(const confusion_table& t, std::size_t most) {
  std::vector<confused_pair> pairs;
  for (std::size_t c = 0; c < t.classes.size(); ++c) {
    for (std::size_t taken = 0; taken < t.classes.size(); ++taken) {
      if (taken != c && t.counts[c][taken] > 0) pairs.push_back({c, taken, t.counts[c][taken]});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(), [](const confused_pair& a, const confused_pair& b) {
    return a.count > b.count;
  });
  if (pairs.size() > most) pairs.resize(most);
  std::vector<std::vector<html::cell>> rows;
  for (const auto& p : pairs) {
    rows.push_back({html::text_cell(t.classes[p.label]), html::text_cell(t.classes[p.taken]),
                    html::number_cell(std::to_string(p.count)),
                    html::number_cell(fixed(100 * share(p.count, rows_of(t, p.label)), 1))});
  }
  return rows.empty() ? std::string()
                      : html::table({"class", "taken for", "times", "% of the class"}, rows);
}

std::string lowest_classes(const confusion_table& t, std::size_t most) {
  std::vector<std::size_t> order(t.classes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto right = [&](std::size_t c) { return share(t.counts[c][c], rows_of(t, c)); };
  std::erase_if(order, [&](std::size_t c) { return rows_of(t, c) == 0; });
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return right(a) < right(b); });
  if (order.size() > most) order.resize(most);
  std::vector<std::vector<html::cell>> rows;
  for (const auto c : order) {
    rows.push_back({html::text_cell(t.classes[c]), html::number_cell(fixed(100 * right(c), 1)),
                    html::number_cell(std::to_string(rows_of(t, c)))});
  }
  return html::table({"class, the lowest first", "right %", "test images"}, rows);
}

}  // namespace

confusion_table table_of(const eval::confusion_matrix& counts,
                         const std::vector<std::string>& class_names, const std::string& source) {
  confusion_table t{source, {}, {}};
  const auto classes = static_cast<std::size_t>(counts.classes());
  for (std::size_t c = 0; c < classes; ++c) {
    t.classes.push_back(c < class_names.size() ? class_names[c] : std::to_string(c));
    auto& row = t.counts.emplace_back();
    for (std::size_t taken = 0; taken < classes; ++taken) {
      row.push_back(counts.count(static_cast<std::int32_t>(c), static_cast<std::int32_t>(taken)));
    }
  }
  return t;
}

std::string confusion_figure(const confusion_table& t) {
  std::string html = html::paragraph(
      "Judged by " + t.source + ". A row is a true class, a column what it was taken for.", "note");
  if (t.classes.size() <= most_shown) return html + matrix(t) + most_confused_pairs(t, 5);
  return html + lowest_classes(t, 20) + most_confused_pairs(t, 20);
}

}  // namespace triptych::app
