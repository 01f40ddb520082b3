// Options as text: files, JSON, sentences about what differs, and the version.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <triptych/core/error.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/version.hpp>

#include "triptych/build_info.hpp"
#include "triptych/options/configuration.hpp"
#include "triptych/options/declared.hpp"
#include "triptych/options/toml.hpp"

namespace triptych::app {

namespace {

/// Adds a table's lines to a configuration, without `habits` only what decides numbers.
template <class Options>
void add_toml(std::string& toml, const settings<Options>& table, const Options& options,
              bool habits, bool annotated) {
  std::string group;
  for (const auto& s : table) {
    const auto value = s.value.write(options);
    if (s.use == role::session || (s.use == role::habit && !habits) || value.empty()) continue;
    if (s.group != group) toml += "\n# " + s.group + "\n";
    group = s.group;
    toml += s.name + " = " + (s.value.number ? value : quoted_text(value));
    if (annotated && options.from.has(s.name)) toml += "  # from " + options.from.of(s.name);
    toml += "\n";
  }
}

/// What of a table computes something else in `asked` than in `stored`.
template <class Options>
std::vector<std::string> differences_in(const settings<Options>& table, const Options& stored,
                                        const Options& asked) {
  std::vector<std::string> list;
  for (const auto& s : table) {
    auto before = s.value.write(stored), after = s.value.write(asked);
    if (s.use != role::result || before == after) continue;
    for (auto* text : {&before, &after}) {
      if (text->empty()) *text = "none";
    }
    const bool given = asked.from.has(s.name);
    list.push_back(s.name + " is " + before + ", not " + after +
                   (given ? " (from " + asked.from.of(s.name) + ")" : ""));
  }
  return list;
}

}  // namespace

std::string version_text() {
  std::string text = "triptych " + std::to_string(TRIPTYCH_VERSION_MAJOR) + "." +
                     std::to_string(TRIPTYCH_VERSION_MINOR) + "." +
                     std::to_string(TRIPTYCH_VERSION_PATCH);
  text += std::string(" (") + build_commit + "), " + build_compiler;
  if (*build_flags != '\0') text += std::string(" ") + build_flags;
  return text + ", Eigen " + eigen_version() + ", configuration " +
         std::string(this_configuration.name);
}

std::string eigen_version() {
  return std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
         std::to_string(EIGEN_MINOR_VERSION);
}

std::string written(const train_options& options, std::string_view name) {
  return find(train_settings(), name)->value.write(options);
}

std::string run_directory(const train_options& o) {
  if (!o.out.empty()) return o.out;
  return "runs/" + written(o, "data") + "-" + written(o, "method") + "-" + written(o, "variant") +
         "-seed" + written(o, "seed");
}

std::string config_toml(const train_options& options, bool annotated) {
  std::string toml = "# " + version_text() + "\n";
  add_toml(toml, train_settings(), options, true, annotated);
  return toml;
}

std::string config_json(const train_options& given,
                        const std::vector<std::pair<std::string, double>>& more) {
  train_options options = given;
  options.image_size = view_size(given);
  options.out = run_directory(given);
  std::string json;
  const auto add = [&](const std::string& name, const std::string& value) {
    json += (json.empty() ? "{" : ", ") + io::json_string(name) + ": " + value;
  };
  for (const auto& s : train_settings()) {
    if (s.use == role::session) continue;
    const auto value = s.value.write(options);
    add(s.name, s.value.number ? value : io::json_string(value));
  }
  for (const auto& [name, value] : more) add(name, io::number_text(value));
  return json + "}";
}

std::vector<std::string> differences(const train_options& stored, const train_options& asked,
                                     std::int64_t done) {
  const auto until = [done](train_options o) {
    std::erase_if(o.lr_changes, [done](const auto& change) { return change.step >= done; });
    return o;
  };
  return differences_in(train_settings(), until(stored), until(asked));
}

std::string computing_options(const train_options& o) {
  std::string text;
  for (const auto& s : train_settings()) {
    if (s.use == role::result || s.name == "log-every") {
      text += s.name + " = " + s.value.write(o) + "\n";
    }
  }
  return text;
}

double base_rate(const train_options& o, std::int64_t step) {
  return train::schedule{.base = o.lr, .changes = o.lr_changes}.base_at(step);
}

train_options resumed(const train_options& before, const train_options& asked, std::int64_t done) {
  train_options stored = before, merged = asked;
  // A file or the environment may still say what the run began with: a flag alone means "from now".
  if (asked.from.of("lr") == "flag --lr") {
    merged.lr = stored.lr;
    if (asked.lr != base_rate(stored, done)) {
      std::erase_if(stored.lr_changes, [done](const auto& change) { return change.step >= done; });
      if (asked.lr != base_rate(stored, done)) stored.lr_changes.push_back({done, asked.lr});
    }
  }
  for (const auto& s : train_settings()) {
    if (s.use == role::session || asked.from.has(s.name)) continue;
    s.value.read(merged, s.value.write(stored));
  }
  std::string changed;
  for (const auto& one : differences(stored, merged))
    changed += (changed.empty() ? "" : ", ") + one;
  if (!changed.empty()) {
    throw error::checkpoint("the run to resume was trained otherwise: " + changed +
                            "; leave these options out, or start a new run in another --out");
  }
  return merged;
}

std::vector<std::pair<std::string, std::string>> chosen(const train_options& options) {
  train_options defaults;
  this_configuration.defaults(defaults);
  std::vector<std::pair<std::string, std::string>> list;
  for (const auto& s : shared_settings()) {
    const auto value = s.value.write(options);
    if (s.use != role::result || !options.from.has(s.name)) continue;
    if (value != s.value.write(defaults)) list.emplace_back(s.name, value);
  }
  return list;
}

std::string table_toml(const reproduce_options& options) {
  std::string toml = "# " + version_text() + "\n";
  add_toml(toml, reproduce_settings(), options, false, false);
  add_toml(toml, shared_settings(), options.train, false, false);
  return toml;
}

reproduce_options table_from_toml(std::string_view text, const std::string& name) {
  auto values = parse_config(text, name);
  reproduce_options stored;
  for (const auto& value : take_table_values(values)) assign(reproduce_settings(), stored, value);
  stored.layers = {values};
  stored.train = merged(stored.layers);
  return stored;
}

choice::evaluator evaluator_of(std::string_view text, const std::string& name) {
  return table_from_toml(text, name).evaluator;
}

std::vector<std::string> table_differences(std::string_view text, const std::string& name,
                                           const reproduce_options& asked) {
  auto stored = table_from_toml(text, name);
  if (asked.evaluator == choice::evaluator::automatic) stored.evaluator = asked.evaluator;
  stored.vary = asked.vary;  // which rows, as which seeds
  auto list = differences_in(reproduce_settings(), stored, asked);
  for (auto& one : differences_in(shared_settings(), stored.train, asked.train)) {
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace triptych::app
