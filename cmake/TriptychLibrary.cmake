# The library's targets. A header that needs more than Eigen, itself or through another header, belongs to
# triptych::io, or to triptych::thrust_host if what it needs is Thrust; all others to triptych::triptych.
set(triptych_include ${CMAKE_CURRENT_SOURCE_DIR}/include)
file(GLOB_RECURSE triptych_core_headers CONFIGURE_DEPENDS ${triptych_include}/triptych/*.hpp)

# triptych_take_headers(<list> <what they include>): moves headers over from the core's until none of
# those includes any of the list's.
macro(triptych_take_headers list beyond)
  set(${list})
  set(triptych_beyond "${beyond}")
  set(triptych_moved TRUE)
  while(triptych_moved)
    set(triptych_moved FALSE)
    foreach(header IN LISTS triptych_core_headers)
      file(STRINGS ${header} found REGEX "^#include <(${triptych_beyond})" LIMIT_COUNT 1)
      if(found)
        file(RELATIVE_PATH name ${triptych_include} ${header})
        list(APPEND ${list} ${header})
        list(REMOVE_ITEM triptych_core_headers ${header})
        string(APPEND triptych_beyond "|${name}")
        set(triptych_moved TRUE)
      endif()
    endforeach()
  endwhile()
endmacro()
triptych_take_headers(triptych_thrust_headers "thrust/")
triptych_take_headers(triptych_cudnn_headers "cudnn\\.h")
triptych_take_headers(triptych_mpi_headers "mpi\\.h")
triptych_take_headers(triptych_io_headers "nlohmann/|xxhash\\.h|jpeglib\\.h|png\\.h")

add_library(triptych INTERFACE)
add_library(triptych::triptych ALIAS triptych)
target_compile_features(triptych INTERFACE cxx_std_20)
target_link_libraries(triptych INTERFACE Eigen3::Eigen Threads::Threads)
target_sources(triptych INTERFACE
  FILE_SET HEADERS BASE_DIRS ${triptych_include} FILES ${triptych_core_headers})

set(triptych_targets triptych)
if(TARGET nlohmann_json::nlohmann_json AND TARGET xxhash::xxhash)
  add_library(triptych_io INTERFACE)
  add_library(triptych::io ALIAS triptych_io)
  set_target_properties(triptych_io PROPERTIES EXPORT_NAME io)
  target_link_libraries(triptych_io INTERFACE
    triptych nlohmann_json::nlohmann_json xxhash::xxhash)
  target_sources(triptych_io INTERFACE
    FILE_SET HEADERS BASE_DIRS ${triptych_include} FILES ${triptych_io_headers})
  foreach(format IN LISTS triptych_image_formats)
    target_link_libraries(triptych_io INTERFACE ${format}::${format})
    target_compile_definitions(triptych_io INTERFACE TRIPTYCH_HAS_${format}=1)
  endforeach()
  list(APPEND triptych_targets triptych_io)
endif()

# How bodies are compiled: those of a library, and its kernels for each of several instruction sets.
function(triptych_compile_bodies target)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON UNITY_BUILD OFF)
  target_compile_definitions(${target} PRIVATE EIGEN_DONT_PARALLELIZE)
  # Whoever names no build type debugs his own program, and does not want to wait for our loops.
  target_compile_options(${target} PRIVATE $<$<CONFIG:>:-O2>)
endfunction()

include(TriptychInstructionSets)

# triptych_add_compiled(<target> <export name> <headers> <libraries>...): <libraries> with the bodies of the
# headers that are called `<name>_inl.hpp` compiled once, each by a source of its own; the others then only
# declare (TRIPTYCH_COMPILED). Built where something links it, or always with TRIPTYCH_BUILD_COMPILED.
function(triptych_add_compiled target export_name headers)
  list(FILTER headers INCLUDE REGEX "_inl\\.hpp$")
  if(NOT headers)
    return()
  endif()
  set(sources)
  set(kernels)
  foreach(header IN LISTS headers)
    file(RELATIVE_PATH body ${triptych_include} ${header})
    string(REGEX REPLACE "_inl\\.hpp$" ".cpp" source ${PROJECT_BINARY_DIR}/compiled/${body})
    file(CONFIGURE OUTPUT ${source} CONTENT "#include <${body}>\n" @ONLY)
    if(TRIPTYCH_INSTRUCTION_SETS AND body MATCHES "/(backend/cpu|augment|eval)/|eigen_blocking"
        AND NOT body MATCHES "/(any|instruction_set)_inl")
      list(APPEND kernels ${source})
    else()
      list(APPEND sources ${source})
    endif()
  endforeach()
  set(unless_linked EXCLUDE_FROM_ALL)
  if(TRIPTYCH_BUILD_COMPILED)
    set(unless_linked)
  endif()
  add_library(${target} STATIC ${unless_linked} ${sources})
  add_library(triptych::${export_name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${export_name})
  target_link_libraries(${target} PUBLIC ${ARGN})
  target_compile_definitions(${target} PUBLIC TRIPTYCH_COMPILED)
  triptych_compile_bodies(${target})
  if(kernels)
    triptych_kernels_for_sets(${target} "${kernels}")
  endif()
endfunction()

# triptych::compiled is triptych::triptych, triptych::compiled_io is triptych::io.
triptych_add_compiled(triptych_compiled compiled "${triptych_core_headers}" triptych)
if(TARGET triptych_io)
  triptych_add_compiled(triptych_compiled_io compiled_io "${triptych_io_headers}"
                        triptych_compiled triptych_io)
endif()

# The device backend on the host. Where nothing else is said, one thread runs its launches.
if(Thrust_FOUND)
  add_library(triptych_thrust_host INTERFACE)
  add_library(triptych::thrust_host ALIAS triptych_thrust_host)
  set_target_properties(triptych_thrust_host PROPERTIES EXPORT_NAME thrust_host)
  target_link_libraries(triptych_thrust_host INTERFACE triptych)
  target_sources(triptych_thrust_host INTERFACE
    FILE_SET HEADERS BASE_DIRS ${triptych_include} FILES ${triptych_thrust_headers})
  target_include_directories(triptych_thrust_host SYSTEM INTERFACE ${Thrust_INCLUDE_DIR})
  target_compile_definitions(triptych_thrust_host INTERFACE
    THRUST_HOST_SYSTEM=THRUST_HOST_SYSTEM_CPP
    THRUST_DEVICE_SYSTEM=THRUST_DEVICE_SYSTEM_$<IF:$<BOOL:$<TARGET_PROPERTY:TRIPTYCH_OPENMP>>,OMP,CPP>)
  list(APPEND triptych_targets triptych_thrust_host)
endif()

# `cmake --build <dir> --target all_verify_interface_header_sets` compiles every header alone.
set_target_properties(${triptych_targets} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
