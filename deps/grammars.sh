# Builds tree-sitter and the grammars of the languages that source code is cut in, once, as one
# static library. Grammars are tables of megabytes: compiling them anew in every build would cost
# minutes, and sanitizers would find nothing in them.
# shellcheck shell=bash disable=SC2154  # cache comes from lib.sh

# As text/code_chunks.h names them. The pack's parsers speak version 14 of the runtime's interface.
grammar_names=(bash c cpp css go html java javascript json python rust sql toml tsx typescript)
grammar_flags=(-std=c11 -O2 -fPIC -w -ffunction-sections -fdata-sections)

grammars_stamp() {
  local package
  for package in tree-sitter tree-sitter-language-pack tree-sitter-yaml; do
    lock_field "$package" sha256
  done
  clang-19 --version | head -n 1
  printf '%s\n' "${grammar_names[*]}" "${grammar_flags[*]}"
  declare -f write_yaml_schema unpack_grammars
}

grammars_are_built() {
  local stamp=$cache/tree-sitter/.stamp
  [[ -f $stamp ]] && command -v clang-19 >/dev/null && [[ $(<"$stamp") == "$(grammars_stamp)" ]]
}

# The scanner asks what a plain scalar is: a number, a date, text. Where a document is cut does not
# depend on it, and the source archive lacks the file that would tell.
write_yaml_schema() { # FILE
  cat >"$1" <<'SCHEMA'
typedef enum { RS_STR, RS_INT, RS_NULL, RS_BOOL, RS_FLOAT, RS_TIMESTAMP } ResultSchema;
#define SCH_STT_FRZ (-1)
static int8_t adv_sch_stt(int8_t state, int32_t character, ResultSchema *result) {
  (void)state, (void)character;
  *result = RS_STR;
  return SCH_STT_FRZ;
}
SCHEMA
}

unpack_grammars() { # WORK
  local work=$1 name
  local -a wanted=()
  for name in "${grammar_names[@]}"; do wanted+=("*/parsers/$name/*.[ch]"); done
  mkdir -p "$work"/{pack,yaml,runtime,objects}
  tar -xzf "$cache/dl/$(lock_field tree-sitter-language-pack file)" -C "$work/pack" \
    --strip-components=1 --wildcards "${wanted[@]}" '*/LICENSE'
  tar -xzf "$cache/dl/$(lock_field tree-sitter-yaml file)" -C "$work/yaml" \
    --strip-components=1 --wildcards '*/src/*' '*/LICENSE'
  tar -xzf "$cache/dl/$(lock_field tree-sitter file)" -C "$work/runtime" --strip-components=1 \
    --wildcards '*/tree_sitter/core/lib/*' '*/LICENSE'
  write_yaml_schema "$work/yaml/src/schema.core.c"
  # The scanners of bash, python and yaml write some bytes more than the 1024 they are given: the
  # runtime has room for them.
  sed -i 's/\(TREE_SITTER_SERIALIZATION_BUFFER_SIZE\) 1024/\1 2048/' \
    "$work/runtime/tree_sitter/core/lib/src/parser.h"
  # The scanner of sql forgets a dollar quote's tag, up to all of the text, each time that its state
  # is put back.
  sed -i \
    -e '/_scanner_deserialize(/,/^}/ s/state->start_tag = NULL;/free(state->start_tag);\n  &/' \
    -e '/strcmp(state->start_tag, start_tag) == 0/ s/$/ free(start_tag);/' \
    "$work/pack/parsers/sql/src/scanner.c"
}

# One line an object: its name, its source, its include folder.
grammar_objects() { # WORK
  local name part
  for name in "${grammar_names[@]}"; do
    for part in parser scanner; do
      [[ -f $1/pack/parsers/$name/src/$part.c ]] || continue
      echo "$name-$part $1/pack/parsers/$name/src/$part.c $1/pack/parsers/$name/src"
    done
  done
  for part in parser scanner; do echo "yaml-$part $1/yaml/src/$part.c $1/yaml/src"; done
}

build_grammars() {
  local work=$cache/tmp/grammars lib
  rm -rf "$work"
  unpack_grammars "$work"
  lib=$work/runtime/tree_sitter/core/lib
  # shellcheck disable=SC2016  # The inner shell's own parameters.
  grammar_objects "$work" | logged grammars-build xargs -P "$(nproc)" -L 1 sh -c '
    clang-19 '"${grammar_flags[*]}"' -I "$2" -c "$1" -o "'"$work"'/objects/$0.o"'
  logged grammars-runtime clang-19 "${grammar_flags[@]}" -D_DEFAULT_SOURCE \
    -I "$lib/include" -I "$lib/src" -c "$lib/src/lib.c" -o "$work/objects/runtime.o"
  mkdir -p "$work/new"/{include,lib,licenses}
  logged grammars-archive ar rcs "$work/new/lib/libtree-sitter.a" "$work"/objects/*.o
  cp -r "$lib/include/tree_sitter" "$work/new/include/"
  local package
  for package in pack yaml runtime; do
    cp "$work/$package/LICENSE" "$work/new/licenses/LICENSE-$package"
  done
  grammars_stamp >"$work/new/.stamp"
  replace_folder "$work/new" "$cache/tree-sitter"
  rm -rf "$work"
}
