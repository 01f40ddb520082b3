# The target `triptych_build_info` keeps <build>/generated/build_info.hpp true at every build: what
# `triptych --version` says about the commit, the compiler and its flags.
#
# The same file is the script that writes the header (cmake -P).
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
  file(CONFIGURE OUTPUT ${HEADER} @ONLY CONTENT [[
// Written at every build by cmake/TriptychBuildInfo.cmake.
#pragma once

namespace triptych::app {

inline constexpr char build_commit[] = "@commit@";
inline constexpr char build_compiler[] = "@COMPILER@";
inline constexpr char build_flags[] = "@FLAGS@";

}  // namespace triptych::app
]])
  return()
endif()

string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
set(flags "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}}")
if(TRIPTYCH_ARCH)
  string(APPEND flags " -march=${TRIPTYCH_ARCH}")
endif()
if(TRIPTYCH_SANITIZE)
  string(APPEND flags " -fsanitize=${TRIPTYCH_SANITIZE}")
endif()
string(STRIP "${flags}" flags)

set(header ${PROJECT_BINARY_DIR}/generated/build_info.hpp)
add_custom_target(triptych_build_info
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DHEADER=${header}
          "-DCOMPILER=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}" "-DFLAGS=${flags}"
          -P ${CMAKE_CURRENT_LIST_FILE}
  BYPRODUCTS ${header}
  COMMENT "Looking at the commit"
  VERBATIM)
