# Finds cuDNN 9 (cudnn.h and libcudnn, which loads its parts by itself) in CUDNN_ROOT, beside the CUDA
# toolkit, or where the system keeps libraries. Defines cudnn::cudnn and cuDNN_VERSION.
find_package(CUDAToolkit QUIET)
set(cuDNN_places ${CUDNN_ROOT} $ENV{CUDNN_ROOT} ${CUDAToolkit_INCLUDE_DIRS} ${CUDAToolkit_LIBRARY_DIR}
                 ${CUDAToolkit_TARGET_DIR} /usr/local/cuda)
find_path(cuDNN_INCLUDE_DIR cudnn_version.h HINTS ${cuDNN_places} PATH_SUFFIXES include)
find_library(cuDNN_LIBRARY NAMES cudnn libcudnn.so.9 NAMES_PER_DIR HINTS ${cuDNN_places}
             PATH_SUFFIXES lib64 lib)
mark_as_advanced(cuDNN_INCLUDE_DIR cuDNN_LIBRARY)

unset(cuDNN_VERSION)
if(cuDNN_INCLUDE_DIR)
  file(STRINGS ${cuDNN_INCLUDE_DIR}/cudnn_version.h cuDNN_VERSION
       REGEX "^#define CUDNN_(MAJOR|MINOR|PATCHLEVEL) [0-9]+")
  list(TRANSFORM cuDNN_VERSION REPLACE ".* " "")
  list(JOIN cuDNN_VERSION "." cuDNN_VERSION)
endif()

# cudnn.h includes the toolkit's headers.
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(cuDNN
  REQUIRED_VARS cuDNN_LIBRARY cuDNN_INCLUDE_DIR CUDAToolkit_FOUND VERSION_VAR cuDNN_VERSION)

if(cuDNN_FOUND AND NOT TARGET cudnn::cudnn)
  add_library(cudnn::cudnn UNKNOWN IMPORTED)
  set_target_properties(cudnn::cudnn PROPERTIES IMPORTED_LOCATION ${cuDNN_LIBRARY})
  target_include_directories(cudnn::cudnn INTERFACE ${cuDNN_INCLUDE_DIR})
  target_link_libraries(cudnn::cudnn INTERFACE CUDA::toolkit) # its headers; the runtime is the user's choice
endif()
