# Installing: headers, CMake package (triptych::triptych, and triptych::io where its dependencies are
# found; triptych::compiled and triptych::compiled_io where they were built), pkg-config file. Nothing but
# those two depends on the architecture.
if(NOT TRIPTYCH_INSTALL)
  return()
endif()
include(CMakePackageConfigHelpers)
set(triptych_cmake_dir ${CMAKE_INSTALL_DATADIR}/cmake/triptych)

install(TARGETS triptych EXPORT triptych-core FILE_SET HEADERS)
install(EXPORT triptych-core NAMESPACE triptych:: DESTINATION ${triptych_cmake_dir})
if(TARGET triptych_io)
  install(TARGETS triptych_io EXPORT triptych-io FILE_SET HEADERS)
  install(EXPORT triptych-io NAMESPACE triptych:: DESTINATION ${triptych_cmake_dir})
endif()
foreach(library IN ITEMS compiled compiled_io)
  if(TRIPTYCH_BUILD_COMPILED AND TARGET triptych_${library})
    install(TARGETS triptych_${library} EXPORT triptych-${library})
    install(EXPORT triptych-${library} NAMESPACE triptych:: DESTINATION ${triptych_cmake_dir})
  endif()
endforeach()

# What needs Thrust, MPI or a CUDA compiler is installed as it lies: whoever includes it has them.
file(GLOB_RECURSE triptych_cuda_headers CONFIGURE_DEPENDS ${triptych_include}/triptych/*.cuh)
foreach(header IN LISTS triptych_thrust_headers triptych_cudnn_headers triptych_mpi_headers
        triptych_cuda_headers)
  file(RELATIVE_PATH folder ${triptych_include} ${header})
  get_filename_component(folder ${folder} DIRECTORY)
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/${folder})
endforeach()

configure_package_config_file(
  cmake/triptych-config.cmake.in ${PROJECT_BINARY_DIR}/triptych-config.cmake
  INSTALL_DESTINATION ${triptych_cmake_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/triptych-config-version.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/triptych-config.cmake
              ${PROJECT_BINARY_DIR}/triptych-config-version.cmake
              ${PROJECT_SOURCE_DIR}/cmake/Findxxhash.cmake
              ${PROJECT_SOURCE_DIR}/cmake/FindWEBP.cmake
        DESTINATION ${triptych_cmake_dir})

configure_file(cmake/triptych.pc.in ${PROJECT_BINARY_DIR}/triptych.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/triptych.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
