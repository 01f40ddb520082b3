// apps/triptych/devices/device.hpp
//
// Where a run computes: what --device asks for, against what the build and the machine have. No
// call here touches a device but placed(), which looks for one if the options leave room for it.
#pragma once

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/backend/cpu/convolution/bf16_products.hpp>
#include <triptych/backend/device/cuda/options.hpp>
#include <triptych/core/error.hpp>

#include "triptych/console.hpp"
#include "triptych/devices/cuda.hpp"
#include "triptych/devices/train_backends.hpp"
#include "triptych/options/options.hpp"

namespace triptych::app {

/// "9.0"
inline std::string capability(const backend::cuda_device& device) {
  return std::to_string(device.major) + "." + std::to_string(device.minor);
}

/// "cuda:0, NVIDIA H200"
inline std::string title(const backend::cuda_device& device) {
  return "cuda:" + std::to_string(device.index) + ", " + device.name;
}

/// True if code compiled for `architectures` runs on the device. The words are CMake's: "80" is
/// code for 8.0 that the driver can translate for whatever came later, "80-real" runs on 8.x alone,
/// and "90a" on 9.0 alone.
inline bool covered(const std::string& architectures, const backend::cuda_device& device) {
  std::istringstream words(architectures);
  const int own = 10 * device.major + device.minor;
  bool any = false;
  for (std::string word; words >> word; any = true) {
    int number = 0;
    const char* end = word.data() + word.size();
    const std::string_view rest(std::from_chars(word.data(), end, number).ptr, end);
    if (number == 0) return true;  // all, all-major, native: any device may be meant
    const bool one_family = rest.starts_with('f') || rest == "-real";
    const bool runs = rest.starts_with('a') ? own == number
                      : one_family          ? own >= number && own / 10 == number / 10
                                            : own >= number;
    if (runs) return true;
  }
  return !any;  // a build that does not say is believed
}

/// Where the run computes; `here` is nothing in a build without CUDA. Throws error::usage where
/// --device asks for what is not there.
inline placement place(const train_options& o, const std::optional<backend::cuda_state>& here) {
  const std::string cpu = "cpu, backend " + written(o, "backend");
  if (o.device == choice::device::cpu || o.backend != choice::backend::eigen || o.ranks > 1) {
    return {{}, cpu};
  }

  const bool asked = o.device == choice::device::cuda;
  const auto given = [&o](const char* name) {
    return std::string(name) + ": " + written(o, name) +
           (o.from.has(name) ? " (from " + o.from.of(name) + ")" : " (of the run to go on with)");
  };
  if (!here) {
    if (!asked) return {{}, cpu};
    throw error::usage(given("device") +
                       " is not in this build, which computes on the CPU; give --device cpu, "
                       "or build with -DTRIPTYCH_WITH_CUDA=ON");
  }
  const auto without = [&](const std::string& problem, const std::string& advice) -> placement {
    if (!asked) return {{}, cpu + "; CUDA cannot be used: " + problem};
    throw error::usage(given("device") + " cannot be used: " + problem + "; give " + advice);
  };
  if (here->devices.empty()) return without(here->problem, "--device cpu, or see triptych doctor");
  const auto meant = [&](const backend::cuda_device& d) {
    return !asked || d.index == o.device_index;
  };
  const auto first = std::find_if(here->devices.begin(), here->devices.end(), meant);
  if (first == here->devices.end()) {
    return without("the devices here are " + joined(here->devices, title, "; "),
                   "--device cuda:" + std::to_string(here->devices.front().index));
  }
  const auto chosen = std::find_if(first, here->devices.end(), [&](const auto& d) {
    return meant(d) && covered(here->architectures, d);
  });
  if (chosen == here->devices.end()) {
    return without(title(*first) + ", has compute capability " + capability(*first) +
                       " and this build is for " + here->architectures,
                   "--device cpu, or build with -DCMAKE_CUDA_ARCHITECTURES=" +
                       std::to_string(10 * first->major + first->minor));
  }
  if (o.conv_engine == backend::cuda_convolution::cudnn && here->cudnn == 0) {
    throw error::usage(given("conv-engine") +
                       " is not in this build or not on this machine; give --conv-engine gemm, or "
                       "build with -DTRIPTYCH_WITH_CUDNN=ON");
  }
  return {chosen->index, title(*chosen) + ", products in " + written(o, "precision")};
}

/// Where the run computes, after a look at this machine.
inline placement placed(const train_options& o) {
  const bool asks =
      o.device != choice::device::cpu && o.backend == choice::backend::eigen && o.ranks == 1;
  placement where = place(o, asks ? cuda_here() : std::nullopt);
  if (!where.cuda && o.backend == choice::backend::eigen && o.convolution == "bf16") {
    convolution::bf16_products<>::need();
  }
  return where;
}

/// What was given and means nothing where the run computes.
inline std::vector<std::string> without_effect_there(const train_options& o,
                                                     const placement& where) {
  const train_options usual;
  const bool reference = o.backend == choice::backend::reference;
  const std::pair<const char*, bool> unused[]{
      {"convolution", (where.cuda || reference) && o.convolution != usual.convolution},
      {"precision", !where.cuda && o.precision != usual.precision},
      {"conv-engine", !where.cuda && o.conv_engine != usual.conv_engine},
      {"resident", !where.cuda && o.resident != usual.resident},
      {"graph", !where.cuda && o.graph != usual.graph}};
  std::vector<std::string> list;
  for (const auto& [name, given] : unused) {
    if (!given || !o.from.has(name)) continue;
    list.push_back(std::string(name) + " (from " + o.from.of(name) + ") means nothing on " +
                   (where.cuda  ? "CUDA"
                    : reference ? "the backend reference"
                                : "the CPU"));
  }
  return list;
}

}  // namespace triptych::app
