# cmake -DROOT=<repository> -P include_order.cmake
#
# Fails on an #include of a triptych header that points up in order.txt, on one that names no file,
# on a folder that order.txt does not know, on a header that does not reach config.hpp, on one that speaks
# of the app's flags, on one whose products Eigen cuts as it likes, and on a test that includes the umbrella header.
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
  elseif(header MATCHES "^triptych/(config|version)\\.hpp$")
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

file(READ ${ROOT}/CONTRIBUTING.md guide)
foreach(folder IN LISTS order)
  if(NOT guide MATCHES "`${folder}/`")
    complain("CONTRIBUTING.md does not say what lies in ${folder}/; add its row")
  endif()
endforeach()

file(GLOB_RECURSE headers RELATIVE ${include} ${include}/triptych/*.hpp ${include}/triptych/*.cuh)
foreach(header IN LISTS headers)
  rank_of(${header} rank)
  if(rank LESS 0)
    complain("${header}: its folder is missing from tests/architecture/order.txt; add it there")
  endif()
  included_by(${include}/${header} targets)
  set(includes_of_${header} ${targets})
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

# Headers that include a guarded one are guarded, until a turn finds no more.
set(guarded triptych/config.hpp)
set(before)
while(NOT "${before}" STREQUAL "${guarded}")
  set(before ${guarded})
  foreach(header IN LISTS headers)
    foreach(target IN LISTS includes_of_${header})
      if(target IN_LIST guarded AND NOT header IN_LIST guarded)
        list(APPEND guarded ${header})
      endif()
    endforeach()
  endforeach()
endwhile()
foreach(header IN LISTS headers)
  if(NOT header IN_LIST guarded)
    complain("${header} does not include <triptych/config.hpp>, itself or through another header, and \
so can be used in a build without NaN checks; include it")
  endif()
endforeach()

# The library names a setting in backquotes; how a program calls it is the program's affair.
foreach(header IN LISTS headers)
  file(STRINGS ${include}/${header} lines REGEX "\"[^\"]*--[a-z][a-z]|//.*[ `(]--[a-z][a-z]")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "--[a-z]+-->" "" named "${line}") # an arrow with a word
    if(named MATCHES "\"[^\"]*--[a-z][a-z]|//.*[ `(]--[a-z][a-z]" AND NOT line MATCHES "mpirun")
      complain("${header} names a flag of the app: ${line}; write `batch` for --batch")
    endif()
  endforeach()
endforeach()

# The bits of Eigen's products follow the caches of the machine, unless they are told (design record 2).
foreach(header IN LISTS headers)
  file(STRINGS ${include}/${header} lines REGEX "Eigen::.*(Matrix|Array)|fix_eigen_blocking\\(\\);")
  if(lines AND NOT lines MATCHES "fix_eigen_blocking")
    complain("${header} has matrices of Eigen's and does not call fix_eigen_blocking(); call it where they are multiplied")
  endif()
endforeach()

file(GLOB_RECURSE tests RELATIVE ${ROOT} ${ROOT}/tests/*.cpp)
foreach(test IN LISTS tests)
  included_by(${ROOT}/${test} targets)
  if("triptych/triptych.hpp" IN_LIST targets)
    complain("${test} includes the umbrella header; include what it tests")
  endif()
endforeach()

if(failures)
  message(FATAL_ERROR "${failures} faults")
endif()
