#!/usr/bin/env bash
# House rules and headers on the whole tree; clang-format and clang-tidy on what differs from the
# main branch, or on everything with ALL=1. Reports all it finds before it fails.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
status=0

changed_files() {
  if [[ -n ${ALL:-} ]]; then
    git ls-files --cached --others --exclude-standard '*.cc' '*.h'
    return
  fi
  local base
  base=$(git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD)
  git diff --name-only --diff-filter=d "$base" -- '*.cc' '*.h'
  git ls-files --others --exclude-standard '*.cc' '*.h'
}

python3 -B tools/tidy/tidy.py . || status=1

mapfile -t files < <(changed_files | sort -u)
if [[ ${#files[@]} -gt 0 ]]; then
  clang-format-19 --dry-run -Werror "${files[@]}" || { echo "tidy: run make fmt"; status=1; }
fi

# Only what the build knows; headers are seen through the files that include them.
mapfile -t units < <(python3 - "${files[@]}" <<'END'
import json, os, sys
with open("build/tidy/compile_commands.json") as commands:
    known = {os.path.relpath(entry["file"]) for entry in json.load(commands)}
print("\n".join(path for path in sys.argv[1:] if path in known))
END
)
if [[ -n ${units[*]} ]]; then
  printf '%s\n' "${units[@]}" |
    xargs -P "${JOBS:-$(nproc)}" -n 1 clang-tidy-19 -p build/tidy --quiet 2> >(
      grep -vE '^[0-9]+ warnings? (generated|treated)' >&2) || status=1
fi

# Every header compiles alone.
cmake --build build/tidy -j "${JOBS:-$(nproc)}" --target all_verify_interface_header_sets ||
  status=1
exit "$status"
