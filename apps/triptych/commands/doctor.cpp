// `triptych doctor`: what this program was built with, what this machine has, and where the data
// sets lie. Nothing that it finds or misses is a failure.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <triptych/backend/cpu/instruction_set.hpp>
#include <triptych/data/registry.hpp>
#include <triptych/io/checkpoint.hpp>

#include "triptych/build_info.hpp"
#include "triptych/commands/commands.hpp"
#include "triptych/commands/doctor_report.hpp"
#include "triptych/devices/cuda.hpp"
#include "triptych/devices/ranks.hpp"
#include "triptych/failure.hpp"
#include "triptych/options/command_line.hpp"
#include "triptych/options/configuration.hpp"

namespace triptych::app {

namespace {

namespace fs = std::filesystem;

// --------------------------------------------------------------------------------------------
// the program

/// An instruction set: how it is called, how Linux calls it, and whether this program may use it.
struct instruction_set {
  const char* name;
  const char* flag;
  bool used = false;
};

/// -march decides the last column.
constexpr instruction_set instruction_sets[]{
    {"AVX2", "avx2",
#if defined(__AVX2__)
     true
#endif
    },
    {"FMA", "fma",
#if defined(__FMA__)
     true
#endif
    },
    {"AVX-512", "avx512f",
#if defined(__AVX512F__)
     true
#endif
    },
    {"AVX-512 BF16", "avx512_bf16",
#if defined(__AVX512BF16__)
     true
#endif
    },
    {"AMX", "amx_tile",
#if defined(__AMX_TILE__)
     true
#endif
    },
    {"NEON", "asimd",
#if defined(__ARM_NEON)
     true
#endif
    },
    {"SVE", "sve",
#if defined(__ARM_FEATURE_SVE)
     true
#endif
    },
};

std::vector<std::string> image_formats() {
  std::vector<std::string> formats{"PPM"};
#if defined(TRIPTYCH_HAS_JPEG)
  formats.emplace_back("JPEG");
#endif
#if defined(TRIPTYCH_HAS_PNG)
  formats.emplace_back("PNG");
#endif
#if defined(TRIPTYCH_HAS_WEBP)
  formats.emplace_back("WebP");
#endif
  return formats;
}

// --------------------------------------------------------------------------------------------
// the machine

/// The value of the first line "name : value" of a file in /proc; empty if there is none.
std::string value_in(const char* file, std::string_view name) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    const auto end = line.find_last_not_of(" \t:", colon);
    if (end == line.npos || line.substr(0, end + 1) != name) continue;
    const auto start = line.find_first_not_of(" \t", colon + 1);
    return start == line.npos ? std::string() : line.substr(start);
  }
  return {};
}

/// Bytes of a line "MemTotal:  8000000 kB" of /proc/meminfo; 0 if there is none.
std::size_t memory(std::string_view name) {
  std::istringstream value(value_in("/proc/meminfo", name));
  std::size_t kibibytes = 0;
  value >> kibibytes;
  return kibibytes * 1024;
}

void look_at_cpu(findings& f) {
  constexpr const char* file = "/proc/cpuinfo";
  f.cpu = value_in(file, "model name");
  f.cores = std::thread::hardware_concurrency();
  std::istringstream flags(value_in(file, "flags") + " " + value_in(file, "Features"));
  std::vector<std::string> words;
  for (std::string word; flags >> word;) words.push_back(std::move(word));
  for (const auto& set : instruction_sets) {
    if (std::find(words.begin(), words.end(), set.flag) != words.end())
      f.has.emplace_back(set.name);
    if (set.used) f.built_for.emplace_back(set.name);
  }
  f.kernels = cpu::kernels();
}

// --------------------------------------------------------------------------------------------
// the data

data_finding look_for(const triptych::data::data_set& set, const fs::path& dir) {
  data_finding found{.name = std::string(set.name)};
  try {
    const fs::path where = triptych::data::locate(found.name, dir);
    found.where = where.string();
    // A hundred thousand pictures take a minute to decode: they are counted, and the first of each
    // class is read.
    const auto sets = triptych::data::load(
        {.name = found.name, .dir = where, .limit_per_file = set.count != nullptr ? 1 : 0});
    const std::array<std::int64_t, 2> images =
        set.count != nullptr ? set.count(where) : std::array{sets.train.size(), sets.test.size()};
    found.train = images[0];
    found.test = images[1];
  } catch (const std::exception& failure) {
    found.problem = as_error(failure).what();
  }
  return found;
}

}  // namespace

int doctor(const doctor_options& options) {
  findings f;
  f.version = io::library_version();
  f.commit = build_commit;
  f.configuration = this_configuration.name;
  f.compiler = build_compiler;
  f.flags = build_flags;
  f.eigen = eigen_version();
  f.mpi = mpi_library();
  f.formats = image_formats();
  look_at_cpu(f);
  f.memory = memory("MemTotal");
  f.available = memory("MemAvailable");
  f.cuda = cuda_here(true);
  f.automatic = place({}, f.cuda);
  for (const auto& set : triptych::data::data_sets) {
    if (set.place == triptych::data::place::usual)
      f.data.push_back(look_for(set, options.data_dir));
  }
  std::cout << (options.json ? json(f) : text(f));
  return 0;
}

}  // namespace triptych::app
