// Where options come from, and which source counts: flags over the environment over a file over the
// variant over the recipe over the defaults.
#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>

#include "triptych/options/command_line.hpp"
#include "triptych/options/configuration.hpp"
#include "triptych/options/declared.hpp"
#include "triptych/options/recipes.hpp"
#include "triptych/options/tables.hpp"
#include "triptych/options/toml.hpp"
#include "triptych/options/variants.hpp"

namespace triptych::app {

namespace {

/// The environment's values for the options of `table`. A TRIPTYCH_ variable that belongs to no
/// command is refused: it is a misspelled one.
template <class Options>
std::vector<given_value> from_environment(const settings<Options>& table) {
  constexpr std::string_view prefix = "TRIPTYCH_";
  std::vector<given_value> values;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view line = *entry;
    const auto equals = line.find('=');
    const auto variable = line.substr(0, equals);
    // TRIPTYCH_ISA chooses kernels when the program starts; the others are for tests.
    const bool no_option = variable == "TRIPTYCH_ISA" || variable == "TRIPTYCH_FAILPOINT" ||
                           variable == "TRIPTYCH_TEST_SEED";
    if (!variable.starts_with(prefix) || equals == line.npos || no_option) continue;
    std::string name(variable.substr(prefix.size()));
    for (char& c : name) {
      c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    const auto source = "environment " + std::string(variable);
    const auto* own = find(table, name);
    if (own != nullptr && own->is_named()) {
      values.push_back({name, std::string(line.substr(equals + 1)), source});
      continue;
    }
    std::vector<std::string_view> known;
    for (const auto& command : command_texts()) {
      for (const auto& option : command.options) {
        if (option.is_named()) known.push_back(option.name);
      }
    }
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw error::usage(source + ": " + unknown_option(name, known) + "; unset the variable");
    }
  }
  return values;
}

std::string read_text(const std::string& path) {
  const auto file = io::open_input(path);
  constexpr std::uint64_t longest = 1 << 20;
  if (file.size > longest) {
    throw error::usage(path +
                       " is too long for a configuration; give a file of lines like lr = 0.1");
  }
  return std::string(io::read_bytes(file, static_cast<std::size_t>(file.size)).text());
}

/// Starts the options as the recipe has them for the method.
void apply_recipe(train_options& options) {
  if (options.recipe == choice::recipe::paper) return;
  for (const auto& [name, value] : tuned_values(options.method)) {
    assign(train_settings(), options, {std::string(name), std::string(value), "recipe tuned"});
    options.from.given.erase(std::string(name));
  }
}

}  // namespace

void apply_variant(train_options& o, choice::variant variant) {
  o.variant = variant;
  const bool released = variant == choice::variant::released;
  for (const auto& one : variant_switches()) {
    assign(train_settings(), o, {one.option, released ? one.released : one.paper, "the variant"});
    o.from.given.erase(one.option);
  }
}

train_options merged(const std::vector<std::vector<given_value>>& layers) {
  train_options options;
  this_configuration.defaults(options);
  train_options chosen = options;
  for (const auto& layer : layers) {
    for (const auto& value : layer) {
      for (const char* name : {"method", "recipe", "variant"}) {
        if (value.name == name) assign(train_settings(), chosen, value);
      }
    }
  }
  options.method = chosen.method;
  options.recipe = chosen.recipe;
  apply_recipe(options);
  if (chosen.from.has("variant")) apply_variant(options, chosen.variant);
  for (const auto& layer : layers) {
    for (const auto& value : layer) assign(train_settings(), options, value);
  }
  return options;
}

std::vector<given_value> take_table_values(std::vector<given_value>& values) {
  const auto rest = std::stable_partition(values.begin(), values.end(), [](const given_value& v) {
    return find(reproduce_settings(), v.name) == nullptr;
  });
  std::vector<given_value> own(rest, values.end());
  values.erase(rest, values.end());
  return own;
}

namespace {

/// The values of --config's file.
std::vector<given_value> from_config(const train_options& options) {
  if (options.config.empty()) return {};
  if (!io::is_there(options.config)) {
    throw error::usage("config: there is no file '" + options.config + "' (from " +
                       options.from.of("config") + "); check the path");
  }
  auto values = parse_config(read_text(options.config), options.config);
  for (const auto& value : values) {
    if (value.name == "config") {
      throw error::usage(value.source + ": a configuration file names no other; put all options "
                                        "into one");
    }
  }
  return values;
}

train_options train_from(const std::vector<given_value>& flags) {
  const auto environment = from_environment(train_settings());
  const auto file = from_config(merged({environment, flags}));
  auto options = merged({file, environment, flags});
  if (!options.resume.empty() && options.overwrite) {
    throw error::usage("resume and overwrite exclude each other; give --resume to continue the run "
                       "or --overwrite to replace it");
  }
  return options;
}

template <class Options>
Options others_from(const settings<Options>& table, const std::vector<given_value>& flags) {
  Options options;
  for (const auto& value : from_environment(table)) assign(table, options, value);
  for (const auto& value : flags) assign(table, options, value);
  return options;
}

/// Throws error::usage unless a positional argument was given.
template <class Options>
void require(const Options& options, const std::string& name, const std::string& sentence) {
  if (!options.from.has(name)) throw error::usage(sentence);
}

bool decides_images(std::string_view name) {
  const auto* option = find(data_settings(), name);
  return name == "data" || (option != nullptr && option->group == "Images");
}

/// Throws error::usage for an option that a sweep cannot vary: there is none of the name, all cells
/// share it, or it belongs to a call and not to a run.
void refuse_unvaried(const reproduce_options& options) {
  const std::string source = "vary (from " + options.from.of("vary") + ")";
  for (const auto& [name, values] : options.vary) {
    if (find(train_settings(), name) == nullptr) {
      throw error::usage(source + ": " + unknown_option(name, names_of(train_settings())) +
                         "; triptych train --help lists them all");
    }
    if (decides_images(name) || find(shared_settings(), name) == nullptr) {
      throw error::usage(source + " names " + name +
                         ", which all rows have in common; leave it out");
    }
    if (name == "epochs" && options.budget > 0) {
      throw error::usage(source + " names epochs, which --budget decides; leave one of them out");
    }
  }
}

/// Throws error::usage for an option that means nothing to any row of a sweep.
void refuse_idle(const reproduce_options& options, const table_plan& plan) {
  for (const auto& varied : options.vary) {
    const bool idle = std::all_of(plan.rows.begin(), plan.rows.end(), [&](const table_row& row) {
      auto layers = options.layers;
      layers.push_back(values_of(row, command_of(plan)));
      const auto list = without_effect(merged(layers));
      return std::any_of(list.begin(), list.end(),
                         [&](const auto& one) { return one.first == varied.name; });
    });
    if (!idle) continue;
    throw error::usage("vary (from " + options.from.of("vary") + ") names " + varied.name +
                       ", which means nothing to any row; leave it out, or give another --method");
  }
}

reproduce_options table_from(std::vector<given_value> flags, bool sweep) {
  auto options = others_from(reproduce_settings(), take_table_values(flags));
  if (sweep) {
    options.table = choice::table::sweep;
    require(options, "vary", "sweep needs options to vary; give e.g. triptych sweep lr=0.03,0.1");
    refuse_unvaried(options);
  } else {
    require(options, "table", "reproduce needs a table; give e.g. triptych reproduce table1");
  }
  for (std::size_t i = 0; i < options.seeds.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (options.seeds[i] != options.seeds[j]) continue;
      throw error::usage("seeds: " + std::to_string(options.seeds[i]) + " (from " +
                         options.from.of("seeds") + ") comes twice; give each seed once");
    }
  }
  if (!options.methods.empty() && options.table != choice::table::table1) {
    throw error::usage("methods (from " + options.from.of("methods") +
                       ") are what table1 compares; leave the option out, or reproduce table1");
  }
  const auto plan = plan_of(options);
  const auto decided = [&](const given_value& v) {
    return varies(plan, v.name) || (v.name == "epochs" && options.budget > 0);
  };
  for (const auto& flag : flags) {
    if (!decided(flag)) continue;
    const bool rows = varies(plan, flag.name);
    throw error::usage(flag.name + " (from " + flag.source + ") is what " +
                       (rows ? plan.name + " varies" : "--budget decides") + "; leave it out");
  }
  // What an environment or a file says of the cells' own options is meant for single runs.
  const auto shared = [&](std::vector<given_value> values) {
    std::erase_if(values, [&](const given_value& v) {
      return find(shared_settings(), v.name) == nullptr || decided(v);
    });
    return values;
  };
  const auto environment = shared(from_environment(shared_settings()));
  const auto file = shared(from_config(merged({environment, flags})));
  options.layers = {file, environment, flags};
  options.train = merged(options.layers);
  if (sweep) refuse_idle(options, plan);
  return options;
}

}  // namespace

any_options options_of(const command_request& request) {
  if (request.command == "train") return train_from(request.values);
  if (request.command == "reproduce" || request.command == "sweep") {
    return table_from(request.values, request.command == "sweep");
  }
  if (request.command == "eval") {
    auto options = others_from(eval_settings(), request.values);
    require(options, "run", "eval needs a run; give e.g. triptych eval runs/first");
    return options;
  }
  if (request.command == "embed") {
    auto options = others_from(embed_settings(), request.values);
    require(options, "run", "embed needs a run; give e.g. triptych embed runs/first --out FILE");
    require(options, "out", "embed needs a file to write; give e.g. --out features.safetensors");
    return options;
  }
  if (request.command == "export") {
    auto options = others_from(export_settings(), request.values);
    require(options, "run", "export needs a run; give e.g. triptych export runs/first");
    return options;
  }
  if (request.command == "runs") return others_from(runs_settings(), request.values);
  if (request.command == "compare") {
    auto options = others_from(compare_settings(), request.values);
    require(options, "runs", "compare needs runs; give e.g. triptych compare runs/a runs/b");
    return options;
  }
  if (request.command == "merge") {
    auto options = others_from(merge_settings(), request.values);
    require(options, "tables", "merge needs tables; give e.g. triptych merge machine1 machine2");
    return options;
  }
  if (request.command == "doctor") return others_from(doctor_settings(), request.values);
  if (request.command == "inspect") {
    auto options = others_from(inspect_settings(), request.values);
    require(options, "file", "inspect needs a file; give e.g. triptych inspect runs/first");
    return options;
  }
  if (request.command == "report") {
    auto options = others_from(report_settings(), request.values);
    require(options, "runs", "report needs a run; give e.g. triptych report runs/first");
    return options;
  }
  auto options = others_from(data_settings(), request.values);
  require(options, "action", "data needs to know what to do; give e.g. triptych data list");
  if (options.action != choice::data_action::list) {
    require(options, "name", "data needs the name of a data set; triptych data list shows them");
  }
  return options;
}

train_options config_from_toml(std::string_view text, const std::string& name) {
  return merged({parse_config(text, name)});
}

train_options cell_options(const reproduce_options& options, const std::vector<given_value>& own) {
  auto layers = options.layers;
  layers.push_back(own);
  auto cell = merged(layers);
  // What holds for every cell need not mean something to this one's method.
  for (const auto& [name, whom] : without_effect(cell)) cell.from.given.erase(name);
  return cell;
}

}  // namespace triptych::app
