// triptych/backend/cpu/instruction_set.hpp
//
// For which instruction sets the CPU kernels of this program are compiled, and which it uses. A
// build with TRIPTYCH_INSTRUCTION_SETS has several and takes the largest that the processor has, or
// the one that the environment variable TRIPTYCH_ISA names; any other build has one, that of
// -march.
//
//   sse2     every x86-64
//   avx2     with FMA: Intel since 2013, AMD since 2015
//   avx512   F, BW, CD, DQ, VL: Intel servers since 2017, AMD since 2022
//   amx      with AVX-512 BF16: Intel servers since 2023
//
// Sums are rounded with each multiplication or together with it (FMA), and in vectors of another
// width: two sets may differ in the last bits of a result. The same set gives the same bits on
// every processor.
#pragma once

#include <string>
#include <vector>

#include <triptych/config.hpp>

namespace triptych::cpu::inline TRIPTYCH_ISA {

struct instruction_sets {
  std::vector<std::string> built;  ///< from the smallest
  std::string used;
  std::string
      problem{};  ///< why it is not that of TRIPTYCH_ISA, one sentence; empty where all is well
};

/// What was chosen when the program started.
const instruction_sets& kernels();

/// A set of a build with several: its name and where its functions are.
struct kernel_set {
  const char* name;
  const void* const* functions;
};

}  // namespace triptych::cpu::inline TRIPTYCH_ISA

#ifndef TRIPTYCH_COMPILED
#include <triptych/backend/cpu/instruction_set_inl.hpp>
#endif
