// triptych/io/checkpoint_loading_inl.hpp
//
// The bodies of checkpoint_loading.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/io/checkpoint_list.hpp>
#include <triptych/io/checkpoint_loading.hpp>
#include <triptych/io/checkpoint_manifest.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/owned_names.hpp>
#include <triptych/io/safetensors_reading.hpp>

namespace triptych::io {

TRIPTYCH_INLINE const safetensors_file& loaded_checkpoint::file(const std::string& name) const {
  if (const auto found = files.find(name); found != files.end()) return found->second;
  throw error::checkpoint("the checkpoint " + path.string() + " holds no " + name +
                          ".safetensors; give one that was saved by the same command");
}

namespace detail {

/// Reads one checkpoint and checks everything about it. A refusal ends with `advice`; without, it
/// names a sound one beside it.
class checkpoint_reader {
 public:
  /// The advice of a refusal that nobody reads: no other checkpoint is looked at for it.
  static constexpr const char* unsaid = "take another";

  checkpoint_reader(fs::path path, std::string advice)
      : path_(std::move(path)), advice_(std::move(advice)) {}

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
    return error::checkpoint("the checkpoint " + path_.string() + " is damaged: " + file + " " +
                             what + "; " + (advice_.empty() ? found_advice() : advice_));
  }

  [[nodiscard]] std::string found_advice() const {
    if (const auto other = sound_sibling())
      return "take the sound one beside it, " + other->string();
    const fs::path above = path_.parent_path();
    const bool of_run = above.filename() == "checkpoints" && is_a_directory(above.parent_path()) &&
                        owned_names(above.parent_path()).has("config.toml");
    return of_run ? "no sound one lies beside it, train again with `overwrite`"
                  : "no sound one lies beside it, take another copy of it";
  }

  /// The newest sound checkpoint beside this one; each candidate is read in full.
  [[nodiscard]] std::optional<fs::path> sound_sibling() const {
    const auto all = list_checkpoints(path_.parent_path());
    for (auto entry = all.rbegin(); entry != all.rend(); ++entry) {
      if (entry->second.filename() == path_.filename()) continue;
      try {
        static_cast<void>(checkpoint_reader(entry->second, unsaid).read());
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
  std::string advice_;
};

}  // namespace detail

TRIPTYCH_INLINE void adopt_checkpoints(const fs::path& directory,
                                       const std::function<bool(const checkpoint_note&)>& belongs) {
  std::vector<std::string> names;
  for (const auto& [step, path] : list_checkpoints(directory)) {
    try {
      const auto [note, files] =
          detail::checkpoint_reader(path, detail::checkpoint_reader::unsaid).outline();
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

TRIPTYCH_INLINE loaded_checkpoint load_checkpoint(const fs::path& given,
                                                  const std::string& advice) {
  if (!is_a_directory(given)) {
    throw error::checkpoint("there is no checkpoint at " + given.string() +
                            "; give a directory such as runs/NAME/checkpoints/step-000123");
  }
  std::error_code code;
  const fs::path path = fs::canonical(given, code);
  if (code) throw_io("look at", given, code.value());
  return detail::checkpoint_reader(path, advice).read();
}

}  // namespace triptych::io
