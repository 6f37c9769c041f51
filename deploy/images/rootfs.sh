# What the layers of the images hold; sourced by build.sh, which sets release.
# shellcheck shell=bash disable=SC2154

library_folder=usr/lib/x86_64-linux-gnu  # Where the loader looks without being told.

# The libraries a program or library is linked with, all the way down: "NAME PATH" a line.
libraries_of() { # FILE...
  LD_LIBRARY_PATH=$cache/openvino/libs ldd "$@" |
    awk '$2 == "=>" { if ($3 == "not") { print $1 " is missing" > "/dev/stderr"; bad = 1 }
                      else print $1, $3 }
         END { exit bad }' | sort -u
}

add_libraries() { # TARGET FILE...
  local target=$1 name path
  shift
  mkdir -p "$target/$library_folder" "$target/lib64"
  while read -r name path; do
    [[ $path != "$cache/llama-portable/"* ]] || continue  # They lie beside their program.
    install -m 755 "$path" "$target/$library_folder/$name"
    add_licence "$target" "$path"
  done < <(libraries_of "$@")
  install -m 755 /lib64/ld-linux-x86-64.so.2 "$target/lib64/"
}

# Of the Debian package a file comes from; ours and OpenVINO's are added whole.
add_licence() { # TARGET FILE
  local package
  package=$(dpkg-query -S "$(realpath "$2")" "$2" 2>/dev/null | head -n 1 | cut -d: -f1) || true
  [[ -n $package && -f /usr/share/doc/$package/copyright ]] || return 0
  mkdir -p "$1/usr/share/doc/$package"
  cp -L "/usr/share/doc/$package/copyright" "$1/usr/share/doc/$package/copyright"
}

# What an AutoIndexer fetches with, over https and ssh; for that git starts no shell.
add_git() { # TARGET
  local target=$1 core=usr/lib/git-core
  mkdir -p "$target/usr/bin" "$target/$core"
  install -m 755 /usr/bin/git /usr/bin/ssh "$target/usr/bin/"
  ln -s ../../bin/git "$target/$core/git"
  install -m 755 "/$core/git-remote-http" "$target/$core/git-remote-http"
  ln -s git-remote-http "$target/$core/git-remote-https"
  add_libraries "$target" /usr/bin/git /usr/bin/ssh "/$core/git-remote-http"
  add_licence "$target" /usr/bin/git
  add_licence "$target" /usr/bin/ssh
}

# What `rage index` and AutoIndexers read PDF files with.
add_pdf() { # TARGET
  mkdir -p "$1/usr/bin"
  install -m 755 /usr/bin/pdftotext "$1/usr/bin/"
  add_libraries "$1" /usr/bin/pdftotext
  add_licence "$1" /usr/bin/pdftotext
}

# Programs, their libraries, and what every Linux program expects to find.
fill_base() { # TARGET
  local target=$1 plugin=$cache/openvino/libs/libopenvino_intel_cpu_plugin.so
  mkdir -p "$target"/{etc/ssl/certs,tmp,var/lib/rage/models/hub,var/lib/rage/bin,usr/share/doc/rage}
  # Without debug information and without the library paths of the build.
  cmake --install "$release" --prefix "$target/usr" --strip >/dev/null
  add_libraries "$target" "$target/usr/bin/rage" "$plugin"
  # Loaded at run time, from beside libopenvino.
  install -m 755 "$plugin" "$target/$library_folder/"
  cp -r "$cache/openvino/licenses" "$target/usr/share/doc/openvino"
  cp "$root/LICENSE" "$root/NOTICE" "$target/usr/share/doc/rage/"
  cp -L /etc/ssl/certs/ca-certificates.crt "$target/etc/ssl/certs/"
  mkdir -p "$target/usr/share/zoneinfo"
  cp -a /usr/share/zoneinfo/. "$target/usr/share/zoneinfo/"
  printf '%s\n' 'root:x:0:0:root:/:/usr/sbin/nologin' \
    'rage:x:1000:1000:rage:/tmp:/usr/sbin/nologin' \
    'nonroot:x:65532:65532:nonroot:/tmp:/usr/sbin/nologin' >"$target/etc/passwd"
  printf '%s\n' 'root:x:0:' 'rage:x:1000:' 'nonroot:x:65532:' >"$target/etc/group"
  printf 'hosts: files dns\n' >"$target/etc/nsswitch.conf"
}

add_model() { # TARGET NAME
  mkdir -p "$1/var/lib/rage/models/packaged"
  cp -r "$cache/models/packaged/$2" "$1/var/lib/rage/models/packaged/$2"
  rm -f "$1/var/lib/rage/models/packaged/$2/.stamp"
}

# The embedding model, git for AutoIndexers, and what reads PDF files.
fill_services() { # TARGET
  add_model "$1" all-MiniLM-L6-v2
  add_git "$1"
  add_pdf "$1"
  remove_what_base_has "$1"
}

# What the base has already is not shipped twice.
remove_what_base_has() { # TARGET
  local target=$1 file
  (cd "$target" && find "$library_folder" lib64 usr/share/doc -type f -print0) |
    while IFS= read -r -d '' file; do
      if cmp -s "$target/$file" "$work/base/$file"; then rm "$target/$file"; fi
    done
  find "$target" -type d -empty -delete
}

# The program is where `rage model serve` looks: bin/llama-server below RAGE_CACHE_DIR.
fill_llamacpp() { # TARGET
  local target=$1 built
  mkdir -p "$target/var/lib/rage/bin"
  add_model "$target" SmolLM2-135M-Instruct
  if [[ ${LLAMA_PORTABLE:-} == 1 ]]; then
    llama_portable_is_built || { lock_cache && build_llama_portable; }
    cp -a "$cache/llama-portable/." "$target/var/lib/rage/bin/"
    rm -f "$target/var/lib/rage/bin/.stamp"
    built=$cache/llama-portable/llama-server
  else
    llama_is_built || die "no llama-server: deps/fetch.sh build"
    built=$cache/bin/llama-server
    install -m 755 "$built" "$target/var/lib/rage/bin/"
  fi
  add_libraries "$target" "$built"
  remove_what_base_has "$target"
}
