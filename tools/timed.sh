#!/usr/bin/env bash
# usage: tools/timed.sh LABEL COMMAND...   runs the command, then says how long it took
set -uo pipefail
label=$1
shift
begun=$SECONDS
"$@"
status=$?
printf '== %s: %d s%s\n' "$label" "$((SECONDS - begun))" "$([[ $status -eq 0 ]] || echo ', FAILED')"
exit "$status"
