# Bundles the TypeScript of web/dashboard/ with esbuild and makes a C++ file of the page, by the
# script that makes the assistant's: dashboard_page(TARGET).
function(dashboard_page target)
  find_program(RAGE_ESBUILD esbuild REQUIRED)
  set(web ${PROJECT_SOURCE_DIR}/web/dashboard)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/web)
  set(script ${PROJECT_SOURCE_DIR}/cmake/WebPage.cmake)
  set(sources api.ts detail.ts main.ts model.ts overview.ts)
  list(TRANSFORM sources PREPEND ${web}/src/)
  list(APPEND sources ${PROJECT_SOURCE_DIR}/web/src/dom.ts)
  add_custom_command(OUTPUT ${out}/app.js
    COMMAND ${RAGE_ESBUILD} ${web}/src/main.ts --bundle --minify --charset=utf8 --target=es2020
      --format=esm --log-level=warning --outfile=${out}/app.js
    DEPENDS ${sources} VERBATIM)
  set(files ${PROJECT_SOURCE_DIR}/web/icon.svg ${web}/index.html ${web}/app.css ${out}/app.js)
  add_custom_command(OUTPUT ${out}/page_files.cc
    COMMAND ${CMAKE_COMMAND} -D OUTPUT=${out}/page_files.cc "-DFILES=${files}" -D ROOM=cluster
      -P ${script}
    DEPENDS ${files} ${script} VERBATIM)
  target_sources(${target} PRIVATE ${out}/page_files.cc)
endfunction()
