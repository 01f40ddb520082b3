# cmake -DWAY= -DSOURCE= -DBUILD= -DWORK= -DPREFIX= -DCOMPILER= -DVERSION= -DEIGEN= -P package_test.cmake
#
# Uses the library as a stranger would, in the way named by WAY.
cmake_minimum_required(VERSION 3.25)
set(consumer ${SOURCE}/tests/package/consumer)
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${WORK} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Configures the consumer with the given options, builds it and runs what it built.
function(build_consumer)
  run(${CMAKE_COMMAND} -S ${consumer} -B ${WORK} -DCMAKE_CXX_COMPILER=${COMPILER} -DWAY=${WAY}
      -DSOURCE=${SOURCE} -DVERSION=${VERSION} ${ARGN})
  run(${CMAKE_COMMAND} --build ${WORK})
  run(${WORK}/core)
  run(${WORK}/io)
endfunction()

if(WAY STREQUAL "install")
  file(REMOVE_RECURSE ${PREFIX})
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX})

elseif(WAY STREQUAL "find_package")
  build_consumer(-DCMAKE_PREFIX_PATH=${PREFIX})
  run(${WORK}/core_compiled)
  run(${WORK}/io_compiled)

elseif(WAY STREQUAL "add_subdirectory")
  build_consumer(-DCMAKE_BUILD_TYPE=None)  # one set of flags for library and programs
  execute_process(COMMAND ${WORK}/bits OUTPUT_VARIABLE of_headers COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${WORK}/bits_compiled OUTPUT_VARIABLE of_compiled COMMAND_ERROR_IS_FATAL ANY)
  if(NOT of_headers MATCHES "winograd2" OR NOT of_headers STREQUAL of_compiled)
    message(FATAL_ERROR "header-only and compiled, the bits differ:\n${of_headers}${of_compiled}")
  endif()

elseif(WAY STREQUAL "fetch_content")
  build_consumer(-DFETCHCONTENT_FULLY_DISCONNECTED=ON -DFETCHCONTENT_SOURCE_DIR_TRIPTYCH=${SOURCE})

elseif(WAY STREQUAL "pkg_config")
  set(ENV{PKG_CONFIG_PATH} ${PREFIX}/share/pkgconfig)
  execute_process(COMMAND pkg-config --cflags --libs triptych
                  OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE
                  COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run(${COMPILER} -std=c++20 ${consumer}/core.cpp -o core ${flags})
  run(${WORK}/core)

elseif(WAY STREQUAL "copied")
  file(COPY ${SOURCE}/include DESTINATION ${WORK})
  run(${COMPILER} -std=c++20 -I include -I ${EIGEN} ${consumer}/core.cpp -o core -pthread)
  run(${WORK}/core)

elseif(WAY STREQUAL "wrong_version")
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${consumer} -B ${WORK} -DCMAKE_CXX_COMPILER=${COMPILER}
            -DWAY=find_package -DVERSION=0.999 -DCMAKE_PREFIX_PATH=${PREFIX}
    RESULT_VARIABLE result ERROR_VARIABLE message OUTPUT_QUIET)
  if(result EQUAL 0 OR NOT message MATCHES "not accepted")
    message(FATAL_ERROR "find_package accepted version 0.999, or failed otherwise: ${message}")
  endif()

elseif(WAY STREQUAL "other_headers")
  file(GLOB_RECURSE library ${PREFIX}/libtriptych_compiled.a)
  file(COPY ${SOURCE}/include DESTINATION ${WORK})
  file(READ ${WORK}/include/triptych/version.hpp text)
  string(REGEX REPLACE "(VERSION_PATCH) [0-9]+" "\\1 999" text "${text}")
  file(WRITE ${WORK}/other/triptych/version.hpp "${text}")
  file(WRITE ${WORK}/program.cpp "#include <triptych/core/error.hpp>\nint main() {}\n")
  set(command ${COMPILER} -std=c++20 -DTRIPTYCH_COMPILED program.cpp ${library} -o program)
  run(${command} -I include)
  execute_process(COMMAND ${command} -I other -I include WORKING_DIRECTORY ${WORK}
                  RESULT_VARIABLE result ERROR_VARIABLE message)
  if(result EQUAL 0 OR NOT message MATCHES "compiled_library_of_version<[0-9]+, [0-9]+, 999>")
    message(FATAL_ERROR "the library links with headers of another version, or fails otherwise: ${message}")
  endif()

elseif(WAY STREQUAL "instruction_sets")
  set(command ${COMPILER} -std=c++20 -O1 -I ${SOURCE}/include)
  run(${command} -DNAME=base -c ${consumer}/kernels.cpp -o base.o)
  run(${command} -DNAME=avx2 -mavx2 -mfma -c ${consumer}/kernels.cpp -o avx2.o)
  foreach(order IN ITEMS base avx2 base_avx2 avx2_base)
    string(REGEX REPLACE "[a-z0-9]+" "\\0.o" objects ${order})
    string(REPLACE "_" ";" objects ${objects})
    run(${command} ${consumer}/kernels_main.cpp ${objects} -pthread -o ${order})
  endforeach()
  file(READ /proc/cpuinfo processor)
  if(NOT processor MATCHES " fma .* avx2 ")
    message(STATUS "no AVX2 here, so nothing is run")
    return()
  endif()
  foreach(order IN ITEMS base avx2 base_avx2 avx2_base)
    execute_process(COMMAND ${WORK}/${order} OUTPUT_VARIABLE bits_${order} COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
  set(alone ${bits_base}${bits_avx2})
  if(NOT bits_base_avx2 STREQUAL alone OR NOT bits_avx2_base STREQUAL alone)
    message(FATAL_ERROR "alone:\n${alone}together:\n${bits_base_avx2}${bits_avx2_base}The bits differ.")
  endif()
  string(REPLACE "avx2" "base" same "${bits_avx2}")
  if(same STREQUAL bits_base)
    message(FATAL_ERROR "Both instruction sets give the same bits, so that nothing was compared: ${alone}")
  endif()

else()
  message(FATAL_ERROR "unknown way: ${WAY}")
endif()
