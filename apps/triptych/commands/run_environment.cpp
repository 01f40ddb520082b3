#include "triptych/commands/run_environment.hpp"

#include <filesystem>
#include <system_error>
#include <thread>

#include <triptych/backend/cpu/instruction_set.hpp>
#include <triptych/io/checkpoint.hpp>

#include "triptych/build_info.hpp"
#include "triptych/options/configuration.hpp"

namespace triptych::app {

std::vector<std::pair<std::string, std::string>> environment(const std::string& device, int ranks) {
  std::error_code removed;  // while the shell was in it: then no path leads there
  const auto directory = std::filesystem::current_path(removed);
  return {{"triptych", io::library_version()},
          {"build", std::string(this_configuration.name)},
          {"commit", build_commit},
          {"compiler", build_compiler},
          {"flags", build_flags},
          {"kernels", cpu::kernels().used},
          {"device", device},
          {"ranks", std::to_string(ranks)},
          {"hardware_threads", std::to_string(std::thread::hardware_concurrency())},
          {"directory", directory.string()}};
}

}  // namespace triptych::app
