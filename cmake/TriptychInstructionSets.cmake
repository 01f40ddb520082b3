# Kernels for several instruction sets in one library, of which a program takes the best that its processor
# has (backend/cpu/instruction_set.hpp).
#
# Each set is compiled as any library is, and its objects are linked into one, in which every function that
# others call gets the set's name behind its own, and everything else becomes local: nothing that was compiled
# for AVX-512 can serve a program that runs on a processor without. The functions' own names are of jumps
# through a table. This file is also the script that makes those (cmake -P).
cmake_minimum_required(VERSION 3.25)

if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(triptych_flags_sse2 -march=x86-64)
  set(triptych_flags_avx2 -march=x86-64-v3)
  set(triptych_flags_avx512 -march=x86-64-v4)
  set(triptych_flags_amx -march=x86-64-v4 -mavx512bf16 -mamx-tile -mamx-bf16)

  # triptych_kernels_for_sets(<target> <sources>): adds the sources to the target, once for each set.
  function(triptych_kernels_for_sets target sources)
    # Eigen's objects begin where the largest set wants them, whichever part of a program makes them.
    target_compile_definitions(${target} PUBLIC EIGEN_MAX_ALIGN_BYTES=64)
    # GNU's: those of LLVM do not make what a group of sections held a part of the whole.
    find_program(TRIPTYCH_LD NAMES ld.bfd ld REQUIRED)
    find_program(TRIPTYCH_NM NAMES nm REQUIRED)
    find_program(TRIPTYCH_OBJCOPY NAMES objcopy REQUIRED)
    mark_as_advanced(TRIPTYCH_LD TRIPTYCH_NM TRIPTYCH_OBJCOPY)
    set(folder ${PROJECT_BINARY_DIR}/kernels)
    set(linked)
    if(TRIPTYCH_ARCH OR TRIPTYCH_SANITIZE OR NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
      message(FATAL_ERROR "triptych: TRIPTYCH_INSTRUCTION_SETS is for x86-64, without TRIPTYCH_ARCH and "
        "TRIPTYCH_SANITIZE.")
    endif()
    foreach(set IN LISTS TRIPTYCH_INSTRUCTION_SETS)
      if(NOT DEFINED triptych_flags_${set})
        message(FATAL_ERROR "triptych: TRIPTYCH_INSTRUCTION_SETS names ${set}; it may name sse2, avx2, avx512 and "
          "amx, in this order.")
      endif()
      add_library(${target}_${set} OBJECT EXCLUDE_FROM_ALL ${sources})
      triptych_compile_bodies(${target}_${set})
      target_link_libraries(${target}_${set} PRIVATE triptych $<BUILD_INTERFACE:triptych_flags>)
      target_compile_definitions(${target}_${set} PRIVATE
        $<TARGET_PROPERTY:${target},INTERFACE_COMPILE_DEFINITIONS>)
      # Names that are unique in a program cannot be made local.
      target_compile_options(${target}_${set} PRIVATE
        ${triptych_flags_${set}} $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
      set(object ${folder}/${set}.o)
      add_custom_command(OUTPUT ${object} ${folder}/${set}.txt VERBATIM
        COMMAND ${CMAKE_COMMAND} -DSET=${set} -DFOLDER=${folder}
          "-DOBJECTS=$<JOIN:$<TARGET_OBJECTS:${target}_${set}>,|>" -DLINKER=${TRIPTYCH_LD}
          -DNM=${TRIPTYCH_NM} -DOBJCOPY=${TRIPTYCH_OBJCOPY} -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
        DEPENDS ${target}_${set} $<TARGET_OBJECTS:${target}_${set}> ${CMAKE_CURRENT_FUNCTION_LIST_FILE})
      set_source_files_properties(${object} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
      list(APPEND linked ${object})
    endforeach()
    list(JOIN TRIPTYCH_INSTRUCTION_SETS "|" sets)
    add_custom_command(OUTPUT ${folder}/jumps.cpp VERBATIM
      COMMAND ${CMAKE_COMMAND} -DSETS=${sets} -DFOLDER=${folder} -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
      DEPENDS ${linked} ${CMAKE_CURRENT_FUNCTION_LIST_FILE})
    target_sources(${target} PRIVATE ${linked} ${folder}/jumps.cpp)
    target_compile_definitions(${target} PRIVATE TRIPTYCH_SEVERAL_KERNELS)
  endfunction()
  return()
endif()

function(run)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
  set(output "${output}" PARENT_SCOPE)
endfunction()

if(DEFINED SET)
  # Links the objects of one set, and lists the functions that others call: those that are defined once,
  # and the members of class templates that are instantiated there.
  string(REPLACE "|" ";" OBJECTS "${OBJECTS}")
  set(whole ${FOLDER}/${SET}.o)
  file(MAKE_DIRECTORY ${FOLDER})
  run(${LINKER} -r --force-group-allocation -o ${whole} ${OBJECTS})
  run(${NM} --defined-only --extern-only ${whole})
  string(REPLACE "\n" ";" lines "${output}")
  set(names)
  set(renamed)
  set(kept)
  foreach(line IN LISTS lines)
    if(line MATCHES "^[0-9a-f]* (T|W) (_ZNK?8triptych.*)$")
      set(kind ${CMAKE_MATCH_1})
      set(name ${CMAKE_MATCH_2})
      if(kind STREQUAL T OR name MATCHES "8compiled[0-9]+[a-z][a-z0-9_]*I[^E]*EE?[0-9]+[a-z_]+E")
        string(APPEND names "${name}\n")
        string(APPEND renamed "${name} ${name}.${SET}\n")
        string(APPEND kept "${name}.${SET}\n")
      endif()
    endif()
  endforeach()
  # A variable would be another one for each set. Only those are that a set asks of the machine for itself.
  run(${NM} --format=sysv ${whole})
  string(REGEX MATCHALL "\n[^\n]*\\| *\\.(data|bss|tdata|tbss)(\\.[^r\n][^\n]*)?\n" variables "${output}")
  list(FILTER variables EXCLUDE REGEX "DW\\.ref\\.|20manage_caching_sizes|18fix_eigen_blocking|9amx_block9available")
  if(variables)
    message(FATAL_ERROR "triptych: kernels must have no variables:${variables}")
  endif()
  file(WRITE ${FOLDER}/${SET}.renamed "${renamed}")
  run(${OBJCOPY} --redefine-syms=${FOLDER}/${SET}.renamed ${whole})
  file(WRITE ${FOLDER}/${SET}.kept "${kept}")
  run(${OBJCOPY} --keep-global-symbols=${FOLDER}/${SET}.kept ${whole})
  file(WRITE ${FOLDER}/${SET}.txt "${names}")
  return()
endif()

# The table of each set, and a jump for each function. (Which templates a compiler does not make a part of
# their callers differs; those that others call are in every set.)
string(REPLACE "|" ";" SETS "${SETS}")
list(GET SETS 0 first)
file(STRINGS ${FOLDER}/${first}.txt names)
foreach(set IN LISTS SETS)
  file(STRINGS ${FOLDER}/${set}.txt others)
  set(missing ${names})
  list(REMOVE_ITEM missing ${others})
  list(REMOVE_ITEM names ${missing} "")
endforeach()
set(tables)
set(declared)
set(directory)
foreach(set IN LISTS SETS)
  string(APPEND tables "asm(R\"(
    .pushsection .data.rel.ro,\"aw\"
    .p2align 3
    triptych_kernels_${set}:\n")
  foreach(name IN LISTS names)
    string(APPEND tables "    .quad ${name}.${set}\n")
  endforeach()
  string(APPEND tables "    .popsection\n)\");\n")
  string(APPEND declared "[[gnu::visibility(\"hidden\")]] extern const void* const triptych_kernels_${set}[];\n")
  string(APPEND directory "    {\"${set}\", triptych_kernels_${set}},\n")
endforeach()
set(jumps)
set(place 0)
foreach(name IN LISTS names)
  string(APPEND jumps "asm(R\"(
    .pushsection .text
    .globl ${name}
    .type ${name}, @function
    .p2align 4
    ${name}:
    endbr64
    movq triptych_kernels(%rip), %r11
    jmp *${place}(%r11)
    .size ${name}, .-${name}
    .popsection
)\");
")
  math(EXPR place "${place} + 8")
endforeach()
file(WRITE ${FOLDER}/jumps.cpp "// Written by cmake/TriptychInstructionSets.cmake.
#include <triptych/backend/cpu/instruction_set.hpp>

${tables}
${jumps}
extern \"C\" {
${declared}[[gnu::visibility(\"hidden\")]] extern const void* const* triptych_kernels;
const void* const* triptych_kernels = triptych_kernels_${first};
}

namespace triptych::cpu::inline TRIPTYCH_ISA {

extern const kernel_set kernel_sets[]{
${directory}    {nullptr, nullptr}};

}  // namespace triptych::cpu::inline TRIPTYCH_ISA

// Whoever calls a kernel has this source, and with it the choice when the program starts.
[[maybe_unused]] static const auto& chosen = triptych::cpu::kernels();
")
