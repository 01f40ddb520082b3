# Finds the headers of Thrust: those of a CUDA Toolkit (CCCL), or Debian's libthrust-dev.
#   Thrust_FOUND, Thrust_INCLUDE_DIR, Thrust_VERSION
find_path(Thrust_INCLUDE_DIR thrust/version.h
  HINTS ${CUDAToolkit_INCLUDE_DIRS} ENV CUDA_HOME /usr/local/cuda/include
  PATH_SUFFIXES cccl include/cccl include)
if(Thrust_INCLUDE_DIR)
  file(STRINGS ${Thrust_INCLUDE_DIR}/thrust/version.h Thrust_VERSION REGEX "define THRUST_VERSION [0-9]")
  string(REGEX REPLACE ".* ([0-9]+).*" "\\1" Thrust_VERSION "${Thrust_VERSION}")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Thrust REQUIRED_VARS Thrust_INCLUDE_DIR)
mark_as_advanced(Thrust_INCLUDE_DIR)
