// triptych/config.hpp
//
// The library's only macros: they mark functors that also run on a device, write out short loops
// whose arrays are to live in registers, let loops be vectorized, and refuse builds whose
// arithmetic cannot be trusted, and say where the bodies of functions are and for which instruction
// set kernels are compiled. Every header includes this one, itself or through another, so that none
// can be used in such a build.
#pragma once

// Flags by what they do, for -ffast-math has many parts and __FAST_MATH__ is there only if all are.
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ != 0)
#error                                                                                             \
    "triptych: -ffinite-math-only, a part of -ffast-math, removes the NaN checks that stop a diverged run; build without it"
#elif defined(__ASSOCIATIVE_MATH__)
#error                                                                                             \
    "triptych: -fassociative-math takes numbers in two parts, such as those of portable_exp, for one; build without it"
#endif

// Where the bodies are: TRIPTYCH_COMPILED, which the CMake target triptych::compiled defines, says
// in a library that is linked; without it headers include those of a `<name>.hpp`, from
// `<name>_inl.hpp`.
#ifdef TRIPTYCH_COMPILED
#define TRIPTYCH_INLINE
#else
#define TRIPTYCH_INLINE inline
#endif

// The instruction set that kernels are compiled for, in the names of all that holds them: objects
// of one program that are compiled for several sets each keep their own. In a library there is one.
#if defined(TRIPTYCH_COMPILED)
#define TRIPTYCH_ISA compiled
#elif defined(__AMX_BF16__) && defined(__AVX512F__)
#define TRIPTYCH_ISA isa_amx
#elif defined(__AVX512F__)
#define TRIPTYCH_ISA isa_avx512
#elif defined(__AVX2__) && defined(__FMA__)
#define TRIPTYCH_ISA isa_avx2_fma
#elif defined(__AVX__)
#define TRIPTYCH_ISA isa_avx
#elif defined(__SSE4_2__)
#define TRIPTYCH_ISA isa_sse4
#else
#define TRIPTYCH_ISA isa_base
#endif

// What this function calls becomes a part of it, and so of its name.
#define TRIPTYCH_FLATTEN [[gnu::flatten]]

#if defined(__CUDACC__)
#define TRIPTYCH_HOST_DEVICE __host__ __device__
#else
#define TRIPTYCH_HOST_DEVICE
#endif

// Before a loop with constant bounds: the compiler writes out every turn of it.
#if defined(__clang__)
#define TRIPTYCH_UNROLL _Pragma("clang loop unroll(full)")
#else
#define TRIPTYCH_UNROLL _Pragma("GCC unroll 32")
#endif

// Before a loop over as many numbers as a thread works on side by side. g++ would write out sixteen
// turns as scalar code before it thinks of vectors.
#if defined(__clang__) || defined(__CUDACC__)
#define TRIPTYCH_LANES
#else
#define TRIPTYCH_LANES _Pragma("GCC unroll 1")
#endif

// Before a loop whose turns do not depend on each other. clang checks for overlap at run time.
#if defined(__clang__)
#define TRIPTYCH_INDEPENDENT
#else
#define TRIPTYCH_INDEPENDENT _Pragma("GCC ivdep")
#endif

#ifdef TRIPTYCH_COMPILED
#include <triptych/version.hpp>  // checks that the library which is linked is that of the headers
#endif
