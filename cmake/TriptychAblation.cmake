include(TriptychBuildInfo)

# triptych_add_ablation(<name> <header>)
#
# Builds `triptych-<name>` from the sources of the app, with the compile-time configuration of
# apps/configs/<header> in place of the default one. What may be configured stands in
# apps/configs/default.hpp.
function(triptych_add_ablation name header)
  triptych_add_app(triptych-${name} triptych-${name} ${header})
endfunction()

# triptych_link_app(<target> <app>): links the code of <app>, and what all apps share.
function(triptych_link_app target app)
  target_link_libraries(${target} PRIVATE
    ${app}_code triptych_build_info $<TARGET_NAME_IF_EXISTS:triptych_instances>
    $<TARGET_NAME_IF_EXISTS:triptych_cuda>)
endfunction()

# triptych_add_app(<target> <file name> <header>): the common part of the app and its ablations.
# All of it but main.cpp is the object library <target>_code, so that tests can link it.
function(triptych_add_app target file header)
  set(folder ${PROJECT_SOURCE_DIR}/apps)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/triptych/*.cpp)
  list(REMOVE_ITEM sources ${folder}/triptych/main.cpp)
  if(TARGET triptych_cuda)
    list(APPEND sources ${folder}/cuda/with.cpp ${folder}/cuda/with_bf16.cpp)
  else()
    list(APPEND sources ${folder}/cuda/without.cpp)
  endif()

  add_library(${target}_code OBJECT ${sources})
  target_include_directories(${target}_code PUBLIC ${folder})
  target_compile_definitions(${target}_code PUBLIC TRIPTYCH_APP_CONFIG="configs/${header}")
  target_link_libraries(${target}_code PUBLIC triptych_program CLI11::CLI11)

  add_executable(${target} ${folder}/triptych/main.cpp)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${file}
                                             RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  triptych_link_app(${target} ${target})
endfunction()
