// Every option of `reproduce`, `sweep` and `merge`, declared once.
#include "triptych/options/declared.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "triptych/options/parts.hpp"
#include "triptych/options/shared_fields.hpp"

namespace triptych::app {

namespace {

/// Several methods, too many for a hint.
field<reproduce_options> methods_field() {
  auto result =
      several_of(&reproduce_options::methods, {methods::names.begin(), methods::names.end()});
  result.hint = "NAME,...";
  return result;
}

/// "lr=0.03,0.1"; with a semicolon in it, that is what stands between the values: "head=64,64;128,128".
/// A value becomes a part of a directory's name.
std::string read_varied(std::string_view text, varied_option& varied) {
  constexpr std::size_t most_values = 50;
  const auto equals = std::min(text.find('='), text.size());
  if (equals == 0 || equals == text.size()) return "is no OPTION=VALUE,VALUE";
  varied.name = text.substr(0, equals);
  const char between = text.find(';') == text.npos ? ',' : ';';
  for (std::size_t at = equals + 1; at <= text.size();) {
    const auto end = std::min(text.find(between, at), text.size());
    const std::string value(text.substr(at, end - at));
    const bool fit = std::all_of(value.begin(), value.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 ||
             std::string_view("+-.,_").find(static_cast<char>(c)) < std::string_view::npos;
    });
    if (value.empty() || !fit) return of_element(value, "cannot be a part of a directory's name");
    if (std::find(varied.values.begin(), varied.values.end(), value) != varied.values.end()) {
      return of_element(value, "comes twice; values with commas have semicolons between them");
    }
    if (varied.values.size() == most_values) return "has more than 50 values";
    varied.values.push_back(value);
    at = end + 1;
  }
  return {};
}

std::string written_varied(const varied_option& varied) {
  const bool lists = std::any_of(varied.values.begin(), varied.values.end(),
                                 [](const auto& value) { return value.find(',') != value.npos; });
  std::string text = varied.name;
  for (const auto& value : varied.values) {
    text += (text.size() == varied.name.size() ? "=" : lists ? ";" : ",") + value;
  }
  return text;
}

/// Options and their values, with blanks between them or given one by one.
field<reproduce_options> vary_field() {
  using o = reproduce_options;
  return {.hint = "OPTION=VALUE,...",
          .read = [](o& options, std::string_view text) -> std::string {
            constexpr std::size_t most_rows = 1000;
            for (std::size_t at = 0; at < text.size();) {
              const auto end = std::min(text.find(' ', at), text.size());
              varied_option varied;
              if (auto wrong = read_varied(text.substr(at, end - at), varied); !wrong.empty()) {
                return wrong;
              }
              std::size_t rows = varied.values.size();
              for (const auto& other : options.vary) {
                if (other.name == varied.name) return "gives " + varied.name + " again";
                rows *= other.values.size();
              }
              if (rows > most_rows) return "makes more than 1000 combinations";
              options.vary.push_back(std::move(varied));
              at = end + 1;
            }
            return {};
          },
          .write =
              [](const o& options) {
                std::string text;
                for (const auto& varied : options.vary) {
                  text += (text.empty() ? "" : " ") + written_varied(varied);
                }
                return text;
              },
          .shape = form::positionals,
          .example = "lr=0.03,0.1"};
}

}  // namespace

const settings<reproduce_options>& reproduce_settings() {
  using o = reproduce_options;
  static const settings<reproduce_options> table{
      {"table", "",
       positional(
           one_of(&o::table, {std::begin(choice::table_names), std::end(choice::table_names)})),
       "table0: the switches between the paper and its authors' code; table1: the methods; table2: "
       "lambda; table3: one combination or all, on the way; table4: combine-k"},
      {"vary", "", vary_field(),
       "options and values, a row of the table for each combination; values that hold commas have "
       "semicolons between them: 'head=64,64;128,128'"},
      {"out", "Table", text(&o::out, "DIR", "runs/reproduce"),
       "where the table goes, as .md, .csv, .json and .svg, and its runs", role::habit},
      {"seeds", "Table", wholes(&o::seeds, 0, std::numeric_limits<int>::max(), "N,N,..."),
       "of the runs of each row", role::session},
      {"methods", "Table", methods_field(),
       "rows of table1: " + join(methods::names, ", ") + ", or all of them [all]", role::session},
      {"evaluator", "Table", one_of(&o::evaluator, {"auto", "linear", "logistic", "knn"}),
       "what judges the encoders; auto: the paper's linear evaluation where images are enough for "
       "it, else logistic"},
      {"points", "Table", whole(&o::points, {0, most_epochs}),
       "equal parts of the epochs, each of which ends with an evaluation; 0 = 4 for table3, else "
       "1"},
      {"budget", "Table", whole(&o::budget, {0, most_epochs}),
       "encoder forwards that each training image is worth, a backward counts two: a row's epochs "
       "are those divided by its cost; 0 = --epochs for all"},
  };
  return table;
}

const settings<merge_options>& merge_settings() {
  using o = merge_options;
  static const settings<merge_options> table{
      {"tables", "", texts(&o::tables, "DIR", "runs/reproduce"),
       "what reproduce wrote, its --out; unfinished cells are left out"},
      {"out", "Output", text(&o::out, "DIR", "runs/merged"),
       "where the table goes; one that is there grows"},
      {"quiet", "Output", flag(&o::quiet), "no remarks on stderr"},
  };
  return table;
}

}  // namespace triptych::app
