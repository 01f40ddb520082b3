// apps/triptych/options/tables.hpp
//
// The tables that `reproduce` and `sweep` make, as data: which options each row sets, and what the
// paper printed there. A row and a seed are a cell, an ordinary training run.
//
// Source of the numbers: Tables 1 to 4 of the paper (docs/method.md), test accuracy of a linear
// classifier, a single run each. Table 0 is ours: the paper against its authors' code, by switches.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/eval/accuracy.hpp>

#include "triptych/options/options.hpp"
#include "triptych/options/parts.hpp"
#include "triptych/options/recipes.hpp"
#include "triptych/options/variants.hpp"

namespace triptych::app {

/// Accuracies that the paper prints for a data set, one at each point; a top-5 of 0 is not printed.
struct published {
  std::string_view data;
  std::vector<eval::accuracy> at;
};

struct table_row {
  std::string name;   ///< as files and directories have it
  std::string title;  ///< as a reader has it
  std::vector<preset_value> values;
  std::vector<published> paper;
};

struct table_plan {
  std::string name, caption;
  std::vector<table_row> rows;
  std::string reference;  ///< the row that differences are taken to
  int points = 1;         ///< equal parts of the epochs, each of which ends with an evaluation
};

/// "reproduce table1", the command that makes it.
inline std::string command_of(const table_plan& plan) {
  return (plan.name == "sweep" ? "" : "reproduce ") + plan.name;
}

namespace tables {

/// The switches between the paper and its authors' code, each alone as in the code.
inline table_plan switches() {
  table_plan plan{"table0",
                  "Table 0: the paper's method, each switch to its authors' code alone, and all",
                  {{"paper", "as in the paper", {}, {}}},
                  "paper"};
  for (const auto& [option, paper, released] : variant_switches()) {
    plan.rows.push_back(
        {option + "-" + released, option + " " + released, {{option, released}}, {}});
  }
  plan.rows.push_back({"released", "all, as released", {{"variant", "released"}}, {}});
  for (auto& row : plan.rows) {
    if (row.name != "released") row.values.insert(row.values.begin(), {"variant", "paper"});
    row.values.insert(row.values.begin(), {"method", "mncl"});
  }
  return plan;
}

/// The compared methods; `places` among methods::names, none: all.
inline table_plan compared(const std::vector<std::size_t>& places) {
  struct numbers {
    std::string_view method;
    eval::accuracy cifar10, cifar100, tiny_imagenet;
  };
  constexpr numbers paper[]{{"moco", {84.03, 99.53}, {50.49, 80.28}, {26.01, 51.92}},
                            {"simsiam", {84.16, 99.45}, {48.19, 78.41}, {25.28, 50.63}},
                            {"simclr", {87.11, 99.64}, {59.20, 86.41}, {31.39, 59.08}},
                            {"byol", {85.58, 99.58}, {57.12, 84.83}, {32.76, 59.55}},
                            {"nnclr", {87.66, 99.63}, {60.91, 87.50}, {40.46, 67.05}},
                            {"fast_moco", {85.93, 99.57}, {61.39, 87.31}, {39.91, 66.26}},
                            {"mncl", {90.18, 99.78}, {65.20, 89.72}, {41.70, 68.36}}};
  table_plan plan{"table1", "Table 1: the compared methods", {}, "mncl"};
  for (std::size_t i = 0; i < methods::names.size(); ++i) {
    if (!places.empty() && std::find(places.begin(), places.end(), i) == places.end()) continue;
    const auto about = traits_of(methods::names[i]);
    table_row row{std::string(about.name), std::string(about.title), {{"method", about.name}}, {}};
    for (const auto& n : paper) {
      if (n.method != about.name) continue;
      row.paper = {{"cifar10", {n.cifar10}},
                   {"cifar100", {n.cifar100}},
                   {"tiny_imagenet", {n.tiny_imagenet}}};
    }
    plan.rows.push_back(std::move(row));
  }
  return plan;
}

/// The weight of the global loss.
inline table_plan weights() {
  struct point {
    std::string_view lambda;
    double paper;
  };
  constexpr point points[]{{"2", 89.33}, {"4", 89.50}, {"6", 90.18}, {"8", 89.26}, {"10", 89.27}};
  table_plan plan{"table2", "Table 2: the weight of the global loss", {}, "lambda-6"};
  for (const auto& [lambda, paper] : points) {
    plan.rows.push_back({"lambda-" + std::string(lambda),
                         "λ = " + std::string(lambda),
                         {{"method", "mncl"}, {"lambda", lambda}},
                         {{"cifar10", {{paper, 0}}}}});
  }
  return plan;
}

/// One combination of patches or all of them, on the way, against NNCLR.
inline table_plan combinations() {
  return {"table3",
          "Table 3: one combination of patches or all, on the way",
          {{"nnclr",
            "NNCLR",
            {{"method", "nnclr"}},
            {{"cifar10", {{72.48, 0}, {82.54, 0}, {86.86, 0}, {87.66, 0}}}}},
           {"mncl-random",
            "MNCL, one combination at random",
            {{"method", "mncl"}, {"combine", "random"}},
            {{"cifar10", {{80.75, 0}, {87.47, 0}, {89.36, 0}, {89.84, 0}}}}},
           {"mncl-all",
            "MNCL, all combinations",
            {{"method", "mncl"}, {"combine", "all"}},
            {{"cifar10", {{80.55, 0}, {87.77, 0}, {90.17, 0}, {90.18, 0}}}}}},
          "nnclr",
          4};
}

/// The number of patches in a combination.
inline table_plan patches() {
  struct point {
    std::string_view k;
    eval::accuracy paper;
  };
  constexpr point points[]{
      {"1", {89.54, 99.73}}, {"2", {90.18, 99.78}}, {"3", {89.79, 99.73}}, {"4", {89.61, 99.72}}};
  table_plan plan{"table4", "Table 4: patches in a combination", {}, "k-2"};
  for (const auto& [k, paper] : points) {
    plan.rows.push_back({"k-" + std::string(k),
                         "k = " + std::string(k),
                         {{"method", "mncl"}, {"combine-k", k}},
                         {{"cifar10", {paper}}}});
  }
  return plan;
}

/// All combinations of the values, the last option's going first.
inline table_plan grid(const std::vector<varied_option>& vary) {
  table_plan plan{"sweep", "Sweep: ", {{}}, {}};
  for (const auto& option : vary) {
    plan.caption += (plan.rows.front().values.empty() ? "" : ", ") + option.name;
    std::vector<table_row> rows;
    for (const auto& row : plan.rows) {
      for (const auto& value : option.values) {
        const bool first = row.values.empty();
        table_row longer = row;
        longer.name += (first ? "" : "_") + option.name + "-" + value;
        longer.title += (first ? "" : ", ") + option.name + " " + value;
        longer.values.push_back({option.name, value});
        rows.push_back(std::move(longer));
      }
    }
    plan.rows = std::move(rows);
  }
  plan.reference = plan.rows.front().name;
  return plan;
}

}  // namespace tables

/// The table that was asked for; it refers to the texts of `o.vary`. Where its reference is not among
/// the methods that were chosen, the first row is.
inline table_plan plan_of(const reproduce_options& o) {
  using choice::table;
  table_plan plan = o.table == table::table0   ? tables::switches()
                    : o.table == table::table1 ? tables::compared(o.methods)
                    : o.table == table::table2 ? tables::weights()
                    : o.table == table::table3 ? tables::combinations()
                    : o.table == table::table4 ? tables::patches()
                                               : tables::grid(o.vary);
  const bool there = std::any_of(plan.rows.begin(), plan.rows.end(),
                                 [&](const table_row& r) { return r.name == plan.reference; });
  if (!there) plan.reference = plan.rows.front().name;
  if (o.points > 0) plan.points = o.points;
  return plan;
}

/// What a row sets, in the words of `made_by`.
inline std::vector<given_value> values_of(const table_row& row, const std::string& made_by) {
  std::vector<given_value> values;
  for (const auto& [option, value] : row.values) {
    values.push_back({std::string(option), std::string(value), made_by});
  }
  return values;
}

/// True if a row of the table sets the option.
inline bool varies(const table_plan& plan, std::string_view option) {
  return std::any_of(plan.rows.begin(), plan.rows.end(), [&](const table_row& row) {
    return std::any_of(row.values.begin(), row.values.end(),
                       [&](const preset_value& v) { return v.option == option; });
  });
}

}  // namespace triptych::app
