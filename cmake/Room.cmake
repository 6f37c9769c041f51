# add_room(): one static library per room. A dependency must sit on a lower layer, so a cycle
# cannot be written. Tests become one executable, <room>_test; fuzz targets one each. ALONE and
# TESTS_ALONE are those that no other file may be compiled with (cmake/Batch.cmake).
function(add_room name)
  cmake_parse_arguments(PARSE_ARGV 1 ROOM "" "LAYER"
    "HEADERS;SOURCES;ALONE;TESTS;TESTS_ALONE;FUZZ;DEPS;LIBS;TEST_LIBS")
  if(ROOM_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "room '${name}': unknown argument '${ROOM_UNPARSED_ARGUMENTS}'")
  endif()
  set(units ${ROOM_SOURCES})
  if(RAGE_BATCH)
    batch_sources(units NAME batch BASE ${PROJECT_SOURCE_DIR}/src SOURCES ${ROOM_SOURCES} ALONE ${ROOM_ALONE})
  endif()
  add_library(${name} STATIC)
  target_sources(${name}
    PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${ROOM_HEADERS}
    PRIVATE ${units})
  set_target_properties(${name} PROPERTIES
    ROOM_LAYER ${ROOM_LAYER} LINKER_LANGUAGE CXX VERIFY_INTERFACE_HEADER_SETS ON)
  foreach(dep IN LISTS ROOM_DEPS)
    if(NOT TARGET ${dep})
      message(FATAL_ERROR "room '${name}': unknown room '${dep}'")
    endif()
    get_target_property(layer ${dep} ROOM_LAYER)
    if(NOT layer LESS ROOM_LAYER)
      message(FATAL_ERROR "room '${name}' (layer ${ROOM_LAYER}) may not depend on '${dep}' (layer ${layer})")
    endif()
  endforeach()
  target_link_libraries(${name} PUBLIC ${ROOM_DEPS} ${ROOM_LIBS} rage_flags)
  if(RAGE_PCH)
    use_precompiled(${name} room_headers ${units})
  endif()

  if(RAGE_TESTS AND ROOM_TESTS)
    set(tests ${ROOM_TESTS})
    if(RAGE_BATCH)
      batch_sources(tests NAME test_batch BASE ${PROJECT_SOURCE_DIR}/src SOURCES ${ROOM_TESTS} ALONE ${ROOM_TESTS_ALONE})
    endif()
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${name} ${ROOM_TEST_LIBS} test_paths GTest::gmock GTest::gtest_main)
    target_compile_options(${name}_test PRIVATE ${RAGE_TEST_FLAGS})
    if(RAGE_PCH)
      use_precompiled(${name}_test test_headers ${tests})
    endif()
    gtest_discover_tests(${name}_test TEST_PREFIX ${name}. DISCOVERY_MODE PRE_TEST
      EXTRA_ARGS --gtest_shuffle PROPERTIES TIMEOUT 120 LABELS unit)
  endif()
  if(RAGE_FUZZ)
    foreach(source IN LISTS ROOM_FUZZ)
      get_filename_component(target ${source} NAME_WE)
      add_executable(${target} ${source})
      target_link_libraries(${target} PRIVATE ${name})
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
      # Where tools/fuzz.sh looks for them.
      set_target_properties(${target} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/targets)
    endforeach()
  endif()
endfunction()
