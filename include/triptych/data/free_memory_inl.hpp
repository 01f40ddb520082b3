// triptych/data/free_memory_inl.hpp
//
// The bodies of free_memory.hpp.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <triptych/config.hpp>
#include <triptych/data/free_memory.hpp>

namespace triptych::data {

namespace detail {

constexpr std::uint64_t remaining(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; }

/// The number that a small file of the system holds; nothing for another text ("max").
inline std::optional<std::uint64_t> number_in_file(const std::string& path) {
  std::uint64_t number = 0;
  std::ifstream file(path);
  return file >> number ? std::optional(number) : std::nullopt;
}

/// The number behind a name in a file of lines "name number", or "name: number kB".
inline std::optional<std::uint64_t> number_behind(std::string_view name, const std::string& path) {
  std::ifstream file(path);
  std::string word, rest;
  for (std::uint64_t number = 0; file >> word >> number; std::getline(file, rest)) {
    if (word == name) return number;
  }
  return {};
}

TRIPTYCH_INLINE std::uint64_t left_in_group(const memory_controller& names,
                                            std::filesystem::path group) {
  std::uint64_t left = std::numeric_limits<std::uint64_t>::max();
  for (;; group = group.parent_path()) {
    const std::string place = (names.mount / group / "memory.").string();
    const auto most = number_in_file(place + std::string(names.limit));
    const auto now = number_in_file(place + std::string(names.usage));
    const auto cache = number_behind(names.cache, place + "stat").value_or(0);
    if (most && now) left = std::min(left, remaining(*most, remaining(*now, cache)));
    if (group.empty()) return left;
  }
}

TRIPTYCH_INLINE std::uint64_t left_in_groups() {
  std::uint64_t left = std::numeric_limits<std::uint64_t>::max();
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto controllers = line.find(':');
    const auto path = controllers == line.npos ? line.npos : line.find(":/", controllers + 1);
    if (path == line.npos) continue;
    const std::string names = "," + line.substr(controllers + 1, path - controllers - 1) + ",";
    const std::string group = line.substr(path + 2);
    if (names == ",,") left = std::min(left, left_in_group(second_version, group));
    if (names.find(",memory,") != names.npos) {
      left = std::min(left, left_in_group(first_version, group));
    }
  }
  return left;
}

}  // namespace detail

TRIPTYCH_INLINE std::uint64_t free_memory() {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto available = detail::number_behind("MemAvailable:", "/proc/meminfo");
  std::uint64_t free = available ? *available * 1024
                                 : static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * page / 2;
  free = std::min(free, detail::left_in_groups());
  rlimit addresses{};
  if (::getrlimit(RLIMIT_AS, &addresses) == 0 && addresses.rlim_cur != RLIM_INFINITY) {
    const auto now = detail::number_in_file("/proc/self/statm").value_or(0) * page;
    free = std::min(free, detail::remaining(addresses.rlim_cur, now));
  }
  return free;
}

}  // namespace triptych::data
