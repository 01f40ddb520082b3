# cmake -DSOURCE= -DCOMPILER= -DID= -DINCLUDE= -DEIGEN= -P must_fail.cmake
cmake_minimum_required(VERSION 3.25)
file(READ ${SOURCE} text)
if(NOT text MATCHES "^// expect: ([^\n]+)\n")
  message(FATAL_ERROR "${SOURCE}: the first line must be `// expect: <text of the message>`")
endif()
set(expected "${CMAKE_MATCH_1}")
if(text MATCHES "\n// compiler: ([^\n]+)\n" AND NOT ID STREQUAL CMAKE_MATCH_1)
  return()  # another compiler has no such thing to refuse
endif()
string(REGEX MATCHALL "\n// flags: [^\n]+" ways "${text}") # each with others between " | "
list(TRANSFORM ways REPLACE "^\n// flags: " "")
string(REPLACE " | " ";" ways "${ways}")
if(ways STREQUAL "")
  set(ways " ")
endif()

foreach(flags IN LISTS ways)
  separate_arguments(list UNIX_COMMAND "${flags}")
  execute_process(
    COMMAND ${COMPILER} -std=c++20 ${list} -I ${INCLUDE} -isystem ${EIGEN} -c ${SOURCE} -o /dev/null
    RESULT_VARIABLE result ERROR_VARIABLE message OUTPUT_VARIABLE message)
  if(result EQUAL 0)
    message(FATAL_ERROR "${SOURCE} compiled with '${flags}'; it must be refused with: ${expected}")
  endif()
  string(FIND "${message}" "${expected}" position)
  if(position LESS 0)
    message(FATAL_ERROR "${SOURCE} with '${flags}' was refused without the words: ${expected}\n${message}")
  endif()
endforeach()
