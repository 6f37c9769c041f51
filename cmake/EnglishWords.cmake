# Makes a C++ file of Debian's English word lists: english_words(TARGET).
# Run as a script (-P) it writes that file: -D OUTPUT=... -D FILES=a;b
if(CMAKE_SCRIPT_MODE_FILE)
  set(words "")
  foreach(list IN LISTS FILES)
    file(STRINGS "${list}" lines ENCODING UTF-8 REGEX "^[a-z][a-z']*$")
    list(FILTER lines EXCLUDE REGEX "'s$")
    list(TRANSFORM lines REPLACE "'" "")  # Words are looked up folded: "couldnt".
    list(APPEND words ${lines})
  endforeach()
  list(REMOVE_DUPLICATES words)
  list(SORT words)  # By bytes; english.cc searches by halves.
  list(JOIN words "\n" words)
  # A compiler need not take a longer literal; ours do.
  file(WRITE "${OUTPUT}" "// Made of Debian's word lists by cmake/EnglishWords.cmake.\n"
    "#include \"text/detail/english_words.h\"\n\n"
    "#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n\nnamespace rage::text {\n\n"
    "std::string_view english_words() {\n  return R\"(${words}\n)\";\n}\n\n}  // namespace rage::text\n")
  return()
endif()

function(english_words target)
  set(lists "")
  foreach(list american-english british-english)
    find_file(RAGE_${list} ${list} PATHS /usr/share/dict NO_DEFAULT_PATH REQUIRED)
    list(APPEND lists ${RAGE_${list}})
  endforeach()
  set(out ${CMAKE_CURRENT_BINARY_DIR}/english_words.cc)
  set(script ${PROJECT_SOURCE_DIR}/cmake/EnglishWords.cmake)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -D OUTPUT=${out} "-DFILES=${lists}" -P ${script}
    DEPENDS ${lists} ${script} VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
