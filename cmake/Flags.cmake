# Compiler and linker flags, as two interface targets that every target of ours links.
find_program(CCACHE ccache)
if(CCACHE)
  # Paths relative to the checkout: another clone, in another folder, finds what this one compiled.
  set(launcher ${CMAKE_COMMAND} -E env
    CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
endif()
find_program(MOLD mold)

add_library(rage_flags INTERFACE)
target_compile_options(rage_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Wswitch -Wextra-semi -fno-omit-frame-pointer
  -pthread)  # Of some libraries anyway; all alike, for precompiled headers.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(rage_flags INTERFACE -Wthread-safety -Wno-missing-designated-field-initializers)
else()
  # g++ 12 reports fields that have a default member initialiser, and initialised variables as
  # perhaps uninitialised once sanitizers instrument them (std::stop_source, std::optional). Asio's
  # coroutine frames, which it recycles, look freed by another allocator where all of it is inlined.
  target_compile_options(rage_flags INTERFACE -Wno-missing-field-initializers -Wno-maybe-uninitialized
    -Wno-mismatched-new-delete)
  if(RAGE_BATCH)  # What is a file's own looks as if it were its neighbours' too.
    target_compile_options(rage_flags INTERFACE -Wno-subobject-linkage -Wno-shadow -Wshadow=local)
  endif()
endif()
if(RAGE_WERROR)
  target_compile_options(rage_flags INTERFACE -Werror)
endif()
if(RAGE_SANITIZE)
  target_compile_options(rage_flags INTERFACE -fsanitize=${RAGE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(rage_flags INTERFACE -fsanitize=${RAGE_SANITIZE})
  string(FIND "${RAGE_SANITIZE}" "thread" tsan_at)
  if(NOT tsan_at EQUAL -1)
    # ThreadSanitizer sees our rooms only; the inference runtime stays out of the process (docs/adr/0004).
    target_compile_definitions(rage_flags INTERFACE RAGE_TSAN=1)
    set(RAGE_WITHOUT_OPENVINO ON)
  endif()
elseif(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(rage_flags INTERFACE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  target_link_options(rage_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
if(MOLD)
  target_link_options(rage_flags INTERFACE -fuse-ld=mold)
endif()
# Linking is what needs memory: one link at a time.
set_property(GLOBAL PROPERTY JOB_POOLS link=1)
set(CMAKE_JOB_POOL_LINK link)
