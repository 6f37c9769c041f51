#!/usr/bin/env bash
# Stops what up.sh started in DIR, and nothing else, and removes DIR: down.sh DIR
set -uo pipefail
# shellcheck source=tests/support/cluster/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[[ $# -eq 1 ]] || fail "usage: down.sh DIR"
[[ -d $1 ]] || exit 0
dir=$(cd "$1" && pwd)
is_our_cluster "$dir" || fail "$dir is no cluster of ours"

# kube-proxy leaves the kubelet's. There were none before: up.sh looked.
remove_kubelet_chains() {
  local table rule chain
  for table in filter nat mangle; do
    iptables -w -t "$table" -S | grep -E '^-A .*(KUBE-)' | sed 's/^-A/-D/' | while read -r rule; do
      xargs iptables -w -t "$table" <<<"$rule"
    done
    for chain in $(iptables -w -t "$table" -S | sed -n 's/^-N \(KUBE-.*\)/\1/p'); do
      iptables -w -t "$table" -X "$chain"
    done
  done
} 2>/dev/null

stop_node() {
  local -a ctr=(ctr -a /run/rage-test/containerd.sock -n k8s.io)
  local bin name port
  bin=$(<"$dir/.rage-cluster")
  for name in kubelet kube-proxy; do kill_part "$dir" "$name" TERM; done
  for name in $("${ctr[@]}" tasks ls -q 2>/dev/null); do
    "${ctr[@]}" tasks kill -s KILL "$name" >/dev/null 2>&1
  done
  sleep 1
  for name in $("${ctr[@]}" containers ls -q 2>/dev/null); do
    "${ctr[@]}" tasks rm -f "$name" >/dev/null 2>&1
    "${ctr[@]}" containers rm "$name" >/dev/null 2>&1
  done
  kill_part "$dir" containerd TERM
  "$bin/kube-proxy" --cleanup >/dev/null 2>&1
  remove_kubelet_chains
  for port in /sys/class/net/ragetest0/brif/*; do
    [[ -e $port ]] && ip link del "${port##*/}" 2>/dev/null
  done
  ip link del ragetest0 2>/dev/null
  ip link del ragetest1 2>/dev/null
}

[[ -f $dir/node ]] && stop_node
# Nothing of the control plane is worth keeping.
for name in $(parts_of "$dir"); do kill_part "$dir" "$name" KILL; done
if [[ -f $dir/node ]]; then
  grep -oE " ($dir|/run/rage-test)/[^ ]+ " /proc/mounts | tr -d ' ' | sort -r |
    xargs -r -n1 umount -l 2>/dev/null
  rm -rf /run/rage-test
fi
rm -rf "$dir"
