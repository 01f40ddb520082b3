# cmake -DROOT=<repository> -P include_order.cmake
#
# Fails on an #include of a triptych header that points up in order.txt, on one that names no file,
# on a folder that order.txt does not know, and on a test that includes the umbrella header.
cmake_minimum_required(VERSION 3.25)
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/order.txt order REGEX "^[a-z]")
set(include ${ROOT}/include)
set(failures 0)

macro(complain text)
  message(NOTICE "${text}")
  math(EXPR failures "${failures} + 1")
endmacro()

# The position of a header's folder in the order.
function(rank_of header result)
  if(header MATCHES "^triptych/([^/]+/[^/]+)/" AND CMAKE_MATCH_1 IN_LIST order)
    list(FIND order ${CMAKE_MATCH_1} rank)
  elseif(header MATCHES "^triptych/([^/]+)/")
    list(FIND order ${CMAKE_MATCH_1} rank)
  elseif(header MATCHES "^triptych/(config|version|fwd)\\.hpp$")
    set(rank 0)
  else()
    list(LENGTH order rank)
  endif()
  set(${result} ${rank} PARENT_SCOPE)
endfunction()

function(included_by file result)
  file(STRINGS ${file} lines REGEX "^ *# *include +<triptych/")
  list(TRANSFORM lines REPLACE ".*<(triptych/[^>]+)>.*" "\\1")
  set(${result} ${lines} PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE headers RELATIVE ${include} ${include}/triptych/*.hpp)
foreach(header IN LISTS headers)
  rank_of(${header} rank)
  if(rank LESS 0)
    complain("${header}: its folder is missing from tests/architecture/order.txt; add it there")
  endif()
  included_by(${include}/${header} targets)
  foreach(target IN LISTS targets)
    rank_of(${target} target_rank)
    if(NOT EXISTS ${include}/${target})
      complain("${header} includes ${target}, which does not exist")
    elseif(target_rank GREATER rank)
      complain("${header} includes ${target}, which tests/architecture/order.txt puts above it; move \
what both need to the lower folder")
    endif()
  endforeach()
endforeach()

file(GLOB_RECURSE tests RELATIVE ${ROOT} ${ROOT}/tests/*.cpp)
foreach(test IN LISTS tests)
  included_by(${ROOT}/${test} targets)
  if("triptych/triptych.hpp" IN_LIST targets)
    complain("${test} includes the umbrella header; include what it tests")
  endif()
endforeach()

if(failures)
  message(FATAL_ERROR "${failures} wrong includes")
endif()
