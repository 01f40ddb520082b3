# cmake -DSOURCE= -DCOMPILER= -DINCLUDE= -DEIGEN= -P must_fail.cmake
cmake_minimum_required(VERSION 3.25)
file(READ ${SOURCE} text)
if(NOT text MATCHES "^// expect: ([^\n]+)\n")
  message(FATAL_ERROR "${SOURCE}: the first line must be `// expect: <text of the message>`")
endif()
set(expected "${CMAKE_MATCH_1}")

execute_process(
  COMMAND ${COMPILER} -std=c++20 -I ${INCLUDE} -isystem ${EIGEN} -c ${SOURCE} -o /dev/null
  RESULT_VARIABLE result ERROR_VARIABLE message OUTPUT_VARIABLE message)
if(result EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiled; it must be refused with: ${expected}")
endif()
string(FIND "${message}" "${expected}" position)
if(position LESS 0)
  message(FATAL_ERROR "${SOURCE} was refused without the words: ${expected}\n${message}")
endif()
