# Several files of a folder compiled as one: what they include is read, and what they instantiate compiled, once. By hand,
# for CMake's UNITY_BUILD names files absolutely, and ccache would compile everything anew in another clone. Only where
# the preset asks for it: `fuzz` and clang-tidy see each file by itself.
set(RAGE_BATCH_FILES 8)

# batch_sources(OUT NAME name BASE folder SOURCES ... ALONE ...): OUT becomes what to compile instead of SOURCES, in
# their order: NAME_1.cc, NAME_2.cc and so on. Files of ALONE are left as they are, as is what was generated. BASE is
# where the target finds what it includes.
function(batch_sources out)
  cmake_parse_arguments(PARSE_ARGV 1 BATCH "" "NAME;BASE" "SOURCES;ALONE")
  set(units)
  set(shared)
  foreach(source IN LISTS BATCH_SOURCES)
    if(IS_ABSOLUTE ${source} OR source IN_LIST BATCH_ALONE)
      list(APPEND units ${source})
    else()
      list(APPEND shared ${source})
    endif()
  endforeach()
  list(LENGTH shared count)
  math(EXPR batches "(${count} + ${RAGE_BATCH_FILES} - 1) / ${RAGE_BATCH_FILES}")
  cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY ${BATCH_BASE} OUTPUT_VARIABLE folder)
  set(begin 0)
  set(batch 0)
  while(begin LESS count)
    math(EXPR batch "${batch} + 1")
    math(EXPR end "${count} * ${batch} / ${batches}")
    math(EXPR size "${end} - ${begin}")
    list(SUBLIST shared ${begin} ${size} files)
    list(TRANSFORM files REPLACE "(.+)" "#include \"${folder}/\\1\"\n")
    string(JOIN "" text ${files})
    set(unit ${CMAKE_CURRENT_BINARY_DIR}/${BATCH_NAME}_${batch}.cc)
    file(CONFIGURE OUTPUT ${unit} CONTENT "${text}" @ONLY)  # Written only if it changes.
    list(APPEND units ${unit})
    set(begin ${end})
  endwhile()
  set(${out} ${units} PARENT_SCOPE)
endfunction()
