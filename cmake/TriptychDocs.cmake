# The target `docs`: the reference documentation by Doxygen, in <build>/docs/html. A warning of
# Doxygen is an error.
find_package(Doxygen REQUIRED)
set(DOXYGEN_PROJECT_NAME triptych)
set(DOXYGEN_USE_MDFILE_AS_MAINPAGE ${PROJECT_SOURCE_DIR}/docs/index.md)
set(DOXYGEN_STRIP_FROM_PATH ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR})
set(DOXYGEN_STRIP_FROM_INC_PATH ${PROJECT_SOURCE_DIR}/include)
set(DOXYGEN_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/docs)
set(DOXYGEN_EXTRACT_ALL YES)
set(DOXYGEN_EXCLUDE_SYMBOLS "detail" "*::detail" "*::detail::*")
set(DOXYGEN_EXCLUDE_PATTERNS "*_inl.hpp")  # bodies, and what they alone need
set(DOXYGEN_INPUT_FILTER "sed s/::inline.TRIPTYCH_ISA//")  # no part of a name for readers
set(DOXYGEN_IMAGE_PATH ${PROJECT_SOURCE_DIR}/docs)
set(DOXYGEN_HAVE_DOT NO)
set(DOXYGEN_GENERATE_LATEX NO)
set(DOXYGEN_QUIET YES)
set(DOXYGEN_WARN_AS_ERROR FAIL_ON_WARNINGS)
file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/*.md)
doxygen_add_docs(docs ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/docs ${pages}
                 COMMENT "Doxygen: ${PROJECT_BINARY_DIR}/docs/html/index.html")
