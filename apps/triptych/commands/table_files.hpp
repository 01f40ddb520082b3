// apps/triptych/commands/table_files.hpp
//
// A table as it lies in files, whoever made its cells: OUT/table1/<row>-seed<N> is a run whose eval/
// has a record for each point, and OUT/table1.md, .csv, .json and .svg are written from these.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <triptych/io/run_directory.hpp>

#include "triptych/commands/table_report.hpp"
#include "triptych/options/options.hpp"
#include "triptych/options/tables.hpp"

namespace triptych::app {

/// A row of the table with one seed: a training run.
struct table_cell {
  const table_row& row;
  int seed;
  train_options options;
  std::int64_t steps_per_epoch = 0;

  [[nodiscard]] std::filesystem::path directory() const { return options.out; }
};

inline std::string name_of_cell(const table_row& row, int seed) {
  return row.name + "-seed" + std::to_string(seed);
}

class table_files {
 public:
  explicit table_files(const reproduce_options& options);
  table_files(const table_files&) = delete;  // cells refer to the plan
  table_files& operator=(const table_files&) = delete;

  /// The images that all cells learn from and are judged on.
  void set_images(const std::string& data, std::int64_t train, std::int64_t test);

  /// What judges the cells, and why, if it was not asked for.
  void set_judge(choice::evaluator evaluator, const std::string& because);

  /// Makes or enters root(), and locks it. Throws error::checkpoint if the table that is there was
  /// made by other settings, error::usage for files of somebody else.
  [[nodiscard]] io::run_directory open() const;

  /// Throws error::checkpoint if the table or one of its cells that lie there were made by other
  /// settings.
  void refuse_other_settings() const;

  [[nodiscard]] const table_plan& plan() const { return plan_; }
  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  [[nodiscard]] const std::vector<table_cell>& cells() const { return cells_; }
  [[nodiscard]] choice::protocol judge() const {
    return static_cast<choice::protocol>(static_cast<int>(options_.evaluator) - 1);
  }
  [[nodiscard]] const table_report& report() const { return report_; }

  /// Epochs and steps after which a cell is looked at.
  [[nodiscard]] int epochs_at(const table_cell& c, int point) const {
    return c.options.epochs * (point + 1) / plan_.points;
  }
  [[nodiscard]] std::int64_t step_at(const table_cell& c, int point) const {
    return epochs_at(c, point) * c.steps_per_epoch;
  }
  [[nodiscard]] std::filesystem::path record_at(const table_cell& c, int point) const;

  /// The names of a cell's records, one for each point.
  [[nodiscard]] std::vector<std::string> records_of(const table_cell& c) const;

  /// A cell of another table in the same directory that is finished and the same run: of equal
  /// settings, images (`data_json` makes what a run would write of them) and judge, with all records.
  /// Nothing where there is none.
  [[nodiscard]] std::optional<std::filesystem::path>
  twin_of(const table_cell& c, const std::function<std::string()>& data_json) const;

  /// What needs no training and is measured once for each seed.
  [[nodiscard]] std::filesystem::path baselines(int seed) const {
    return root_ / ("baselines-seed" + std::to_string(seed) + ".json");
  }

  /// True if there is a record for each point.
  [[nodiscard]] bool is_finished(const table_cell& c) const;

  /// Writes the table from the records that are there.
  void write();

 private:
  [[nodiscard]] table_cell cell_of(const table_row& row, int seed) const;
  void refuse_foreign_files() const;
  [[nodiscard]] std::filesystem::path table_file(const char* extension) const;

  /// Lists the files of the table, which lie in a directory that others may use as well. Those of a
  /// table that was begun are its own, also where an older version has not listed them.
  void own_tables(bool begun) const;

  /// True if all these records in a directory hold what this table's judge found.
  [[nodiscard]] bool holds_results(const std::filesystem::path& directory,
                                   const std::vector<std::string>& records) const;

  [[nodiscard]] std::optional<cell_result> result_at(const table_cell& c, int point) const;

  /// The cells of a row at a point, and what the paper prints there.
  [[nodiscard]] report_line line_of(const table_row& row, int point) const;

  void add_baselines();

  reproduce_options options_;  ///< with the evaluator chosen
  table_plan plan_;
  std::filesystem::path root_;
  std::vector<table_cell> cells_;
  table_report report_;
};

}  // namespace triptych::app
