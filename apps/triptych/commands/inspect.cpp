// `triptych inspect`: what a safetensors file, a checkpoint or a run holds, and whether it is
// sound.
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/core/printable.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/safetensors.hpp>

#include "triptych/commands/commands.hpp"
#include "triptych/console.hpp"
#include "triptych/options/command_line.hpp"

namespace triptych::app {

namespace {

namespace fs = std::filesystem;

std::string shape_text(const io::tensor_info& tensor) {
  std::string text = "[";
  for (const auto extent : tensor.shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

// ---------------------------------------------------------------------------------------- for
// people

void print(const io::safetensors_header& header) {
  table tensors({"tensor", "type", "shape", "bytes"});
  std::uint64_t numbers = 0, bytes = 0;
  for (const auto& tensor : header.tensors) {
    tensors.add({tensor.name, std::string(io::name_of(tensor.type)), shape_text(tensor),
                 std::to_string(tensor.end - tensor.begin)});
    numbers += io::count_of(tensor);
    bytes += tensor.end - tensor.begin;
  }
  if (!header.tensors.empty()) std::cout << tensors;
  std::cout << header.tensors.size() << " tensors, " << numbers << " numbers, "
            << size_text(static_cast<double>(bytes)) << '\n';
  for (const auto& [key, value] : header.metadata) {
    std::cout << "metadata " << io::shown(key) << ": " << printable(value) << '\n';
  }
}

void print(const io::loaded_checkpoint& checkpoint) {
  std::cout << "checkpoint " << printable(checkpoint.path.string()) << ": step "
            << checkpoint.note.step << ", epoch " << checkpoint.note.epoch << ", format "
            << checkpoint.format << ", written by triptych "
            << printable(checkpoint.library_version)
            << "; sizes and checksums match the manifest\n";
  for (const auto& [key, value] : checkpoint.note.extra) {
    std::cout << "note " << io::shown(key) << ": " << printable(value) << '\n';
  }
  for (const auto& [name, file] : checkpoint.files) {
    std::cout << '\n' << printable(name) << ".safetensors\n";
    print(file.header());
  }
}

// -------------------------------------------------------------------------------------- for
// programs

std::string json(const io::safetensors_header& header) {
  std::string text = "{\"tensors\": {";
  for (const auto& tensor : header.tensors) {
    text += (text.back() == '{' ? "" : ", ") + io::json_string(tensor.name) +
            ": {\"dtype\": " + io::json_string(io::name_of(tensor.type)) +
            ", \"shape\": " + shape_text(tensor) +
            ", \"bytes\": " + std::to_string(tensor.end - tensor.begin) + "}";
  }
  text += "}, \"metadata\": {";
  for (const auto& [key, value] : header.metadata) {
    text += (text.back() == '{' ? "" : ", ") + io::json_string(key) + ": " + io::json_string(value);
  }
  return text + "}}";
}

std::string json(const io::loaded_checkpoint& checkpoint) {
  std::string text = "{\"checkpoint\": " + io::json_string(checkpoint.path.string()) +
                     ", \"step\": " + std::to_string(checkpoint.note.step) +
                     ", \"epoch\": " + std::to_string(checkpoint.note.epoch) +
                     ", \"format\": " + std::to_string(checkpoint.format) +
                     ", \"library_version\": " + io::json_string(checkpoint.library_version) +
                     ", \"files\": {";
  for (const auto& [name, file] : checkpoint.files) {
    text += (text.back() == '{' ? "" : ", ") + io::json_string(name) + ": " + json(file.header());
  }
  return text + "}}";
}

template <class Thing>
int show(const Thing& thing, bool as_json) {
  if (as_json)
    std::cout << json(thing) << '\n';
  else
    print(thing);
  return 0;
}

// --------------------------------------------------------------------------------------------- a
// run

/// "interrupted at step 780 (signal 15)"; what status.json says.
std::string status_of(const fs::path& run) {
  const auto path = run / "status.json";
  if (!io::is_there(path)) return "unknown: there is no status.json";
  const auto status = io::parse_json_object(io::read_file(path).text(), path.string(),
                                            "continue the run with triptych train --resume " +
                                                shell_word(run.string()));
  const auto state = status.find("state"), step = status.find("step");
  if (state == status.end() || !state->is_string() || step == status.end() ||
      !io::is_count(*step)) {
    return "unknown: status.json has no proper state and step";
  }
  const auto reason = status.find("reason");
  const auto why =
      reason != status.end() && reason->is_string() ? reason->get<std::string>() : std::string();
  return state->get<std::string>() + " at step " + std::to_string(step->get<std::int64_t>()) +
         (why.empty() ? "" : " (" + why + ")");
}

/// Reads every checkpoint of a run in full. 6 if one is damaged.
int show_run(const fs::path& run, bool as_json) {
  const auto directory = run / "checkpoints";
  const auto newest = io::newest_checkpoint(directory);
  const auto status = status_of(run);
  bool some_sound = false;
  std::vector<error> damages;
  table list({"checkpoint", "state"}, false);
  std::string items;
  for (const auto& [step, path] : io::list_checkpoints(directory)) {
    std::string state = "sound";
    try {
      // Advice follows below; looking for a sound one beside each would read all of them again.
      static_cast<void>(io::load_checkpoint(path, "see the list"));
      some_sound = true;
    } catch (const error& damage) {
      state = "damaged";
      damages.push_back(damage);
    }
    items += (items.empty() ? "" : ", ") + std::string("{\"step\": ") + std::to_string(step) +
             ", \"state\": " + io::json_string(state) +
             ", \"latest\": " + (path == newest ? "true" : "false") + "}";
    list.add({path.filename().string(), state + (path == newest ? ", the latest" : "")});
  }
  if (as_json) {
    std::cout << "{\"run\": " << io::json_string(run.string())
              << ", \"status\": " << io::json_string(status) << ", \"checkpoints\": [" << items
              << "]}\n";
  } else {
    std::cout << "run " << printable(run.string() + ", " + status) << "\n\n";
    if (newest)
      std::cout << list;
    else
      std::cout << "no checkpoint yet\n";
  }
  const std::string advice =
      some_sound ? "resume a sound one of the list" : "train again with --overwrite";
  for (const auto& damage : damages) say(with_advice(damage, advice).what());
  return damages.empty() ? 0 : damages.front().exit_code();
}

}  // namespace

int inspect(const inspect_options& options) {
  const fs::path path = options.file;
  if (!io::is_there(path)) {
    throw error::usage("file: there is no '" + options.file + "' (from " + options.from.of("file") +
                       "); check the path");
  }
  if (!io::is_a_directory(path)) {
    return show(io::read_safetensors_header(path), options.json);
  }
  if (io::is_there(path / "MANIFEST.json")) {
    return show(io::load_checkpoint(path), options.json);
  }
  if (io::is_there(path / "config.toml") || io::is_there(path / "checkpoints")) {
    return show_run(path, options.json);
  }
  throw error::usage("file: '" + options.file + "' is neither a run nor a checkpoint; give a " +
                     "directory such as runs/first, or a safetensors file");
}

}  // namespace triptych::app
