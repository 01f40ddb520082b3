// The numbers that the system keeps, in either version of control groups.
#include <triptych/data/free_memory.hpp>

#include <cstdint>
#include <limits>
#include <string>

#include "support/catch.hpp"
#include "support/temporary_directory.hpp"

namespace system_memory = triptych::data::detail;
using triptych::data::free_memory;

TEST_CASE("a process may take what its control group leaves, and those above it") {
  const temporary_directory dir;
  const std::string root = dir.path().string();
  const auto of = [&](system_memory::memory_controller names, const char* group) {
    names.mount = root;
    return system_memory::left_in_group(names, group);
  };
  constexpr auto no_limit = std::numeric_limits<std::uint64_t>::max();
  SECTION("second version, where what files have in the cache is given back") {
    dir.write("a/memory.max", std::string("1000\n"));
    dir.write("a/memory.current", std::string("700\n"));
    dir.write("a/memory.stat", std::string("anon 400\nfile 300\ninactive_file 200\n"));
    dir.write("a/b/memory.max", std::string("max\n"));
    dir.write("a/b/memory.current", std::string("100\n"));
    CHECK(of(system_memory::second_version, "a") == 500);
    CHECK(of(system_memory::second_version, "a/b") == 500);
    CHECK(of(system_memory::second_version, "") == no_limit);
    CHECK(of(system_memory::first_version, "a/b") == no_limit);
    dir.write("a/b/memory.max", std::string("50\n"));
    CHECK(of(system_memory::second_version, "a/b") == 0);  // the limit was lowered
  }
  SECTION("first version, in a container that sees no more than its own group") {
    dir.write("memory.limit_in_bytes", std::string("4000\n"));
    dir.write("memory.usage_in_bytes", std::string("3000\n"));
    dir.write("memory.stat", std::string("inactive_file 1\ntotal_inactive_file 500\n"));
    CHECK(of(system_memory::first_version, "docker/0123") == 1500);
  }
  CHECK(free_memory() > (std::uint64_t{1} << 20));
  CHECK(free_memory() <= system_memory::left_in_groups());
}
