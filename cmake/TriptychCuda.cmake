# The CUDA backend of our own programs: the library `triptych_cuda`, one .cu file, where there is a CUDA
# compiler (TRIPTYCH_WITH_CUDA). Everything over the backend is compiled by the C++ compiler.
#
# Without CMAKE_CUDA_ARCHITECTURES there is code for compute capabilities 8.0, 9.0, 10.0 and 12.0, those
# of them that the compiler knows.
if(NOT TRIPTYCH_WITH_CUDA)
  return()
endif()

include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  if(NOT TRIPTYCH_WITH_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "triptych: TRIPTYCH_WITH_CUDA is ${TRIPTYCH_WITH_CUDA} and there is no CUDA "
      "compiler. Install the CUDA Toolkit (12 or 13), name its nvcc with -DCMAKE_CUDA_COMPILER=, or "
      "configure with -DTRIPTYCH_WITH_CUDA=OFF.")
  endif()
  message(STATUS "triptych: no CUDA compiler, so no CUDA backend")
  return()
endif()

if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --list-gpu-code OUTPUT_VARIABLE known)
  set(CMAKE_CUDA_ARCHITECTURES)
  foreach(capability IN ITEMS 80 90 100 120)
    if(known MATCHES "sm_${capability}")
      list(APPEND CMAKE_CUDA_ARCHITECTURES ${capability}-real)
    endif()
  endforeach()
endif()
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)
triptych_may_use(cuDNN CUDNN 9.8)

# cublas.cpp loads cuBLAS when it is needed.
set(devices ${PROJECT_SOURCE_DIR}/apps/triptych/devices)
add_library(triptych_cuda STATIC ${devices}/backend.cu ${devices}/cublas.cpp)
set_source_files_properties(${devices}/cublas.cpp PROPERTIES
  COMPILE_DEFINITIONS TRIPTYCH_CUBLAS_LIBRARY="$<TARGET_FILE:CUDA::cublas>")
target_include_directories(triptych_cuda PUBLIC ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(triptych_cuda PRIVATE CUDA::cudart_static ${CMAKE_DL_LIBS})
# CMake 3.25 knows no C++20 for nvcc 13. Functors call std::min and the like.
target_compile_options(triptych_cuda PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:
  -std=c++20 --expt-relaxed-constexpr -Xcompiler=-Wall,-Wextra -Xptxas=--warn-on-spills>)
list(JOIN CMAKE_CUDA_ARCHITECTURES " " architectures)
target_compile_definitions(triptych_cuda PRIVATE TRIPTYCH_CUDA_ARCHITECTURES="${architectures}")
if(TRIPTYCH_WITH_CUDNN AND cuDNN_FOUND)
  target_link_libraries(triptych_cuda PRIVATE cudnn::cudnn)
  target_compile_definitions(triptych_cuda PRIVATE TRIPTYCH_HAS_CUDNN=1)
endif()
