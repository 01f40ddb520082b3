# Finds libwebp, which reads and writes WebP pictures. Defines WEBP::WEBP.
find_path(WEBP_INCLUDE_DIR webp/decode.h)
find_library(WEBP_LIBRARY webp)
mark_as_advanced(WEBP_INCLUDE_DIR WEBP_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(WEBP REQUIRED_VARS WEBP_LIBRARY WEBP_INCLUDE_DIR)

if(WEBP_FOUND AND NOT TARGET WEBP::WEBP)
  add_library(WEBP::WEBP UNKNOWN IMPORTED)
  set_target_properties(WEBP::WEBP PROPERTIES
    IMPORTED_LOCATION ${WEBP_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${WEBP_INCLUDE_DIR})
endif()
