// triptych/data/free_memory.hpp
//
// How much memory a process may still take.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include <triptych/config.hpp>

namespace triptych::data {

/// Bytes of memory that this machine could give a process now.
std::uint64_t free_memory();

namespace detail {

/// How a version of control groups names what it knows of memory.
struct memory_controller {
  std::string_view mount;
  std::string_view limit, usage;  ///< files, behind "memory."
  std::string_view cache;         ///< in memory.stat: what of the usage is given back if asked
};
inline constexpr memory_controller first_version{"/sys/fs/cgroup/memory", "limit_in_bytes",
                                                 "usage_in_bytes", "total_inactive_file"},
    second_version{"/sys/fs/cgroup", "max", "current", "inactive_file"};

/// What a group and those above it may still take. In a container the group's path may be that of
/// the machine outside, of which there is only the end of the way up.
std::uint64_t left_in_group(const memory_controller& names, std::filesystem::path group);

/// The same by the lines of /proc/self/cgroup, "4:memory:/path" and "0::/path".
std::uint64_t left_in_groups();

}  // namespace detail

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/free_memory_inl.hpp>
#endif
