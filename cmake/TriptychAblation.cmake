include(TriptychBuildInfo)

# triptych_add_ablation(<name> <header>)
#
# Builds `triptych-<name>`: the app with the compile-time configuration of apps/ablations/<header> in
# place of the default one. What may be configured stands in apps/ablations/default.hpp. Only
# apps/triptych/ablated/ is compiled for it; the rest is that of the app.
function(triptych_add_ablation name header)
  triptych_add_app(triptych-${name} triptych-${name} ${header})
endfunction()

# triptych_link_app(<target> <app>): links the code of <app>, and what all apps share.
function(triptych_link_app target app)
  target_link_libraries(${target} PRIVATE
    triptych_app_shared ${app}_ablated triptych_build_info $<TARGET_NAME_IF_EXISTS:triptych_cuda>)
endfunction()

# triptych_add_app(<target> <file name> <header>): the common part of the app and its ablations. All of
# it but main.cpp is in object libraries, so that tests can link it.
function(triptych_add_app target file header)
  set(folder ${PROJECT_SOURCE_DIR}/apps)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/triptych/ablated/*.cpp)
  if(NOT TARGET triptych_cuda)
    list(REMOVE_ITEM sources ${folder}/triptych/ablated/mncl_cuda.cpp)
  endif()
  add_library(${target}_ablated OBJECT ${sources})
  target_include_directories(${target}_ablated PRIVATE ${folder})
  target_compile_definitions(${target}_ablated PRIVATE TRIPTYCH_APP_CONFIG="ablations/${header}")
  target_link_libraries(${target}_ablated PRIVATE triptych_program)

  add_executable(${target} ${folder}/triptych/main.cpp)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${file}
                                             RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  triptych_link_app(${target} ${target})
endfunction()
