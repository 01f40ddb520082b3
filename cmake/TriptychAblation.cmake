include(TriptychBuildInfo)

# triptych_add_ablation(<name> <header>)
#
# Builds `triptych-<name>` from the sources of the app, with the compile-time configuration of
# apps/configs/<header> in place of the default one. What may be configured stands in
# apps/configs/default.hpp.
function(triptych_add_ablation name header)
  triptych_add_app(triptych-${name} triptych-${name} ${header})
endfunction()

# triptych_add_app(<target> <file name> <header>): the common part of the app and its ablations.
function(triptych_add_app target file header)
  set(folder ${PROJECT_SOURCE_DIR}/apps)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/triptych/*.cpp)
  file(GLOB instances CONFIGURE_DEPENDS ${folder}/instances/*.cpp)

  add_executable(${target} ${sources} ${instances})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${file}
                                             RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  target_include_directories(${target} PRIVATE ${folder} ${PROJECT_BINARY_DIR}/generated)
  target_compile_definitions(${target} PRIVATE TRIPTYCH_APP_CONFIG="configs/${header}")
  target_link_libraries(${target} PRIVATE triptych_program CLI11::CLI11)
  add_dependencies(${target} triptych_build_info)
endfunction()
