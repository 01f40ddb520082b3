// apps/triptych/devices/launcher.hpp
//
// Who has started this process as one of several: mpirun and its like, or srun. The environment says
// it, before MPI is asked; what MPI says must be the same.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <triptych/core/error.hpp>

namespace triptych::app {

/// One of several processes.
struct launched {
  int rank = 0, size = 1;
  std::string by;  ///< the variable that says so
};

/// This process, if it is one of several. Variables of a SLURM job that are not of a step say
/// nothing: a script of the job is one process.
inline std::optional<launched> launched_here() {
  const auto number = [](const char* name) -> std::optional<int> {
    const char* const text = std::getenv(name);
    char* end = nullptr;
    const long value = text == nullptr ? -1 : std::strtol(text, &end, 10);
    if (text == nullptr || end == text || *end != '\0' || value < 0 || value > 1 << 20) return {};
    return static_cast<int>(value);
  };
  struct names {
    const char *rank, *size;
  };
  for (const auto& [rank, size] :
       {names{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"}, names{"PMI_RANK", "PMI_SIZE"},
        names{"SLURM_PROCID", "SLURM_STEP_NUM_TASKS"}}) {
    const auto own = number(rank), all = number(size);
    if (own && all && *all > 1 && *own < *all) return launched{*own, *all, size};
  }
  return {};
}

/// Whether a command line says that the processes of a launcher are runs of their own: for what is
/// said before options are known.
inline bool are_apart(const std::vector<std::string_view>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--launcher=none") return true;
    if (words[i] == "--launcher" && i + 1 < words.size() && words[i + 1] == "none") return true;
  }
  return false;
}

}  // namespace triptych::app
