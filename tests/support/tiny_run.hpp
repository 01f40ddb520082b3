// Training runs of a tiny model through the app, and what they leave, to be compared.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/io/checkpoint.hpp>

#include "support/everything_in.hpp"
#include "support/run_app.hpp"
#include "support/temporary_directory.hpp"

namespace triptych::test {

namespace fs = std::filesystem;
using words = std::vector<std::string>;

inline words operator+(words list, const words& more) {
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

/// 16 steps in 4 epochs with a checkpoint each: a tenth of a second on the CPU, whose bits are
/// compared.
inline const words tiny_model{
    "--data",  "procedural", "--procedural-train", "64", "--procedural-test", "32",
    "--width", "4",          "--image-size",       "16", "--blocks",          "1,1,1,1",
    "--head",  "16,16",      "--predictor-hidden", "8",  "--queue",           "40",
    "--batch", "16",         "--log-every",        "1",  "--device",          "cpu"};
inline const words tiny_options = tiny_model + words{"--epochs", "4"};
/// Long enough for a signal to arrive.
inline const words longer = tiny_model + words{"--epochs", "24", "--checkpoint-every", "3"};

/// Options of which a later one replaces an earlier one of its name.
inline words last_wins(const words& options) {
  std::vector<words> groups;
  for (const auto& word : options) {
    if (word.starts_with("--")) {
      std::erase_if(groups, [&](const words& group) { return group.front() == word; });
    }
    if (word.starts_with("--") || groups.empty()) groups.emplace_back();
    groups.back().push_back(word);
  }
  words list;
  for (const auto& group : groups) list = list + group;
  return list;
}

/// A run directory in memory, removed at the end of its scope.
class tiny_run {
 public:
  [[nodiscard]] fs::path root() const { return box_.path() / "run"; }
  [[nodiscard]] fs::path beside(const std::string& name) const { return box_.path() / name; }
  [[nodiscard]] fs::path checkpoints() const { return root() / "checkpoints"; }
  [[nodiscard]] fs::path latest() const { return fs::canonical(checkpoints() / "latest"); }

  /// The words of `triptych train` for this directory; of equal options the last one counts.
  [[nodiscard]] words line(const words& options) const {
    return words{"train"} +
           last_wins(words{"--out", root().string(), "--quiet", "--threads", "2"} + options);
  }
  [[nodiscard]] app_result train(const words& options = tiny_options,
                                 const words& variables = {}) const {
    return call_app(line(options), variables);
  }
  /// Goes on with the run, also where it was killed before it was one.
  [[nodiscard]] words resuming(const words& options = tiny_options) const {
    return line(fs::exists(root() / "config.toml") ? words{"--resume"} : options);
  }

  [[nodiscard]] nlohmann::json status() const {
    return nlohmann::json::parse(text_of(root() / "status.json"));
  }

  /// Waits until `steps` lines stand in the metrics; false if the program ends before.
  [[nodiscard]] bool reaches(std::size_t steps, const running_app& program) const {
    while (program.runs()) {
      const std::string lines = text_of(root() / "metrics.jsonl");
      if (static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n')) >= steps) {
        return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

 private:
  temporary_directory box_{memory_parent()};
};

/// What a finished run left, by file: the newest checkpoint, the exported encoder, the metrics and
/// the configuration, without that which may differ between equal runs: wall time, the number of
/// threads, and the seal over both.
inline std::map<std::string, std::string> outcome(const tiny_run& run) {
  std::map<std::string, std::string> left;
  const auto keep = [&](const fs::path& file, const char* variable = "") {
    const std::string text = text_of(file);
    left[file.filename().string()] =
        *variable == '\0' ? text : std::regex_replace(text, std::regex(variable), "$1");
  };
  left["step"] = run.latest().filename().string();
  for (const auto& entry : fs::directory_iterator(run.latest())) keep(entry.path());
  keep(run.latest() / "MANIFEST.json", R"(threads = \d+|"seal": "\w+")");
  keep(run.root() / "config.toml", "threads = .*");
  keep(run.root() / "metrics.jsonl", R"("wall_s":[^,]*,)");
  keep(run.root() / "metrics.csv", R"((\n\d+,\d+),[^,]*)");
  keep(run.root() / "export/encoder.safetensors");
  return left;
}

/// The names of the files in which two outcomes differ; readable where the bytes are not.
inline words differing(const std::map<std::string, std::string>& a,
                       const std::map<std::string, std::string>& b) {
  words names;
  for (const auto& [name, text] : a) {
    const auto other = b.find(name);
    if (other == b.end() || other->second != text) names.push_back(name);
  }
  for (const auto& [name, text] : b) {
    if (!a.contains(name)) names.push_back(name);
  }
  return names;
}

/// `text` with its only `from` replaced.
inline std::string altered(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  REQUIRE(text.find(from, at + 1) == std::string::npos);
  return text.replace(at, from.size(), to);
}

/// Saves a checkpoint's tensors again, sound in every way, with another note.
inline void rewrite(const fs::path& checkpoint,
                    const std::function<void(io::checkpoint_note&)>& change) {
  const auto saved = io::load_checkpoint(checkpoint);
  auto note = saved.note;
  change(note);
  std::vector<io::checkpoint_file> files;
  for (const auto& [name, file] : saved.files) {
    files.push_back({name, {}, {}});
    for (const auto& t : file.header().tensors) {
      files.back().tensors.push_back({t.name, t.type, t.shape, file.bytes(t.name)});
    }
  }
  io::save_checkpoint(saved.path.parent_path(), note, files);
}

/// Writes `value` over the first number of a tensor in the newest checkpoint, and seals it again.
inline void inject(const tiny_run& run, const std::string& tensor, float value) {
  const auto saved = io::load_checkpoint(run.latest());
  std::vector<io::checkpoint_file> files;
  std::vector<std::byte> changed;
  for (const auto& [name, file] : saved.files) {
    files.push_back({name, {}, {}});
    for (const auto& t : file.header().tensors) {
      auto bytes = file.bytes(t.name);
      if (t.name == tensor) {
        changed.assign(bytes.begin(), bytes.end());
        std::memcpy(changed.data(), &value, sizeof value);
        bytes = changed;
      }
      files.back().tensors.push_back({t.name, t.type, t.shape, bytes});
    }
  }
  REQUIRE_FALSE(changed.empty());
  io::save_checkpoint(run.checkpoints(), saved.note, files);
}

}  // namespace triptych::test
