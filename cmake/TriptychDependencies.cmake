# The dependencies: the system's where find_package finds one, else, and only when the user asks with
# TRIPTYCH_FETCH_DEPENDENCIES, a download at a pinned release.
#
#   core headers          Eigen
#   io headers            nlohmann-json, xxhash (header-only use); JPEG, PNG, WebP optional
#   app                   CLI11
#   tests                 Catch2 (2.13 or 3)
#   app on several hosts  MPI; optional
#   device backend        Thrust: a CUDA Toolkit's, or Debian's libthrust-dev; optional
#   CUDA backend          CUDA Toolkit, cuDNN; optional (TriptychCuda.cmake)
#   operation benchmarks  Google Benchmark, optional
include(FetchContent)

# triptych_need(<package> <version> <what for> <Debian package> <git repository> <tag>)
macro(triptych_need package version purpose debian repository tag)
  find_package(${package} ${version} QUIET)
  if(NOT ${package}_FOUND)
    if(NOT TRIPTYCH_FETCH_DEPENDENCIES)
      message(FATAL_ERROR
        "triptych: ${purpose} needs ${package}, which was not found. Install it (Debian: apt-get "
        "install ${debian}) or configure with -DTRIPTYCH_FETCH_DEPENDENCIES=ON to download it.")
    endif()
    FetchContent_Declare(${package} GIT_REPOSITORY ${repository} GIT_TAG ${tag} GIT_SHALLOW ON
                         SYSTEM FIND_PACKAGE_ARGS)
    FetchContent_MakeAvailable(${package})
  endif()
endmacro()

triptych_need(Eigen3 3.4 "the library" libeigen3-dev https://gitlab.com/libeigen/eigen.git 3.4.0)

# The io headers are there for whoever has their dependencies; our own programs need them.
find_package(nlohmann_json 3.10 QUIET)
find_package(xxhash QUIET)
if(TRIPTYCH_BUILD_APPS OR TRIPTYCH_BUILD_TESTS)
  triptych_need(nlohmann_json 3.10 "the io part" nlohmann-json3-dev
                https://github.com/nlohmann/json.git v3.11.2)
  if(NOT xxhash_FOUND AND TRIPTYCH_FETCH_DEPENDENCIES)
    FetchContent_Declare(xxhash_source GIT_REPOSITORY https://github.com/Cyan4973/xxHash.git
                         GIT_TAG v0.8.1 GIT_SHALLOW ON SOURCE_SUBDIR no_build_wanted)
    FetchContent_MakeAvailable(xxhash_source)
    set(xxhash_INCLUDE_DIR ${xxhash_source_SOURCE_DIR})
  endif()
  find_package(xxhash QUIET)
  if(NOT xxhash_FOUND)
    message(FATAL_ERROR
      "triptych: the io part needs xxhash.h, which was not found. Install it (Debian: apt-get "
      "install libxxhash-dev) or configure with -DTRIPTYCH_FETCH_DEPENDENCIES=ON to download it.")
  endif()
endif()

set(triptych_image_formats)
# triptych_may_use(<package> <option> [<version>]): finds a package whose option is AUTO or ON.
macro(triptych_may_use package option)
  if(TRIPTYCH_WITH_${option} STREQUAL "AUTO")
    find_package(${package} ${ARGN} QUIET)
  elseif(TRIPTYCH_WITH_${option})
    find_package(${package} ${ARGN} REQUIRED)
  endif()
endmacro()

triptych_may_use(Thrust THRUST)

foreach(format IN ITEMS JPEG PNG WEBP)
  triptych_may_use(${format} ${format})
  if(TRIPTYCH_WITH_${format} AND ${format}_FOUND)
    list(APPEND triptych_image_formats ${format})
  endif()
endforeach()

if(TRIPTYCH_BUILD_APPS)
  triptych_may_use(MPI MPI COMPONENTS CXX)
  triptych_need(CLI11 2.1 "the app" libcli11-dev https://github.com/CLIUtils/CLI11.git v2.1.2)
endif()
if(TRIPTYCH_BUILD_TESTS)
  triptych_need(Catch2 2.13 "the test suite" catch2 https://github.com/catchorg/Catch2.git v2.13.10)
endif()
if(TRIPTYCH_BUILD_BENCH)
  find_package(benchmark QUIET)
  if(NOT benchmark_FOUND)
    message(STATUS "triptych: no operation benchmarks, Google Benchmark (libbenchmark-dev) not found")
  endif()
endif()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
