// apps/triptych/commands/run_environment.hpp
//
// What a run was made by, for its environment.json.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace triptych::app {

/// Program, machine and directory of a run that computes on `device` and so many ranks.
std::vector<std::pair<std::string, std::string>> environment(const std::string& device, int ranks);

}  // namespace triptych::app
