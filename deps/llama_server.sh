# Builds llama-server from the llama.cpp sources inside the llama-cpp-python source archive.
# shellcheck shell=bash disable=SC2154  # cache, python and deps_dir come from lib.sh

# clang with GGML_NATIVE makes use of AMX where there is one; g++ 12.2 miscompiles that path.
# OpenMP off: its spinning threads fight with ours. No TLS, no curl, no web page: the server is ours
# alone, on loopback.
llama_compiler=(-DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang-19
  -DCMAKE_CXX_COMPILER=clang++-19)
llama_left_out=(
  -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF
  -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF)
llama_flags=("${llama_compiler[@]}" -DGGML_NATIVE=ON -DGGML_OPENMP=OFF -DBUILD_SHARED_LIBS=OFF
  "${llama_left_out[@]}")
# For images, which run on whatever processor there is: the kernels of each generation are libraries
# of their own, beside the program, and the best one is loaded at start.
llama_portable_flags=("${llama_compiler[@]}" -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF
  -DBUILD_SHARED_LIBS=ON -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON
  -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON '-DCMAKE_INSTALL_RPATH=$ORIGIN' "${llama_left_out[@]}")

# GGML_NATIVE ties the binary to this processor, so the processor is part of what it was built from.
llama_stamp() {
  lock_field llama-cpp-python sha256
  clang-19 --version | head -n 1
  printf '%s\n' "${llama_flags[@]}"
  grep -m 1 '^model name' /proc/cpuinfo
  grep -m 1 '^flags' /proc/cpuinfo | sha256sum
}

llama_is_built() {
  [[ -x $cache/bin/llama-server && -f $cache/bin/llama-server.stamp ]] &&
    command -v clang-19 >/dev/null &&
    [[ $(<"$cache/bin/llama-server.stamp") == "$(llama_stamp)" ]]
}

llama_portable_stamp() {
  lock_field llama-cpp-python sha256
  clang-19 --version | head -n 1
  printf '%s\n' "${llama_portable_flags[@]}"
}

llama_portable_is_built() {
  local stamp=$cache/llama-portable/.stamp
  [[ -f $stamp && $(<"$stamp") == "$(llama_portable_stamp)" ]]
}

# Left in place when interrupted, so that the next run goes on where this one stopped.
compile_llama() { # SOURCE BUILD STAMP FLAG...
  local source=$1 build=$2 stamp=$3 archive
  shift 3
  archive=$cache/dl/$(lock_field llama-cpp-python file)
  mkdir -p "$cache/build" "$cache/bin"
  if [[ ! -f $build/.stamp || $(<"$build/.stamp") != "$stamp" || ! -d $source ]]; then
    rm -rf "$source" "$source.part" "$build"
    mkdir -p "$source.part" "$build"
    tar -xzf "$archive" -C "$source.part" --strip-components=3 --wildcards '*/vendor/llama.cpp'
    mv "$source.part" "$source"
    printf '%s' "$stamp" >"$build/.stamp"
  fi
  logged llama-configure cmake -G Ninja -S "$source" -B "$build" "$@"
  run_ninja_with_progress "$build" llama-server
}

# Into llama-portable/ of the cache: the program and its libraries. Only deploy/images asks for it.
build_llama_portable() {
  local source=$cache/build/llama-portable-source build=$cache/build/llama-portable library
  local new=$cache/llama-portable.new
  ensure_downloaded llama-cpp-python
  compile_llama "$source" "$build" "$(llama_portable_stamp)" "${llama_portable_flags[@]}"
  # Nothing links them: they are opened by name.
  run_ninja_with_progress "$build" all
  rm -rf "$new"
  mkdir -p "$new"
  install -s -m 755 "$build/bin/llama-server" "$new/"
  for library in "$build"/bin/*.so*; do
    [[ -L $library ]] && cp -a "$library" "$new/" && continue
    install -s -m 755 "$library" "$new/"
  done
  smoke_test_llama_server "$new/llama-server"
  llama_portable_stamp >"$new/.stamp"
  replace_folder "$new" "$cache/llama-portable"
  rm -rf "$source" "$build"
}

build_llama_server() {
  local source=$cache/build/llama-source build=$cache/build/llama stamp
  stamp=$(llama_stamp)
  compile_llama "$source" "$build" "$stamp" "${llama_flags[@]}"
  smoke_test_llama_server "$build/bin/llama-server"
  install -s -m 755 "$build/bin/llama-server" "$cache/bin/llama-server.new"
  mv "$cache/bin/llama-server.new" "$cache/bin/llama-server"
  printf '%s' "$stamp" >"$cache/bin/llama-server.stamp"
  rm -rf "$source" "$build"
}

run_ninja_with_progress() { # BUILD-FOLDER TARGET
  local log=$cache/log/llama-build.log
  NINJA_STATUS='%f/%t ' ninja -C "$1" "$2" 2>&1 | tee "$log" | show_tenths || {
    tail -n 30 "$log" >&2
    die "building llama-server failed (whole log: $log)"
  }
}

# A wrongly compiled matrix kernel crashes or babbles at the first product: ask before installing.
smoke_test_llama_server() { # BINARY
  local model=$cache/models/packaged/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf
  logged llama-smoke "$python" "$deps_dir/llama_smoke.py" "$1" "$model"
  say "      $(tail -n 1 "$cache/log/llama-smoke.log")"
}
