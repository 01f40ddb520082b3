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

elseif(WAY STREQUAL "add_subdirectory")
  build_consumer()

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

else()
  message(FATAL_ERROR "unknown way: ${WAY}")
endif()
