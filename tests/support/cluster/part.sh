#!/usr/bin/env bash
# Kills one part of a cluster (kill -9), or starts it again: part.sh DIR kill|start NAME
set -euo pipefail
# shellcheck source=tests/support/cluster/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[[ $# -eq 3 && -f $1/$3.cmd ]] || fail "usage: part.sh DIR kill|start NAME"
is_our_cluster "$1" || fail "$1 is no cluster of ours"
case $2 in
  kill) kill_part "$1" "$3" KILL ;;
  start) part_pid "$1" "$3" >/dev/null || start_part "$1" "$3" ;;
  *) fail "usage: part.sh DIR kill|start NAME" ;;
esac
