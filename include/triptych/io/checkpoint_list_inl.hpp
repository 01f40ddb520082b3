// triptych/io/checkpoint_list_inl.hpp
//
// The bodies of checkpoint_list.hpp.
#pragma once

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <triptych/config.hpp>
#include <triptych/io/checkpoint_list.hpp>
#include <triptych/io/file.hpp>

namespace triptych::io {

TRIPTYCH_INLINE std::string checkpoint_name(std::int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "step-%06lld", static_cast<long long>(step));
  return name;
}

TRIPTYCH_INLINE std::optional<std::int64_t> step_of_name(std::string_view name) {
  if (!name.starts_with("step-")) return {};
  name.remove_prefix(5);
  std::int64_t step = 0;
  const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), step);
  const bool whole = code == std::errc() && end == name.data() + name.size();
  return whole && step >= 0 && checkpoint_name(step).substr(5) == name ? std::optional(step)
                                                                       : std::nullopt;
}

TRIPTYCH_INLINE std::map<std::int64_t, fs::path> list_checkpoints(const fs::path& directory) {
  std::map<std::int64_t, fs::path> found;
  for (const std::string& name : names_in(directory)) {
    const auto step = step_of_name(name);
    if (step && is_there(directory / name / "MANIFEST.json")) {
      found.emplace(*step, directory / name);
    }
  }
  return found;
}

TRIPTYCH_INLINE std::optional<fs::path> newest_checkpoint(const fs::path& directory) {
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

TRIPTYCH_INLINE bool is_committed(const fs::path& directory, std::int64_t step) {
  const auto newest = newest_checkpoint(directory);
  return newest && step_of_name(newest->filename().string()).value_or(-1) >= step &&
         list_checkpoints(directory).contains(step);
}

}  // namespace triptych::io
