# The library's two targets. A header that needs more than Eigen, itself or through another header,
# belongs to triptych::io; all others to triptych::triptych.
set(triptych_include ${CMAKE_CURRENT_SOURCE_DIR}/include)
file(GLOB_RECURSE triptych_core_headers CONFIGURE_DEPENDS ${triptych_include}/triptych/*.hpp)

# Move headers over until no core header includes an io header.
set(triptych_io_headers)
set(triptych_beyond_core "nlohmann/|xxhash\\.h|jpeglib\\.h|png\\.h")
set(triptych_moved TRUE)
while(triptych_moved)
  set(triptych_moved FALSE)
  foreach(header IN LISTS triptych_core_headers)
    file(STRINGS ${header} found REGEX "^#include <(${triptych_beyond_core})" LIMIT_COUNT 1)
    if(found)
      file(RELATIVE_PATH name ${triptych_include} ${header})
      list(APPEND triptych_io_headers ${header})
      list(REMOVE_ITEM triptych_core_headers ${header})
      string(APPEND triptych_beyond_core "|${name}")
      set(triptych_moved TRUE)
    endif()
  endforeach()
endwhile()

add_library(triptych INTERFACE)
add_library(triptych::triptych ALIAS triptych)
target_compile_features(triptych INTERFACE cxx_std_20)
target_link_libraries(triptych INTERFACE Eigen3::Eigen Threads::Threads)
target_sources(triptych INTERFACE
  FILE_SET HEADERS BASE_DIRS ${triptych_include} FILES ${triptych_core_headers})

set(triptych_targets triptych)
if(TARGET nlohmann_json::nlohmann_json AND TARGET xxhash::xxhash)
  add_library(triptych_io INTERFACE)
  add_library(triptych::io ALIAS triptych_io)
  set_target_properties(triptych_io PROPERTIES EXPORT_NAME io)
  target_link_libraries(triptych_io INTERFACE
    triptych nlohmann_json::nlohmann_json xxhash::xxhash)
  target_sources(triptych_io INTERFACE
    FILE_SET HEADERS BASE_DIRS ${triptych_include} FILES ${triptych_io_headers})
  foreach(format IN LISTS triptych_image_formats)
    target_link_libraries(triptych_io INTERFACE ${format}::${format})
    target_compile_definitions(triptych_io INTERFACE TRIPTYCH_HAS_${format}=1)
  endforeach()
  list(APPEND triptych_targets triptych_io)
endif()

# `cmake --build <dir> --target all_verify_interface_header_sets` compiles every header alone.
set_target_properties(${triptych_targets} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
