// apps/triptych/commands/doctor_report.hpp
//
// What `triptych doctor` found, and how it is written: aligned lines for people, one JSON object
// for programs. Nothing here looks at the machine.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/backend/cpu/instruction_set.hpp>
#include <triptych/backend/device/cuda/options.hpp>
#include <triptych/io/json_text.hpp>

#include "triptych/commands/table_report.hpp"
#include "triptych/console.hpp"
#include "triptych/devices/device.hpp"

namespace triptych::app {

/// A data set that lies in files.
struct data_finding {
  std::string name;
  std::string where{};               ///< its directory; empty: not found
  std::int64_t train = 0, test = 0;  ///< images
  std::string problem{};             ///< why it cannot be read; empty if it can
};

struct findings {
  std::string version, commit, configuration, compiler, flags, eigen;
  std::vector<std::string> formats;         ///< of images
  std::string cpu;                          ///< empty: the system does not tell
  unsigned cores = 0;                       ///< logical ones; 0: likewise
  std::vector<std::string> has, built_for;  ///< instruction sets of machine and program
  cpu::instruction_sets kernels;            ///< and of the kernels
  std::size_t memory = 0, available = 0;    ///< bytes; 0: likewise
  std::string mpi;                          ///< the library; empty in a build without it
  std::optional<backend::cuda_state> cuda;  ///< nothing in a build without it
  placement automatic;                      ///< what --device auto chooses
  std::vector<data_finding> data;
};

namespace report {

/// "12.4" of 12040, as the driver and the runtime count.
inline std::string cuda_version(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

/// "9.19.0" of 91900, as cuBLAS and cuDNN count.
inline std::string library_version(int number) {
  return std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." +
         std::to_string(number % 100);
}

/// Their names and versions; nothing for what is not there.
inline std::vector<std::pair<std::string, std::optional<std::string>>>
versions(const backend::cuda_state& cuda) {
  const auto known = [](int number, std::string (*text)(int)) {
    return number > 0 ? std::optional(text(number)) : std::nullopt;
  };
  return {{"driver", known(cuda.driver, cuda_version)},
          {"runtime", known(cuda.runtime, cuda_version)},
          {"cuBLAS", known(cuda.cublas, library_version)},
          {"cuDNN", known(cuda.cudnn, library_version)}};
}

inline std::string listed(const std::vector<std::string>& words) {
  return words.empty() ? "none of note" : joined(words, [](const auto& word) { return word; });
}

inline std::string memory_text(std::size_t bytes) { return size_text(static_cast<double>(bytes)); }

inline std::string listed_json(const std::vector<std::string>& words) {
  return "[" + joined(words, [](const auto& word) { return io::json_string(word); }) + "]";
}

/// Rows about CUDA, below those about the CPU.
inline void add_cuda(table& out, const backend::cuda_state& cuda) {
  out.add({"CUDA", joined(versions(cuda), [](const auto& library) {
             return library.first + " " + library.second.value_or("none");
           })});
  out.add({"", "compiled for " + cuda.architectures});
  for (const auto& d : cuda.devices) {
    const std::string name = "cuda:" + std::to_string(d.index);
    out.add({name, d.name + ", compute capability " + capability(d) + ", " +
                       std::to_string(d.multiprocessors) + " multiprocessors, " +
                       memory_text(d.memory) + ", " + memory_text(d.free_memory) + " free"});
    if (!covered(cuda.architectures, d)) out.add({"", "this build has no code for it"});
  }
  if (cuda.devices.empty()) out.add({"", "no device: " + cuda.problem});
}

}  // namespace report

inline std::string text(const findings& f) {
  using namespace report;
  std::ostringstream out;
  table all({"triptych", f.version + ", commit " + f.commit + ", configuration " + f.configuration},
            false);
  all.add({"compiler", f.compiler + (f.flags.empty() ? "" : ", " + f.flags)});
  all.add({"libraries", "Eigen " + f.eigen});
  all.add({"images", listed(f.formats)});
  all.add({"CPU", (f.cpu.empty() ? "unknown" : f.cpu) +
                      (f.cores > 0 ? ", logical cores: " + std::to_string(f.cores) : "")});
  all.add({"it has", listed(f.has)});
  const bool more = std::any_of(f.has.begin(), f.has.end(), [&f](const std::string& name) {
    return std::find(f.built_for.begin(), f.built_for.end(), name) == f.built_for.end();
  });
  if (f.kernels.built.size() > 1) {
    all.add({"kernels", f.kernels.used + ", of " + listed(f.kernels.built) +
                            "; the variable TRIPTYCH_ISA names another"});
  } else {
    all.add({"built for", listed(f.built_for) +
                              (more ? "; -DTRIPTYCH_ARCH=native takes all that the CPU has" : "")});
  }
  if (f.memory > 0) {
    all.add(
        {"memory", memory_text(f.memory) +
                       (f.available > 0 ? ", " + memory_text(f.available) + " available" : "")});
  }
  all.add({"MPI", f.mpi.empty() ? "not in this build; -DTRIPTYCH_WITH_MPI=ON puts it in" : f.mpi});
  if (f.cuda) {
    add_cuda(all, *f.cuda);
  } else {
    all.add({"CUDA", "not in this build; -DTRIPTYCH_WITH_CUDA=ON puts it in"});
  }
  all.add({"auto device", f.automatic.line});
  table sets({"data set", "images", "where"}, false);
  for (const auto& set : f.data) {
    sets.add(
        {set.name,
         set.problem.empty() ? std::to_string(set.train) + " + " + std::to_string(set.test) : "-",
         set.where.empty()     ? "not found; see triptych data verify " + set.name
         : set.problem.empty() ? set.where
                               : set.problem});
  }
  out << all << '\n' << sets;
  return out.str();
}

inline std::string json(const findings& f) {
  using namespace report;
  const auto string = [](std::string_view s) { return io::json_string(s); };
  const auto known = [&](const auto& s) { return s ? string(*s) : std::string("null"); };
  std::string text =
      "{\"version\": " + string(f.version) + ", \"commit\": " + string(f.commit) +
      ", \"configuration\": " + string(f.configuration) + ", \"compiler\": " + string(f.compiler) +
      ", \"flags\": " + string(f.flags) + ", \"eigen\": " + string(f.eigen) +
      ",\n \"image_formats\": " + listed_json(f.formats) +
      ",\n \"cpu\": {\"model\": " + string(f.cpu) +
      ", \"logical_cores\": " + std::to_string(f.cores) + ", \"has\": " + listed_json(f.has) +
      ", \"built_for\": " + listed_json(f.built_for) +
      ", \"kernels\": {\"built\": " + listed_json(f.kernels.built) +
      ", \"used\": " + string(f.kernels.used) + "}" +
      "},\n \"memory\": {\"total\": " + std::to_string(f.memory) +
      ", \"available\": " + std::to_string(f.available) +
      "},\n \"mpi\": " + (f.mpi.empty() ? "null" : string(f.mpi)) + ",\n \"cuda\": ";
  if (f.cuda) {
    text += "{" + joined(versions(*f.cuda), [&](const auto& library) {
              return string(library.first) + ": " + known(library.second);
            });
    text += ", \"architectures\": " + string(f.cuda->architectures) +
            ", \"problem\": " + (f.cuda->problem.empty() ? "null" : string(f.cuda->problem)) +
            ", \"devices\": [" +
            joined(f.cuda->devices,
                   [&](const auto& d) {
                     return "{\"index\": " + std::to_string(d.index) +
                            ", \"name\": " + string(d.name) +
                            ", \"compute_capability\": " + string(capability(d)) +
                            ", \"memory\": " + std::to_string(d.memory) +
                            ", \"free_memory\": " + std::to_string(d.free_memory) +
                            ", \"multiprocessors\": " + std::to_string(d.multiprocessors) +
                            ", \"compiled_for\": " +
                            (covered(f.cuda->architectures, d) ? "true" : "false") + "}";
                   }) +
            "]}";
  } else {
    text += "null";
  }
  const auto& chosen = f.automatic.cuda;
  text +=
      ",\n \"auto\": {\"device\": " + string(chosen ? "cuda:" + std::to_string(*chosen) : "cpu") +
      ", \"line\": " + string(f.automatic.line) + "},\n \"data\": [" +
      joined(
          f.data,
          [&](const auto& set) {
            return "{\"name\": " + string(set.name) +
                   ", \"where\": " + (set.where.empty() ? "null" : string(set.where)) +
                   ", \"train\": " + std::to_string(set.train) +
                   ", \"test\": " + std::to_string(set.test) +
                   ", \"problem\": " + (set.problem.empty() ? "null" : string(set.problem)) + "}";
          },
          ",\n  ");
  return text + "]}\n";
}

}  // namespace triptych::app
