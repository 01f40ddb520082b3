// The metrics as charts.
#include "triptych/report/curves.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <set>
#include <string_view>
#include <utility>

#include "triptych/collapse_rule.hpp"
#include "triptych/options/settings.hpp"

namespace triptych::app {

namespace {

/// What a column of the metrics is, and what to hold it against.
struct known_column {
  const char* name;
  const char* group;  ///< its heading
  const char* title;
  const char* unit;  ///< of the vertical axis
  const char* note;
};

constexpr known_column known_columns[]{
    {"loss", "loss", "Loss", "loss", "The weighted total; thin: as logged, thick: running mean."},
    {"knn_top1", "accuracy", "kNN accuracy", "top-1 in %",
     "Of the test images, judged by the nearest training images."},
    {"feature_std", "health", "Spread of the projections", "standard deviation",
     "Near the upper line all is well; below the lower one the projections have collapsed."},
    {"effective_rank", "health", "Effective rank", "dimensions",
     "How many dimensions the projections of a batch use; near 1 they have collapsed."},
    {"nn_same_label", "health", "Neighbors of the same class", "share",
     "Of the queue's entries that were looked up; labels serve this curve alone."},
    {"queue_age", "health", "Age of the neighbors", "steps",
     "How long ago they were put into the queue."},
    {"lr", "training", "Learning rate", "learning rate", ""},
    {"grad_norm", "training", "Norm of the gradient", "norm", "Before clipping."},
};

const known_column* known(const std::string& column) {
  for (const auto& c : known_columns) {
    if (column == c.name) return &c;
  }
  return nullptr;
}

/// What the title of a chart calls a term of the loss: "m" of "loss_m".
std::string term_of(const std::string& column) {
  constexpr std::string_view prefix = "loss_";
  return column.starts_with(prefix) ? column.substr(prefix.size()) : std::string();
}

std::vector<point> points_of(const std::vector<logged_number>& numbers) {
  std::vector<point> points;
  for (const auto& n : numbers) points.push_back({static_cast<double>(n.step), *n.value});
  return points;
}

/// The value of an option as a number, where the method has it.
double option_number(const reported_run& run, std::string_view name) {
  if (!method_takes(run.options, name)) return 0;
  return std::atof(written(run.options, name).c_str());
}

std::vector<level> levels_of(const std::string& column, const reported_run& run) {
  const auto& o = run.options;
  const double size = o.head.projector.empty() ? 0 : o.head.projector.back();
  const auto chance = run.chance();
  if (column == "knn_top1") {
    std::vector<level> list;
    if (chance) list.push_back({"chance", *chance});
    if (run.judged) {
      if (const auto base = run.judged->of("untrained", "kNN")) {
        list.push_back({"untrained", base->top1});
      }
    }
    return list;
  }
  if (column == "feature_std" && size > 0) {
    const double root = std::sqrt(size);
    collapse_rule rule;
    for (const auto& n : run.numbers(column)) rule.add(*n.value * root);
    return {{"healthy", 1 / root}, {"collapsed below", rule.level() / root}};
  }
  if (column == "effective_rank") return {{"collapsed", 1}};
  if (column == "nn_same_label" && chance) return {{"chance", *chance / 100}};
  const double queue = option_number(run, "queue");
  if (column == "queue_age" && queue > 0) {
    const bool both = method_takes(o, "enqueue") && written(o, "enqueue") == "both";
    return {{"picked at random", (queue / (o.batch * (both ? 2.0 : 1.0)) + 1) / 2}};
  }
  return {};
}

/// Levels that all runs share; those that differ are told by the page of one run.
std::vector<level> shared_levels(const std::string& column, const std::vector<reported_run>& runs) {
  auto list = levels_of(column, runs.front());
  for (const auto& run : runs) {
    const auto own = levels_of(column, run);
    std::erase_if(list, [&](const level& l) {
      return std::none_of(own.begin(), own.end(), [&](const level& other) {
        return other.name == l.name && other.y == l.y;
      });
    });
  }
  return list;
}

line_chart chart_of(const std::string& column, const std::vector<reported_run>& runs) {
  const auto* about = known(column);
  const auto term = term_of(column);
  line_chart chart;
  chart.title = about != nullptr ? about->title : term.empty() ? column : "Loss, term " + term;
  chart.note = about != nullptr ? about->note : "";
  chart.x_title = "step";
  chart.y_title = about != nullptr ? about->unit : term.empty() ? column : "loss";
  chart.levels = shared_levels(column, runs);
  const bool sparse = column == "knn_top1";
  for (std::size_t i = 0; i < runs.size(); ++i) {
    chart.curves.push_back({runs.size() > 1 ? runs[i].name : column,
                            points_of(runs[i].numbers(column)), static_cast<int>(i),
                            !sparse && column != "lr", sparse});
  }
  std::erase_if(chart.curves, [](const curve& c) { return c.points.empty(); });
  if (column == "effective_rank" || column == "nn_same_label" || column == "queue_age") {
    chart.y_low = 0;
  }
  return chart;
}

/// The terms of the loss of one run together.
line_chart terms_chart(const reported_run& run, const std::set<std::string>& columns) {
  line_chart chart{.title = "Terms of the loss",
                   .note = "Each without its weight.",
                   .x_title = "step",
                   .y_title = "loss",
                   .curves = {}};
  for (const auto& column : columns) {
    const auto points = points_of(run.numbers(column));
    if (term_of(column).empty() || points.empty()) continue;
    chart.curves.push_back({column, points, static_cast<int>(chart.curves.size()) + 1, true});
  }
  return chart;
}

}  // namespace

std::vector<chart_group> chart_groups(const std::vector<reported_run>& runs) {
  std::set<std::string> columns;
  for (const auto& run : runs) {
    for (const auto& [name, numbers] : run.metrics) columns.insert(name);
  }
  columns.erase("epoch");
  columns.erase("wall_s");

  std::vector<chart_group> groups{{"loss", "Loss", {}},
                                  {"accuracy", "Accuracy while training", {}},
                                  {"health", "Health", {}},
                                  {"training", "Learning rate and gradient", {}},
                                  {"more", "More that was logged", {}}};
  double last = 0;
  for (const auto& run : runs) {
    for (const auto& [name, numbers] : run.metrics) {
      last = std::max(last, static_cast<double>(numbers.back().step));
    }
  }
  const auto add = [&](const std::string& group, line_chart chart) {
    if (chart.curves.empty()) return;
    chart.x_high = last;
    for (auto& g : groups) {
      if (g.id == group) g.charts.push_back(std::move(chart));
    }
  };
  for (const auto& about : known_columns) {
    if (columns.erase(about.name) > 0) add(about.group, chart_of(about.name, runs));
    if (std::string_view(about.name) == "loss" && runs.size() == 1) {
      add("loss", terms_chart(runs.front(), columns));
    }
  }
  for (const auto& column : columns) {
    if (term_of(column).empty()) {
      add("more", chart_of(column, runs));
    } else if (runs.size() > 1) {
      add("loss", chart_of(column, runs));
    }
  }
  std::erase_if(groups, [](const chart_group& g) { return g.charts.empty(); });
  return groups;
}

}  // namespace triptych::app
