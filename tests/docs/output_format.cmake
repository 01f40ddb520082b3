# cmake -DAPP= -DREADME= -DRUN= -P output_format.cmake
#
# Trains and evaluates a tiny encoder in RUN, makes its page, and compares the form of the output with the
# block of the README that shows the demo's: every line there must be printed, in that order; numbers,
# units, the width of blanks and the place of the run may differ.
cmake_minimum_required(VERSION 3.25)

execute_process(
  COMMAND ${APP} train --data procedural --procedural-train 64 --procedural-test 32 --width 2
          --blocks 1,1,1,1 --head 16,16 --predictor-hidden 8 --queue 64 --batch 16 --epochs 1
          --seed 1 --threads 1 --out ${RUN} --overwrite
  OUTPUT_VARIABLE trained COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${APP} eval ${RUN} --protocol logistic,knn --threads 1
                OUTPUT_VARIABLE evaluated COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${APP} report ${RUN} --out ${RUN}/report.html --threads 1
                OUTPUT_VARIABLE reported COMMAND_ERROR_IS_FATAL ANY)

function(form_of text result)
  string(REPLACE "${RUN}" "runs/demo" text "${text}")
  string(REGEX REPLACE "[0-9]+([.][0-9]+)?(e[-+]?[0-9]+)?" "#" text "${text}")
  string(REGEX REPLACE "# [KM]iB" "# MiB" text "${text}")
  string(REGEX REPLACE " +" " " text "${text}")
  string(REGEX REPLACE " *\n+" "\n" text "${text}")
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

file(READ ${README} readme)
if(NOT readme MATCHES "<!-- output of the demo[^\n]*\n```text\n([^`]*)```")
  message(FATAL_ERROR "${README}: there is no block with the output of the demo")
endif()
form_of("${CMAKE_MATCH_1}" expected)
form_of("${trained}${evaluated}${reported}" printed)
string(FIND "${printed}" "${expected}" position)
if(position LESS 0)
  message(FATAL_ERROR "The README shows\n${expected}\nbut the app prints\n${printed}")
endif()
