// The cells of the tables, against the paper's own.
#include "triptych/options/tables.hpp"

#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "support/catch.hpp"
#include "support/thrown.hpp"
#include "triptych/options/command_line.hpp"

using namespace triptych;
using namespace triptych::app;

namespace {

table_plan plan(choice::table table, const std::vector<std::size_t>& methods = {}) {
  reproduce_options o;
  o.table = table;
  o.methods = methods;
  return plan_of(o);
}

/// "method mncl, lambda 2" by row.
std::vector<std::string> cells(const table_plan& p) {
  std::vector<std::string> list;
  for (const auto& row : p.rows) {
    std::string text;
    for (const auto& [option, value] : row.values) {
      text += (text.empty() ? "" : ", ") + std::string(option) + " " + std::string(value);
    }
    list.push_back(text);
  }
  return list;
}

using words = std::vector<std::string>;

reproduce_options reproduce_with(const std::vector<std::pair<std::string, std::string>>& flags) {
  command_request request{"reproduce", {}};
  for (const auto& [name, text] : flags) request.values.push_back({name, text, "flag --" + name});
  return std::get<reproduce_options>(options_of(request));
}

/// The options of a row's cell.
train_options cell_of(const reproduce_options& o, const std::string& row) {
  for (const auto& r : plan_of(o).rows) {
    if (r.name != row) continue;
    return cell_options(o, values_of(r, "the table"));
  }
  throw error::runtime("there is no row " + row);
}

}  // namespace

TEST_CASE("The tables have the cells of the paper") {
  auto compared = plan(choice::table::table1);  // and what was added to it
  CHECK(compared.rows.size() == methods::names.size());
  std::erase_if(compared.rows, [](const table_row& row) { return row.paper.empty(); });
  CHECK(cells(compared) == words{"method moco", "method simsiam", "method simclr", "method byol",
                                 "method nnclr", "method fast_moco", "method mncl"});
  CHECK(cells(plan(choice::table::table2)) ==
        words{"method mncl, lambda 2", "method mncl, lambda 4", "method mncl, lambda 6",
              "method mncl, lambda 8", "method mncl, lambda 10"});
  CHECK(cells(plan(choice::table::table3)) ==
        words{"method nnclr", "method mncl, combine random", "method mncl, combine all"});
  CHECK(cells(plan(choice::table::table4)) ==
        words{"method mncl, combine-k 1", "method mncl, combine-k 2", "method mncl, combine-k 3",
              "method mncl, combine-k 4"});
  CHECK(plan(choice::table::table1).points == 1);
  CHECK(plan(choice::table::table3).points == 4);
}

TEST_CASE("Table 0 sets every switch of the released variant, alone, first the local gradient") {
  const auto p = plan(choice::table::table0);
  CHECK(p.rows.front().name == "paper");
  CHECK(p.rows.at(1).name == "local-gradient-off");
  CHECK(p.rows.back().name == "released");
  CHECK(p.rows.size() == 12);

  // All switches together are the released variant.
  const auto o = reproduce_with({{"table", "table0"}});
  std::vector<given_value> switches;
  for (std::size_t i = 1; i + 1 < p.rows.size(); ++i) {
    const auto& v = p.rows[i].values.back();
    switches.push_back({std::string(v.option), std::string(v.value), "the table"});
    const auto alone = cell_of(o, p.rows[i].name);
    CHECK(differences(cell_of(o, "paper"), alone).size() == 1);
  }
  CHECK(differences(cell_of(o, "released"), cell_options(o, switches)) ==
        words{"variant is released, not paper"});
}

TEST_CASE("The paper's numbers stand beside their cells, and the references are rows") {
  for (const auto table : {choice::table::table0, choice::table::table1, choice::table::table2,
                           choice::table::table3, choice::table::table4}) {
    const auto p = plan(table);
    std::set<std::string> names;
    for (const auto& row : p.rows) {
      names.insert(row.name);
      if (table != choice::table::table1) {
        CHECK(row.paper.empty() == (table == choice::table::table0));
      }
      for (const auto& numbers : row.paper) {
        CHECK(numbers.at.size() == static_cast<std::size_t>(p.points));
      }
    }
    CHECK(names.size() == p.rows.size());
    CHECK(names.contains(p.reference));
  }
  const auto printed = [](const table_plan& p) {
    std::vector<double> list;
    for (const auto& row : p.rows) {
      if (!row.paper.empty()) list.push_back(row.paper.front().at.back().top1);
    }
    return list;
  };
  CHECK(printed(plan(choice::table::table1)) ==
        std::vector{84.03, 84.16, 87.11, 85.58, 87.66, 85.93, 90.18});
  CHECK(printed(plan(choice::table::table2)) == std::vector{89.33, 89.50, 90.18, 89.26, 89.27});
  CHECK(printed(plan(choice::table::table3)) == std::vector{87.66, 89.84, 90.18});
  CHECK(printed(plan(choice::table::table4)) == std::vector{89.54, 90.18, 89.79, 89.61});
}

TEST_CASE("Methods are chosen in the table's order, and the reference stays among them") {
  const auto o = reproduce_with({{"table", "table1"}, {"methods", "mncl,simclr"}});
  const auto p = plan_of(o);
  REQUIRE(p.rows.size() == 2);
  CHECK(p.rows[0].title == "SimCLR");
  CHECK(p.rows[1].title == "MNCL");
  CHECK(p.reference == "mncl");
  CHECK(plan(choice::table::table1, {3, 4}).reference == "byol");
}

TEST_CASE("Shared options hold for every cell, and the cell's own count more") {
  const auto o =
      reproduce_with({{"table", "table1"}, {"width", "8"}, {"lambda", "3"}, {"recipe", "tuned"}});
  const auto simclr = cell_of(o, "simclr"), mncl = cell_of(o, "mncl");
  CHECK(simclr.encoder.width == 8);
  CHECK(simclr.method == "simclr");
  CHECK(simclr.head.projector == std::vector<int>{512, 128});  // of its own recipe
  CHECK(part_of<method::mncl_options>(mncl).lambda == 3);
  CHECK(check(simclr).empty());  // lambda means nothing to it, and nobody said that it does

  const auto two = reproduce_with({{"table", "table2"}, {"batch", "32"}, {"queue", "64"}});
  CHECK(part_of<method::mncl_options>(cell_of(two, "lambda-10")).lambda == 10);
  CHECK(cell_of(two, "lambda-10").batch == 32);
  CHECK(two.seeds == std::vector<int>{1, 2});
}

TEST_CASE("The settings of a table read back, and differ by name") {
  const auto made = reproduce_with(
      {{"table", "table2"}, {"width", "8"}, {"threads", "1"}, {"evaluator", "logistic"}});
  const auto text = table_toml(made);
  CHECK(evaluator_of(text, "config.toml") == choice::evaluator::logistic);
  const auto differing = [&](const std::vector<std::pair<std::string, std::string>>& more) {
    std::vector<std::pair<std::string, std::string>> flags{{"table", "table2"}, {"width", "8"}};
    flags.insert(flags.end(), more.begin(), more.end());
    return table_differences(text, "config.toml", reproduce_with(flags));
  };
  CHECK(differing({}).empty());
  CHECK(differing({{"seeds", "7"}, {"threads", "2"}, {"out", "x"}}).empty());
  CHECK(differing({{"evaluator", "knn"}, {"epochs", "9"}}) ==
        words{"evaluator is logistic, not knn (from flag --evaluator)",
              "epochs is 200, not 9 (from flag --epochs)"});
  CHECK(chosen(made.train) == std::vector<std::pair<std::string, std::string>>{{"width", "8"}});
}
