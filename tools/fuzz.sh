#!/usr/bin/env bash
# Runs each libFuzzer target of build/fuzz for a while, JOBS at once.
#
# usage: tools/fuzz.sh SECONDS [TARGET...]
#
# Seeds lie in fuzz/corpus/TARGET; what a run learns, in build/fuzz/corpus/TARGET. An input that
# breaks a target is kept as build/fuzz/artifacts/TARGET-*; to look into it, run the target with the
# file as its only argument.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:?usage: tools/fuzz.sh SECONDS [TARGET...]}
shift
targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
  mapfile -t targets < <(find build/fuzz/targets -type f -executable -printf '%f\n' | sort)
fi
[[ ${#targets[@]} -gt 0 ]] || { echo "fuzz: no targets in build/fuzz/targets" >&2; exit 1; }

# shellcheck disable=SC2329  # Called by the shells that xargs starts.
run_target() { # TARGET SECONDS
  local target=$1 log=build/fuzz/log/$1.log
  local -a corpora=("build/fuzz/corpus/$target")
  mkdir -p "build/fuzz/corpus/$target" build/fuzz/{artifacts,log}
  [[ -d fuzz/corpus/$target ]] && corpora+=("fuzz/corpus/$target")
  if "build/fuzz/targets/$target" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="build/fuzz/artifacts/$target-" "${corpora[@]}" \
    >"$log" 2>&1; then
    printf '%-28s ok, %s runs\n' "$target" \
      "$(awk '/^stat::number_of_executed_units/ { print $2 }' "$log")"
  else
    tail -n 40 "$log"
    printf '%-28s FAILED (whole log: %s)\n' "$target" "$log"
    return 1
  fi
}
export -f run_target
status=0
printf '%s\n' "${targets[@]}" |
  xargs -P "${JOBS:-$(nproc)}" -I '{}' bash -c 'run_target "$@"' _ '{}' "$seconds" || status=1
exit "$status"
