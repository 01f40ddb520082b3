// triptych/backend/cpu/instruction_set_inl.hpp
//
// The bodies of instruction_set.hpp.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include <triptych/backend/cpu/instruction_set.hpp>
#include <triptych/config.hpp>

#if defined(TRIPTYCH_SEVERAL_KERNELS)

#include <cpuid.h>

// What cmake/TriptychInstructionSets.cmake writes: the sets, from the smallest, and the table
// through which each call of a kernel jumps.
extern "C" {
[[gnu::visibility("hidden")]] extern const void* const* triptych_kernels;
}

namespace triptych::cpu::inline TRIPTYCH_ISA {

extern const kernel_set kernel_sets[];

namespace {

/// Whether this processor and its system have the set.
bool runs(std::string_view set) {
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (set == "sse2") return true;
  if (set == "avx2") return avx2;
  if (set == "avx512") return avx512;
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned tiles = 1u << 24, products = 1u << 22;  // of leaf 7
  return avx512 && __builtin_cpu_supports("avx512bf16") &&
         __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & tiles) != 0 && (d & products) != 0;
}

/// Chooses, and turns the jumps that way.
instruction_sets choose() {
  __builtin_cpu_init();
  instruction_sets found;
  std::string here;
  const char* const asked = std::getenv("TRIPTYCH_ISA");
  const kernel_set* chosen = kernel_sets;
  for (const kernel_set* set = kernel_sets; set->name != nullptr; ++set) {
    found.built.emplace_back(set->name);
    if (!runs(set->name)) continue;
    here += (here.empty() ? "" : ", ") + std::string(set->name);
    if (asked == nullptr || set->name == std::string_view(asked)) chosen = set;
  }
  found.used = chosen->name;
  if (asked != nullptr && found.used != asked) {
    found.problem = "TRIPTYCH_ISA is " + std::string(asked) +
                    ", for which there are no kernels here; give one of " + here;
  }
  triptych_kernels = chosen->functions;
  return found;
}

}  // namespace

const instruction_sets& kernels() {
  static const instruction_sets chosen = choose();
  return chosen;
}

}  // namespace triptych::cpu::inline TRIPTYCH_ISA

#else

namespace triptych::cpu::inline TRIPTYCH_ISA {

namespace detail {

/// That of the compiler's flags.
inline constexpr const char* own_instruction_set =
#if defined(__AMX_BF16__) && defined(__AVX512F__)
    "amx";
#elif defined(__AVX512F__)
    "avx512";
#elif defined(__AVX2__) && defined(__FMA__)
    "avx2";
#elif defined(__SSE2__)
    "sse2";
#else
    "the compiler's";
#endif

}  // namespace detail

TRIPTYCH_INLINE const instruction_sets& kernels() {
  static const instruction_sets one = [] {
    const std::string own(detail::own_instruction_set);
    instruction_sets found{{own}, own};
    const char* const asked = std::getenv("TRIPTYCH_ISA");
    if (asked != nullptr && found.used != asked) {
      found.problem = "TRIPTYCH_ISA is " + std::string(asked) +
                      ", and this build has kernels for " + found.used +
                      " alone; unset it, or take a build by the preset portable";
    }
    return found;
  }();
  return one;
}

}  // namespace triptych::cpu::inline TRIPTYCH_ISA

#endif
