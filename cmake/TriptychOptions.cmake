# Everything that a user may choose. Programs are built only when triptych is the top-level project.
option(TRIPTYCH_BUILD_APPS "Build the app triptych and its ablation builds" ${PROJECT_IS_TOP_LEVEL})
option(TRIPTYCH_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(TRIPTYCH_BUILD_BENCH "Build the benchmarks, where Google Benchmark is found"
       ${PROJECT_IS_TOP_LEVEL})
option(TRIPTYCH_BUILD_DOCS "Add the target `docs` (Doxygen)" OFF)
option(TRIPTYCH_BUILD_COMPILED "Build and install triptych::compiled, whether or not something here links it"
       ${PROJECT_IS_TOP_LEVEL})
option(TRIPTYCH_INSTALL "Add the install rules" ${PROJECT_IS_TOP_LEVEL})
option(TRIPTYCH_FETCH_DEPENDENCIES "Download the dependencies that find_package does not find" OFF)

foreach(format IN ITEMS JPEG PNG WEBP)
  set(TRIPTYCH_WITH_${format} AUTO CACHE STRING "Read ${format} images: AUTO, ON or OFF")
  set_property(CACHE TRIPTYCH_WITH_${format} PROPERTY STRINGS AUTO ON OFF)
endforeach()

set(TRIPTYCH_WITH_CUDA AUTO CACHE STRING
    "Compile the CUDA backend for our own programs: AUTO (where there is nvcc), ON or OFF")
set_property(CACHE TRIPTYCH_WITH_CUDA PROPERTY STRINGS AUTO ON OFF)
set(TRIPTYCH_WITH_CUDNN AUTO CACHE STRING "Let the CUDA backend use cuDNN: AUTO, ON or OFF")
set_property(CACHE TRIPTYCH_WITH_CUDNN PROPERTY STRINGS AUTO ON OFF)
set(TRIPTYCH_WITH_THRUST AUTO CACHE STRING
    "Test the device backend on the host, with Thrust's headers: AUTO, ON or OFF")
set_property(CACHE TRIPTYCH_WITH_THRUST PROPERTY STRINGS AUTO ON OFF)

# Not unless asked: its libraries are a part of every start of the app, also where one process is enough.
set(TRIPTYCH_WITH_MPI OFF CACHE STRING
    "Let the app run as processes that mpirun has started: AUTO (where MPI is found), ON or OFF")
set_property(CACHE TRIPTYCH_WITH_MPI PROPERTY STRINGS AUTO ON OFF)

set(TRIPTYCH_ARCH "" CACHE STRING
    "Value of -march for our own programs: native, x86-64-v3, ...; empty for the compiler's default")
set(TRIPTYCH_INSTRUCTION_SETS "" CACHE STRING
    "Instruction sets that the compiled library has kernels for, chosen when a program starts, instead of TRIPTYCH_ARCH: any of sse2;avx2;avx512;amx")
set(TRIPTYCH_SANITIZE "" CACHE STRING
    "Value of -fsanitize for our own programs: address,undefined or thread; empty for none")
option(TRIPTYCH_FUZZ
  "Build tests/fuzz as fuzzers, with what reads files instrumented for them (clang)" OFF)

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo, or Check: see CMakePresets.json" FORCE)
  endif()
  find_program(CCACHE_PROGRAM ccache)
  mark_as_advanced(CCACHE_PROGRAM)
  if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  endif()
endif()
