# How our own programs are compiled: `triptych_program` carries the library with its io part, the
# warnings, the instruction set and the sanitizers. None of this reaches users of the library.
add_library(triptych_program INTERFACE)
target_link_libraries(triptych_program INTERFACE triptych::triptych)
if(TARGET triptych_io)
  target_link_libraries(triptych_program INTERFACE triptych::io)
endif()

# One thread per Eigen product: results may depend on shapes, never on the number of threads.
target_compile_definitions(triptych_program INTERFACE EIGEN_DONT_PARALLELIZE)
target_compile_options(triptych_program INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow
  $<$<BOOL:${TRIPTYCH_ARCH}>:-march=${TRIPTYCH_ARCH}>)
# g++ before 13 takes its own AVX-512 intrinsics for uninitialised variables, wherever they are inlined, and
# "text" + string for an overlapping copy.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(triptych_program INTERFACE -Wno-uninitialized -Wno-maybe-uninitialized -Wno-restrict)
endif()

if(TRIPTYCH_SANITIZE)
  target_compile_options(triptych_program INTERFACE
    -fsanitize=${TRIPTYCH_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_link_options(triptych_program INTERFACE -fsanitize=${TRIPTYCH_SANITIZE})
endif()
