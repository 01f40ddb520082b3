// triptych/io/checkpoint.hpp
//
// Checkpoints that survive kill -9, full disks and power cuts, and that never load damaged. A
// checkpoint is a directory of safetensors files and a MANIFEST.json with their sizes and
// checksums:
//
//   checkpoints/step-000123/{model.safetensors, ..., MANIFEST.json}      latest -> step-000123
//
// Saving: make .tmp-step-N-<pid>, write and sync each file, the manifest last, rename the directory
// into place, sync its parent, swing `latest` by rename, prune. `latest` is the commit: until it is
// swung the previous checkpoint is the newest. Only what the directory's list (owned_names.hpp)
// names is replaced or pruned. Loading: the manifest, then sizes, then checksums,
// then the files' own structure; the caller sees nothing before all has passed.
// The manifest ends in a seal, the XXH64 of its own text before it, so that no bit can change
// unseen. Failpoints (failpoint.hpp), in order: checkpoint.begun, .files, .manifest, .renamed,
// .latest, .pruned. Cost: one pass over the data each way; saving is bound by the disk.
#pragma once

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/io/failpoint.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/owned_names.hpp>
#include <triptych/io/safetensors.hpp>
#include <triptych/version.hpp>

namespace triptych::io {

/// The layout of a checkpoint; a reader takes its own and all older ones.
inline constexpr std::int64_t checkpoint_format = 1;

/// A file to save: `model` becomes model.safetensors.
struct checkpoint_file {
  std::string name;
  std::vector<tensor_source> tensors;
  metadata_map metadata = {};
};

/// What a checkpoint says about itself.
struct checkpoint_note {
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  std::string config;       ///< the run's configuration, as text
  metadata_map extra = {};  ///< anything else the application wants back
};

/// Which checkpoints outlive a save.
struct retention {
  std::size_t keep = 2;                   ///< the newest ones, at least 1
  std::optional<std::int64_t> best = {};  ///< and this step's
};

/// A checkpoint that passed every check.
struct loaded_checkpoint {
  fs::path path;
  std::int64_t format = 0;
  std::string library_version;
  checkpoint_note note;
  std::map<std::string, safetensors_file> files;  ///< by name, such as `model`

  /// A missing file throws error::checkpoint.
  [[nodiscard]] const safetensors_file& file(const std::string& name) const {
    if (const auto found = files.find(name); found != files.end()) return found->second;
    throw error::checkpoint("the checkpoint " + path.string() + " holds no " + name +
                            ".safetensors; give one that was saved by the same command");
  }
};

inline std::string library_version() {
  return std::to_string(TRIPTYCH_VERSION_MAJOR) + "." + std::to_string(TRIPTYCH_VERSION_MINOR) +
         "." + std::to_string(TRIPTYCH_VERSION_PATCH);
}

/// "step-000123"
inline std::string checkpoint_name(std::int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "step-%06lld", static_cast<long long>(step));
  return name;
}

/// The step of a checkpoint's directory name; nothing for any other name.
inline std::optional<std::int64_t> step_of_name(std::string_view name) {
  if (!name.starts_with("step-")) return {};
  name.remove_prefix(5);
  std::int64_t step = 0;
  const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), step);
  const bool whole = code == std::errc() && end == name.data() + name.size();
  return whole && step >= 0 && checkpoint_name(step).substr(5) == name ? std::optional(step)
                                                                       : std::nullopt;
}

/// Every complete checkpoint in `directory`, by ascending step; complete, not yet proven sound.
inline std::map<std::int64_t, fs::path> list_checkpoints(const fs::path& directory) {
  std::map<std::int64_t, fs::path> found;
  for (const std::string& name : names_in(directory)) {
    const auto step = step_of_name(name);
    if (step && is_there(directory / name / "MANIFEST.json")) {
      found.emplace(*step, directory / name);
    }
  }
  return found;
}

/// The checkpoint that `latest` names or, without one, the one of the highest step.
inline std::optional<fs::path> newest_checkpoint(const fs::path& directory) {
  const auto all = list_checkpoints(directory);
  if (all.empty()) return {};
  std::error_code code;
  const auto step = step_of_name(fs::read_symlink(directory / "latest", code).string());
  if (code && code.value() != ENOENT && code.value() != EINVAL) {  // EINVAL: it is no link
    throw_io("read the link", directory / "latest", code.value());
  }
  const auto named = step ? all.find(*step) : all.end();
  return named != all.end() ? named->second : all.rbegin()->second;
}

/// True if the checkpoint of a step is there and was made the newest once: a process that is killed
/// before that has not saved it.
inline bool is_committed(const fs::path& directory, std::int64_t step) {
  const auto newest = newest_checkpoint(directory);
  return newest && step_of_name(newest->filename().string()).value_or(-1) >= step &&
         list_checkpoints(directory).contains(step);
}

// ----------------------------------------------------------------------------------------- saving

namespace detail {

inline constexpr std::string_view manifest_name = "MANIFEST.json";

/// What follows `body`: the checksum of everything before it.
inline std::string manifest_seal(std::string_view body) {
  return ",\n  \"seal\": \"" + hex_text(digest_of(body).xxh64) + "\"\n}\n";
}

inline std::string manifest_text(const checkpoint_note& note,
                                 const std::map<std::string, digest>& files) {
  std::string text = "{\n  \"format\": " + std::to_string(checkpoint_format) +
                     ",\n  \"library_version\": " + json_string(library_version()) +
                     ",\n  \"step\": " + std::to_string(note.step) +
                     ",\n  \"epoch\": " + std::to_string(note.epoch) +
                     ",\n  \"config\": " + json_string(note.config) + ",\n  \"extra\": {";
  for (const auto& [key, value] : note.extra) {
    text +=
        (text.back() == '{' ? "\n    " : ",\n    ") + json_string(key) + ": " + json_string(value);
  }
  text += "},\n  \"files\": {";
  for (const auto& [name, written] : files) {
    text += (text.back() == '{' ? "\n    " : ",\n    ") + json_string(name) +
            ": {\"bytes\": " + std::to_string(written.bytes) + ", \"xxh64\": \"" +
            hex_text(written.xxh64) + "\"}";
  }
  text += "}";
  return text + manifest_seal(text);
}

/// A step of the save protocol at which a test can strike.
inline void protocol_step(std::string_view name, const fs::path& path) {
  const int simulated = failpoint(name);
  if (simulated > 0 && simulated != EINTR) throw_io("save", path, simulated);
}

/// Puts the finished directory `from` at `to`. If `to` exists the two change places, so that there
/// is no moment without either; what is not ours in it moves along.
inline void place_directory(const owned_names& owned, const std::string& from,
                            const std::string& to) {
  const held_directory& in = owned.in();
  if (!in.status(to)) return in.rename(from, to);
  const int result = repeat_call("rename", [&] {
    return ::renameat2(in.get(), from.c_str(), in.get(), to.c_str(), RENAME_EXCHANGE);
  });
  if (result < 0) {
    if (errno != EINVAL && errno != ENOSYS) throw_io("replace", in.path() / to, errno);
    owned.clear(to, to);  // this file system cannot exchange
    return in.rename(from, to);
  }
  if (owned.clear(from, to)) return;
  const held_directory before(in, from), now(in, to);
  for (const std::string& name : before.names()) {
    repeat_call("rename", [&] {
      return ::renameat2(before.get(), name.c_str(), now.get(), name.c_str(), RENAME_NOREPLACE);
    });
  }
  in.remove_directory(from);
}

inline void prune_checkpoints(owned_names& owned, std::int64_t newest, const retention& policy) {
  auto all = list_checkpoints(owned.in().path());
  std::erase_if(all, [&](const auto& one) { return !owned.has(checkpoint_name(one.first)); });
  std::vector<std::string> doomed;
  std::size_t kept = 0;
  for (auto entry = all.rbegin(); entry != all.rend(); ++entry) {
    const std::int64_t step = entry->first;
    const bool current = step <= newest && kept < std::max<std::size_t>(policy.keep, 1);
    if (current) ++kept;
    if (!current && policy.best != step) doomed.push_back(checkpoint_name(step));
  }
  owned.remove(doomed);
}

inline void swing_latest(owned_names& owned, const std::string& name) {
  owned.claim({"latest"});
  const held_directory& in = owned.in();
  const std::string link = make_temporary("latest", [&](const std::string& tried) {
    const int result =
        repeat_call("symlink", [&] { return ::symlinkat(name.c_str(), in.get(), tried.c_str()); });
    if (result < 0 && errno != EEXIST) throw_io("make the link", in.path() / tried, errno);
    return result == 0;
  });
  in.rename(link, "latest");
  in.sync();
}

}  // namespace detail

/// Makes `path` the checkpoint from which a run goes on: its `latest`. After a load with --resume
/// PATH of an older one, call this before training; a path outside of `directory` changes nothing.
inline void mark_latest(const fs::path& directory, const fs::path& path) {
  const fs::path name = path.filename();
  if (!step_of_name(name.string()) || !is_there(directory / name)) return;
  std::error_code code;
  const bool here = fs::equivalent(directory / name, path, code);
  if (code) throw_io("look at", path, code.value());
  if (!here) return;
  owned_names owned(directory);
  detail::swing_latest(owned, name.string());
}

/// Saves a checkpoint under `directory` and prunes: what stays is the newest `keep` up to this
/// step, and the best; checkpoints of later steps belong to an abandoned future and go. Returns its
/// path. Throws error::io; the previous checkpoint is then untouched, and no half-written one is
/// left. Throws error::usage where something that we did not write has the checkpoint's name.
inline fs::path save_checkpoint(const fs::path& directory, const checkpoint_note& note,
                                const std::vector<checkpoint_file>& files,
                                const retention& policy = {}) {
  const std::string step = checkpoint_name(note.step), manifest(detail::manifest_name);
  const fs::path target = directory / step;
  make_directories(directory);
  owned_names owned(directory);
  std::vector<std::string> names{"latest", step + "/" + manifest};
  for (const checkpoint_file& file : files)
    names.push_back(step + "/" + file.name + ".safetensors");
  owned.claim(names);
  const std::string temporary =
      make_temporary(step, [&](const std::string& tried) { return owned.in().make(tried); });
  try {
    detail::protocol_step("checkpoint.begun", target);

    const held_directory inside(owned.in(), temporary);
    std::map<std::string, digest> written;
    for (const checkpoint_file& file : files) {
      const std::string name = file.name + ".safetensors";
      const fs::path path = inside.path() / name;
      const descriptor fd = inside.open(name, O_WRONLY | O_CREAT | O_EXCL);
      written[name] = write_safetensors(fd, path, file.tensors, file.metadata);
      sync_file(fd, path);
    }
    detail::protocol_step("checkpoint.files", target);

    replace_in(inside, manifest, [&](const descriptor& fd, const fs::path& path) {
      write_all(fd, detail::manifest_text(note, written), path);
    });
    detail::protocol_step("checkpoint.manifest", target);

    detail::place_directory(owned, temporary, step);
    owned.in().sync();
    detail::protocol_step("checkpoint.renamed", target);
  } catch (...) {
    try {
      owned.clear(temporary, step);
    } catch (const error&) {  // the reason itself matters more
    }
    throw;
  }
  detail::swing_latest(owned, step);
  detail::protocol_step("checkpoint.latest", target);

  detail::prune_checkpoints(owned, note.step, policy);
  detail::protocol_step("checkpoint.pruned", target);
  return target;
}

// ---------------------------------------------------------------------------------------- loading

namespace detail {

/// Reads one checkpoint and checks everything about it; with `advise`, a refusal names a sound one
/// beside it.
class checkpoint_reader {
 public:
  checkpoint_reader(fs::path path, bool advise) : path_(std::move(path)), advise_(advise) {}

  [[nodiscard]] loaded_checkpoint read() const {
    const auto json = manifest();
    loaded_checkpoint loaded = head(json);
    const auto& files = member(json, "files", value_kind::object);
    std::map<std::string, input_file> opened;
    for (const auto& [name, entry] : files.items()) {
      opened.emplace(name, open_listed(name, entry));
    }
    for (const auto& [name, file] : opened) {
      const std::string stem = name.substr(0, name.size() - extension.size());
      loaded.files.emplace(stem, read_listed(file, text(files[name], "xxh64")));
    }
    return loaded;
  }

  /// What the manifest says, and the names of the files that it lists; no file is opened.
  [[nodiscard]] std::pair<checkpoint_note, std::vector<std::string>> outline() const {
    const auto json = manifest();
    std::vector<std::string> names;
    for (const auto& [name, entry] : member(json, "files", value_kind::object).items()) {
      refuse_strange_name(name);
      names.push_back(name);
    }
    return {head(json).note, names};
  }

 private:
  using value_kind = nlohmann::json::value_t;
  static constexpr std::string_view extension = ".safetensors";
  static constexpr std::uint64_t longest_manifest = 16u << 20;

  [[nodiscard]] loaded_checkpoint head(const nlohmann::json& json) const {
    loaded_checkpoint loaded;
    loaded.path = path_;
    loaded.format = count(json, "format");
    loaded.library_version = text(json, "library_version");
    if (loaded.format > checkpoint_format) {
      throw error::checkpoint("the checkpoint " + path_.string() +
                              " was made by a newer version, triptych " +
                              shown(loaded.library_version) + " with checkpoint format " +
                              std::to_string(loaded.format) + "; update triptych to load it");
    }
    loaded.note.step = count(json, "step");
    loaded.note.epoch = count(json, "epoch");
    loaded.note.config = text(json, "config");
    for (const auto& [key, value] : member(json, "extra", value_kind::object).items()) {
      if (!value.is_string()) throw bad_member("extra");
      loaded.note.extra.emplace(key, value.template get<std::string>());
    }
    return loaded;
  }

  [[nodiscard]] error damaged(const std::string& file, const std::string& what) const {
    const auto other = advise_ ? sound_sibling() : std::nullopt;
    return error::checkpoint("the checkpoint " + path_.string() + " is damaged: " + file + " " +
                             what + "; " +
                             (other ? "take the sound one beside it, " + other->string()
                                    : "no sound one lies beside it, train again with --overwrite"));
  }

  /// The newest sound checkpoint beside this one; each candidate is read in full.
  [[nodiscard]] std::optional<fs::path> sound_sibling() const {
    const auto all = list_checkpoints(path_.parent_path());
    for (auto entry = all.rbegin(); entry != all.rend(); ++entry) {
      if (entry->second.filename() == path_.filename()) continue;
      try {
        static_cast<void>(checkpoint_reader(entry->second, false).read());
        return entry->second;
      } catch (const error&) {  // damaged as well: go on with the one before
      }
    }
    return {};
  }

  [[nodiscard]] error bad_member(const char* key) const {
    return damaged(std::string(manifest_name), "has no proper \"" + std::string(key) + "\"");
  }

  [[nodiscard]] nlohmann::json manifest() const {
    const std::string name(manifest_name);
    if (!is_there(path_ / name)) throw damaged(name, "is missing");
    const input_file file = open_input(path_ / name);
    if (file.size > longest_manifest) throw damaged(name, "is longer than 16 MiB");
    const file_bytes contents = read_bytes(file, static_cast<std::size_t>(file.size));
    const std::string_view text = contents.text();
    const std::size_t seal_size = manifest_seal({}).size();
    const std::string_view body = text.substr(0, text.size() - std::min(seal_size, text.size()));
    if (text.substr(body.size()) != manifest_seal(body)) {
      throw damaged(name, "does not match the checksum in its last line");
    }
    return parse_json_object(text, file.path.string(), "the checkpoint is damaged");
  }

  [[nodiscard]] const nlohmann::json& member(const nlohmann::json& json, const char* key,
                                             value_kind kind) const {
    const auto found = json.find(key);
    if (found == json.end() || found->type() != kind) throw bad_member(key);
    return *found;
  }

  [[nodiscard]] std::string text(const nlohmann::json& json, const char* key) const {
    return member(json, key, value_kind::string).get<std::string>();
  }

  [[nodiscard]] std::int64_t count(const nlohmann::json& json, const char* key) const {
    const auto& value = member(json, key, value_kind::number_unsigned);
    if (!is_count(value)) throw bad_member(key);
    return value.get<std::int64_t>();
  }

  /// A name in the list of files must not lead elsewhere.
  void refuse_strange_name(const std::string& name) const {
    const bool plain = name.size() > extension.size() && name.ends_with(extension) &&
                       name.find('/') == name.npos && name.front() != '.';
    if (!plain) throw bad_member("files");
  }

  /// Opens a file of the list, whose size must be right.
  [[nodiscard]] input_file open_listed(const std::string& name, const nlohmann::json& entry) const {
    refuse_strange_name(name);
    if (!entry.is_object()) throw bad_member("files");
    const auto size = static_cast<std::uint64_t>(count(entry, "bytes"));
    if (!is_there(path_ / name)) throw damaged(name, "is missing");
    input_file file = open_input(path_ / name);
    if (file.size != size) {
      throw damaged(name, "is " + std::to_string(file.size) +
                              " bytes long where the manifest says " + std::to_string(size));
    }
    return file;
  }

  [[nodiscard]] safetensors_file read_listed(const input_file& file,
                                             const std::string& checksum) const {
    file_bytes contents = read_bytes(file, static_cast<std::size_t>(file.size));
    if (hex_text(digest_of(contents.bytes()).xxh64) != checksum) {
      throw damaged(file.path.filename().string(), "does not match its checksum in the manifest");
    }
    return safetensors_file::parse(file.path.string(), std::move(contents));
  }

  fs::path path_;
  bool advise_;
};

}  // namespace detail

/// Lists the checkpoints that a version of triptych without lists left in `directory`: those with a
/// sealed manifest and a note that `belongs` accepts, and `latest`.
inline void adopt_checkpoints(const fs::path& directory,
                              const std::function<bool(const checkpoint_note&)>& belongs) {
  std::vector<std::string> names;
  for (const auto& [step, path] : list_checkpoints(directory)) {
    try {
      const auto [note, files] = detail::checkpoint_reader(path, false).outline();
      if (note.step != step || !belongs(note)) continue;
      const std::string name = path.filename().string();
      names.push_back(name + "/" + std::string(detail::manifest_name));
      for (const std::string& file : files) names.push_back(name + "/" + file);
    } catch (const error&) {  // damaged, or never one of ours
    }
  }
  if (names.empty()) return;
  std::error_code ignored;
  if (step_of_name(fs::read_symlink(directory / "latest", ignored).string())) {
    names.emplace_back("latest");
  }
  owned_names(directory).adopt(names);
}

/// Reads a checkpoint: its directory, or a link to it. Throws error::checkpoint if anything about
/// it is wrong, naming a sound one beside it if there is any, and error::io if it cannot be read.
inline loaded_checkpoint load_checkpoint(const fs::path& given) {
  if (!is_a_directory(given)) {
    throw error::checkpoint("there is no checkpoint at " + given.string() +
                            "; give a directory such as runs/NAME/checkpoints/step-000123");
  }
  std::error_code code;
  const fs::path path = fs::canonical(given, code);
  if (code) throw_io("look at", given, code.value());
  return detail::checkpoint_reader(path, true).read();
}

}  // namespace triptych::io
