// Tables of tiny runs through the app.
#pragma once

#include <map>
#include <regex>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"

namespace triptych::test {

/// Where a table is made, in memory.
class tiny_table {
 public:
  /// `vary`: of a sweep, OPTION=VALUE,...
  explicit tiny_table(std::string name, words vary = {})
      : name_(std::move(name)), vary_(std::move(vary)) {}

  [[nodiscard]] fs::path out() const { return box_.path() / "out"; }
  [[nodiscard]] fs::path root() const { return out() / name_; }

  [[nodiscard]] words line(const words& more = {}) const {
    return (name_ == "sweep" ? words{"sweep"} + vary_ : words{"reproduce", name_}) +
           last_wins(words{"--out", out().string(), "--quiet", "--threads", "2"} + tiny_options +
                     words{"--width", "2", "--evaluator", "knn"} + more);
  }
  [[nodiscard]] app_result make(const words& more = {}) const { return call_app(line(more)); }

  [[nodiscard]] std::string file(const char* extension) const {
    return text_of(out() / (name_ + extension));
  }
  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(file(".json")); }

 private:
  std::string name_;
  words vary_{};
  temporary_directory box_{memory_parent()};
};

/// The three files of a table without its columns of time.
inline std::map<std::string, std::string> timeless(const tiny_table& table) {
  std::map<std::string, std::string> files;
  // Of a row in Markdown the last four cells are minutes, images/s, the paper's number and the
  // cost.
  files["md"] = std::regex_replace(
      table.file(".md"), std::regex(R"(\| [0-9.]+ \| \d+ (\| [^|]* \| [^|]* \|\n))"), "$1");
  files["csv"] = std::regex_replace(
      table.file(".csv"), std::regex(R"(\n((?:[^,\n]*,){10})[^,\n]*,[^,\n]*,[^,\n]*,[^,\n]*,)"),
      "\n$1");
  files["json"] = std::regex_replace(
      table.file(".json"), std::regex(R"re("(minutes|images_per_second)": \{[^}]*\})re"), "$1");
  for (const auto& [name, text] : files) {
    INFO(name);
    CHECK(text != table.file(("." + name).c_str()));
  }
  return files;
}

}  // namespace triptych::test
