# Headers that nearly every file includes, compiled once: a file then takes a third less time, a test two thirds. By hand,
# for CMake's own way names files absolutely, and ccache would compile everything anew in another clone; hence
# /dev/null, too. Only where the preset asks for it: `fuzz` and g++ see what each file includes by itself.

# precompile(NAME HEADERS ... FLAGS ...): FLAGS are those of the files that will use it, in full: clang refuses a header
# that was compiled otherwise.
function(precompile name)
  cmake_parse_arguments(PARSE_ARGV 1 PCH "" "" "HEADERS;FLAGS")
  foreach(header IN LISTS PCH_HEADERS)
    list(APPEND headers -include ${header})
  endforeach()
  set(file ${CMAKE_BINARY_DIR}/${name}.pch)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}}")
  add_custom_command(OUTPUT ${file}
    COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${CMAKE_CXX_COMPILER} ${CMAKE_CXX23_STANDARD_COMPILE_OPTION} ${flags}
      ${PCH_FLAGS} "$<TARGET_PROPERTY:rage_flags,INTERFACE_COMPILE_OPTIONS>"
      -Xclang -fno-pch-timestamp -fpch-instantiate-templates ${headers} -MD -MF ${file}.d
      -x c++-header -c /dev/null -o ${file}
    DEPFILE ${file}.d
    WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
    COMMENT "Precompiling ${name}"
    COMMAND_EXPAND_LISTS VERBATIM)
  add_custom_target(${name} DEPENDS ${file})
endfunction()

# The target's sources, which must belong to the current folder, include what precompile(NAME) compiled.
function(use_precompiled target name)
  set(file ${CMAKE_BINARY_DIR}/${name}.pch)
  add_dependencies(${target} ${name})
  set_property(SOURCE ${ARGN} APPEND PROPERTY OBJECT_DEPENDS ${file})
  target_compile_options(${target} PRIVATE -include-pch ${file})
endfunction()

set(RAGE_COMMON_HEADERS nlohmann/json.hpp
  algorithm atomic chrono coroutine expected filesystem fstream functional map memory mutex
  optional random set span sstream string string_view thread unordered_map variant vector)
if(RAGE_PCH)
  precompile(room_headers HEADERS fmt/format.h ${RAGE_COMMON_HEADERS} FLAGS -DFMT_SHARED -fPIC)
endif()
