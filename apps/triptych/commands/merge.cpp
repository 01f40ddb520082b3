// The command `merge`: tables that several machines, or calls, made pieces of become one. It takes
// finished cells alone, and of a cell what a reader needs.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>

#include "triptych/commands/commands.hpp"
#include "triptych/commands/compact_cell.hpp"
#include "triptych/commands/table_files.hpp"
#include "triptych/commands/table_report.hpp"
#include "triptych/console.hpp"
#include "triptych/options/command_line.hpp"
#include "triptych/options/options.hpp"
#include "triptych/options/tables.hpp"

namespace triptych::app {

namespace {

namespace fs = std::filesystem;

error nothing_finished(const std::vector<std::string>& directories) {
  return error::usage("tables: no table of triptych reproduce with a finished cell lies in " +
                      joined(directories, [](const auto& one) { return one; }) +
                      "; give the --out of such calls");
}

/// What a table that is there says of itself.
struct table_facts {
  std::string data;
  std::int64_t train_images = 0, test_images = 0;
  std::string judged_because;

  friend bool operator==(const table_facts&, const table_facts&) = default;
};

table_facts facts_of(const fs::path& json) {
  const auto contents = io::read_file(json);
  const auto parsed = io::parse_json_object(contents.text(), json.string(), cell_repair, 0,
                                            {.depth = 6, .values = 1'000'000});
  const io::json_fields fields(parsed, json.string(), cell_repair);
  return {fields.text("data"), fields.count("train_images"), fields.count("test_images"),
          fields.text("judged_because")};
}

/// A piece of a table: DIR/table1 with DIR/table1.json.
struct piece {
  fs::path directory;  ///< DIR
  reproduce_options options;
  table_facts facts;
};

/// The rows and seeds whose runs lie in a table's directory.
std::set<std::pair<std::string, int>> cells_in(const fs::path& root, const table_plan& plan) {
  std::set<std::pair<std::string, int>> found;
  for (const std::string& name : io::names_in(root)) {
    const auto mark = name.rfind("-seed");
    if (mark == name.npos) continue;
    const auto seed = io::number_in<int>(name.substr(mark + std::string_view("-seed").size()));
    if (!seed || *seed < 0) continue;
    for (const auto& row : plan.rows) {
      if (name == name_of_cell(row, *seed)) found.emplace(row.name, *seed);
    }
  }
  return found;
}

/// The table `name` in a directory; nothing where none of its cells was ever finished.
std::optional<piece> piece_in(const fs::path& directory, const std::string& name) {
  const fs::path config = directory / name / "config.toml", json = directory / (name + ".json");
  if (!io::is_there(config) || !io::is_there(json)) return {};
  const auto text = io::read_file(config);
  return piece{directory, table_from_toml(text.text(), config.string()), facts_of(json)};
}

/// One table out of its pieces.
class merging {
 public:
  merging(std::vector<piece> pieces, const std::string& out, bool quiet)
      : pieces_(std::move(pieces)), quiet_(quiet), table_(wanted(out)) {
    table_.set_images(pieces_.front().facts.data, pieces_.front().facts.train_images,
                      pieces_.front().facts.test_images);
    table_.set_judge(pieces_.front().options.evaluator, pieces_.front().facts.judged_because);
  }

  void go() {
    const auto directory = table_.open();
    for (const auto& from : pieces_) {
      const auto other = files_of(from);
      for (const auto& cell : other->cells()) {
        if (!other->is_finished(cell)) continue;
        const auto& to = own(cell);
        copy_cell(cell.directory(), to.directory(), table_.records_of(to));
      }
      for (const int seed : from.options.seeds) {
        if (!io::is_there(other->baselines(seed))) continue;
        copy_record(other->baselines(seed), table_.baselines(seed));
      }
    }
    table_.write();
    std::cout << markdown(table_.report());
  }

 private:
  static std::unique_ptr<table_files> files_of(const piece& from) {
    auto options = from.options;
    options.out = from.directory.string();
    auto files = std::make_unique<table_files>(options);
    files->set_images(from.facts.data, from.facts.train_images, from.facts.test_images);
    files->refuse_other_settings();
    return files;
  }

  /// The settings of the first piece; of all pieces the rows and seeds that have a finished cell.
  reproduce_options wanted(const std::string& out) {
    std::set<std::pair<std::string, int>> all;
    for (auto& from : pieces_) {
      const auto plan = plan_of(from.options);
      auto found = cells_in(from.directory / plan.name, plan);
      choose(from.options, plan, found);
      const auto files = files_of(from);
      for (const auto& cell : files->cells()) {
        if (!io::is_there(cell.directory()) || files->is_finished(cell)) continue;
        progress(quiet_).note(cell.directory().string() + " is not finished, and left out");
        found.erase({cell.row.name, cell.seed});
      }
      choose(from.options, plan, found);
      all.insert(found.begin(), found.end());
    }
    if (all.empty()) throw nothing_finished({pieces_.front().directory.string()});
    auto options = pieces_.front().options;
    for (const auto& from : pieces_) add_values(options, from.options);
    options.methods.clear();
    choose(options, plan_of(options), all);
    options.out = out;
    return options;
  }

  /// Sets the seeds, and where rows are chosen by name the methods, to what is there.
  static void choose(reproduce_options& options, const table_plan& plan,
                     const std::set<std::pair<std::string, int>>& cells) {
    std::set<int> seeds;
    std::set<std::size_t> methods;
    for (const auto& [row, seed] : cells) {
      seeds.insert(seed);
      const auto place = std::find(methods::names.begin(), methods::names.end(), row);
      if (plan.name == "table1" && place != methods::names.end()) {
        methods.insert(static_cast<std::size_t>(place - methods::names.begin()));
      }
    }
    options.seeds.assign(seeds.begin(), seeds.end());
    options.methods.assign(methods.begin(), methods.end());
  }

  /// Adds the values to which another sweep sets the same options.
  static void add_values(reproduce_options& options, const reproduce_options& other) {
    for (std::size_t i = 0; i < options.vary.size(); ++i) {
      auto& values = options.vary[i].values;
      for (const auto& value : other.vary[i].values) {
        if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
      }
    }
  }

  [[nodiscard]] const table_cell& own(const table_cell& c) const {
    return *std::find_if(table_.cells().begin(), table_.cells().end(), [&](const table_cell& mine) {
      return mine.row.name == c.row.name && mine.seed == c.seed;
    });
  }

  std::vector<piece> pieces_;
  bool quiet_;
  table_files table_;
};

/// Refuses pieces that were made by other settings than the first.
void refuse_mixed(const std::vector<piece>& pieces, const std::string& name) {
  const auto& first = pieces.front();
  for (const auto& other : pieces) {
    const fs::path config = other.directory / name / "config.toml";
    const auto text = io::read_file(config);
    auto list = table_differences(text.text(), config.string(), first.options);
    if (other.facts != first.facts) list.emplace_back("images or its evaluator are others");
    if (!std::equal(other.options.vary.begin(), other.options.vary.end(),
                    first.options.vary.begin(), first.options.vary.end(),
                    [](const auto& a, const auto& b) { return a.name == b.name; })) {
      list.emplace_back("options vary that do not there, or in another order");
    }
    if (list.empty()) continue;
    throw error::checkpoint(config.parent_path().string() + " was made otherwise than " +
                            (first.directory / name).string() + ": its " +
                            joined(list, [](const auto& one) { return one; }) +
                            "; merge tables of equal settings");
  }
}

}  // namespace

int merge(const merge_options& options) {
  bool found = false;
  for (const std::string_view table : choice::table_names) {
    const std::string name(table);
    std::vector<piece> pieces;
    std::vector<std::string> all = options.tables;
    all.insert(all.begin(), options.out);  // what was merged before
    for (const auto& directory : all) {
      if (auto one = piece_in(directory, name)) pieces.push_back(std::move(*one));
    }
    if (pieces.empty()) continue;
    refuse_mixed(pieces, name);
    merging(std::move(pieces), options.out, options.quiet).go();
    found = true;
  }
  if (!found) throw nothing_finished(options.tables);
  return 0;
}

}  // namespace triptych::app
