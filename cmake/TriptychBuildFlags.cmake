# How our own programs are compiled. `triptych_flags` carries the warnings, the instruction set and the
# sanitizers, `triptych_program` those and the library with its io part. None of this reaches users of the
# library.
add_library(triptych_flags INTERFACE)
add_library(triptych_program INTERFACE)
target_link_libraries(triptych_program INTERFACE triptych_flags)
foreach(library IN ITEMS triptych_compiled_io triptych_compiled)
  if(TARGET ${library})
    target_link_libraries(${library} PRIVATE $<BUILD_INTERFACE:triptych_flags>)
    target_link_libraries(triptych_program INTERFACE ${library})
  endif()
endforeach()

# One thread per Eigen product: results may depend on shapes, never on the number of threads.
target_compile_definitions(triptych_flags INTERFACE EIGEN_DONT_PARALLELIZE)
target_compile_options(triptych_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wsign-conversion -Wdouble-promotion
  $<$<CXX_COMPILER_ID:GNU>:-Wuseless-cast>
  $<$<BOOL:${TRIPTYCH_ARCH}>:-march=${TRIPTYCH_ARCH}>)
# g++ before 13 takes its own AVX-512 intrinsics for uninitialized variables, wherever they are inlined, and
# "text" + string for an overlapping copy.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(triptych_flags INTERFACE -Wno-uninitialized -Wno-maybe-uninitialized -Wno-restrict)
endif()

if(TRIPTYCH_SANITIZE)
  target_compile_options(triptych_flags INTERFACE
    -fsanitize=${TRIPTYCH_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_link_options(triptych_flags INTERFACE -fsanitize=${TRIPTYCH_SANITIZE})
  # clang takes many minutes for checks of every address in the kernels; AddressSanitizer has its own.
  if(TRIPTYCH_SANITIZE MATCHES undefined AND CMAKE_CXX_COMPILER_ID MATCHES Clang)
    set(kernels $<STREQUAL:$<TARGET_PROPERTY:NAME>,triptych_compiled>)
    target_compile_options(triptych_flags INTERFACE
      $<${kernels}:-fno-sanitize=undefined>
      $<${kernels}:-fsanitize=signed-integer-overflow,shift,integer-divide-by-zero,bounds>)
  endif()
endif()

# What reads files is instrumented for fuzzing. What it shares with other code, such as the members of
# std::vector, comes from whichever is linked first.
if(TRIPTYCH_FUZZ)
  set(TRIPTYCH_FUZZ_FLAGS -fsanitize=fuzzer-no-link)
  target_compile_options(triptych_compiled_io PRIVATE ${TRIPTYCH_FUZZ_FLAGS})
endif()

# The build type Check is for seeing soon whether all is well: our programs, whose time is the compiler's, are
# optimized less than the library, and not at all where they have TRIPTYCH_RUNS_LITTLE.
target_compile_options(triptych_program INTERFACE
  $<$<CONFIG:Check>:-O$<IF:$<BOOL:$<TARGET_PROPERTY:TRIPTYCH_RUNS_LITTLE>>,0,1>>)
