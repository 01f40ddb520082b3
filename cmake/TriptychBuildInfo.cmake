# The object library `triptych_build_info` defines what apps/triptych/build_info.hpp declares. The
# commit is looked up at every build; only this file is compiled again when it has changed.
#
# This file is also the script that does so (cmake -P).
cmake_minimum_required(VERSION 3.25)

if(CMAKE_SCRIPT_MODE_FILE)
  set(commit "unknown")
  find_package(Git QUIET)
  if(GIT_FOUND)
    execute_process(COMMAND ${GIT_EXECUTABLE} describe --always --dirty --abbrev=12
                    WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE described ERROR_QUIET
                    OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(described)
      set(commit ${described})
    endif()
  endif()
  file(CONFIGURE OUTPUT ${UNIT} @ONLY CONTENT [[
// Written by cmake/TriptychBuildInfo.cmake.
#include "triptych/build_info.hpp"

namespace triptych::app {

const char* const build_commit = "@commit@";
const char* const build_compiler = "@COMPILER@";
const char* const build_flags = "@FLAGS@";

}  // namespace triptych::app
]])
  return()
endif()
include_guard(GLOBAL)

string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
set(flags "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}}")
if(TRIPTYCH_ARCH)
  string(APPEND flags " -march=${TRIPTYCH_ARCH}")
endif()
if(TRIPTYCH_SANITIZE)
  string(APPEND flags " -fsanitize=${TRIPTYCH_SANITIZE}")
endif()
string(STRIP "${flags}" flags)

set(unit ${PROJECT_BINARY_DIR}/generated/build_info.cpp)
add_custom_target(triptych_look_up_commit
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DUNIT=${unit}
          "-DCOMPILER=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}" "-DFLAGS=${flags}"
          -P ${CMAKE_CURRENT_LIST_FILE}
  BYPRODUCTS ${unit}
  COMMENT "Looking up the commit"
  VERBATIM)
add_library(triptych_build_info OBJECT ${unit})
add_dependencies(triptych_build_info triptych_look_up_commit)
target_include_directories(triptych_build_info PRIVATE ${PROJECT_SOURCE_DIR}/apps)
target_compile_features(triptych_build_info PRIVATE cxx_std_20)
