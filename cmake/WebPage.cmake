# Bundles the TypeScript of web/ with esbuild and makes a C++ file of the page: web_page(TARGET).
# Run as a script (-P) it writes that file: -D OUTPUT=... -D FILES=a;b, -D ROOM=... of another room
if(CMAKE_SCRIPT_MODE_FILE)
  if(NOT ROOM)
    set(ROOM assistant)
  endif()
  set(types_html "text/html; charset=utf-8")
  set(types_js "text/javascript; charset=utf-8")
  set(types_css "text/css; charset=utf-8")
  set(types_svg "image/svg+xml")
  set(arrays "")
  set(table "")
  set(number 0)
  foreach(path IN LISTS FILES)
    get_filename_component(name "${path}" NAME)
    get_filename_component(extension "${path}" LAST_EXT)
    string(SUBSTRING "${extension}" 1 -1 extension)
    file(READ "${path}" bytes HEX)
    file(SHA256 "${path}" digest)
    string(SUBSTRING "${digest}" 0 16 digest)
    string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
    string(APPEND arrays "constexpr char kFile${number}[] = {${bytes}};\n")
    string(APPEND table "    {\"${name}\", \"${types_${extension}}\", \"\\\"${digest}\\\"\", "
      "{kFile${number}, sizeof(kFile${number})}},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  file(WRITE "${OUTPUT}" "// Made of web/ by cmake/WebPage.cmake.\n#include \"${ROOM}/page_files.h\"\n\n"
    "namespace rage::${ROOM} {\nnamespace {\n\n${arrays}\nconstexpr PageFile kFiles[] = {\n${table}};\n\n"
    "}  // namespace\n\nstd::span<const PageFile> page_files() {\n  return kFiles;\n}\n\n"
    "}  // namespace rage::${ROOM}\n")
  return()
endif()

function(web_page target)
  find_program(RAGE_ESBUILD esbuild REQUIRED)
  set(web ${PROJECT_SOURCE_DIR}/web)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/web)
  set(script ${PROJECT_SOURCE_DIR}/cmake/WebPage.cmake)
  set(sources
    api.ts chat.ts compare_view.ts config.ts dom.ts history_panel.ts main.ts markdown.ts
    markdown_view.ts message_view.ts mode_switch.ts model.ts session_card.ts source_panel.ts sse.ts
    texts.ts theme.ts timetable.ts timetable_view.ts trace.ts words.ts operator/documents.ts operator/indexes.ts
    operator/main.ts operator/policy.ts operator/reports.ts operator/requests.ts operator/retrieve.ts
    operator/upload.ts)
  list(TRANSFORM sources PREPEND ${web}/src/)
  list(APPEND sources ${web}/texts/en.json)
  set(bundles "")
  foreach(bundle app operator)
    set(main ${web}/src/main.ts)
    if(bundle STREQUAL operator)
      set(main ${web}/src/operator/main.ts)
    endif()
    add_custom_command(OUTPUT ${out}/${bundle}.js
      COMMAND ${RAGE_ESBUILD} ${main} --bundle --minify --charset=utf8 --target=es2020
        --format=esm --log-level=warning --outfile=${out}/${bundle}.js
      DEPENDS ${sources} VERBATIM)
    list(APPEND bundles ${out}/${bundle}.js)
  endforeach()
  set(files ${web}/index.html ${web}/operator.html ${web}/app.css ${web}/operator.css ${web}/icon.svg
    ${bundles})
  add_custom_command(OUTPUT ${out}/page_files.cc
    COMMAND ${CMAKE_COMMAND} -D OUTPUT=${out}/page_files.cc "-DFILES=${files}" -P ${script}
    DEPENDS ${files} ${script} VERBATIM)
  target_sources(${target} PRIVATE ${out}/page_files.cc)
endfunction()
