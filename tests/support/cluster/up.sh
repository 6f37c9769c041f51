#!/usr/bin/env bash
# Starts a Kubernetes for tests in the new folder DIR: etcd, API server, controller manager and
# scheduler, on loopback and free ports; several run side by side.
#
# usage: up.sh DIR [--kwok] [--node] [--crds FOLDER]... [--audit] [--port N]
#   --kwok    nodes annotated kwok.x-k8s.io/node=fake and their pods are played by KWOK: ready at
#             once; images with "broken" in their name never are (stages.yaml)
#   --node    a real node: kubelet, containerd, kube-proxy (root; containerd runc
#             containernetworking-plugins iptables umoci skopeo). One of these a machine.
#   --crds    applied before the controllers start: a CRD seen later is garbage-collected with delay
#   --audit   audit.log: one line a request of the operator
#   --port    the API server's
#
# DIR gets kubeconfig (administrator), operator.kubeconfig (the operator's service account, bound to
# cluster-admin), cluster.json (both, for programs), logs and pid files.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/cluster/lib.sh
source "$here/lib.sh"
# shellcheck source=tests/support/cluster/build.sh
source "$here/build.sh"

with_kwok='' with_node='' with_audit='' api_port='' crds=()
dir=${1:?usage: up.sh DIR [--kwok] [--node] [--crds FOLDER]... [--audit] [--port N]}
shift
while [[ $# -gt 0 ]]; do
  case $1 in
    --kwok) with_kwok=1 ;;
    --node) with_node=1 ;;
    --audit) with_audit=1 ;;
    --crds) crds+=("${2:?--crds FOLDER}") && shift ;;
    --port) api_port=${2:?--port N} && shift ;;
    *) fail "unknown option $1" ;;
  esac
  shift
done
bin=$cluster_cache/bin

# Below the ports that the kernel hands out: a part that is killed finds its own free again.
free_port() {
  local port
  while true; do
    port=$((20000 + RANDOM % 12000))
    [[ " $taken " == *" $port "* ]] && continue
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
    taken+=" $port"
    REPLY=$port
    return
  done
}

claim_folder() {
  cluster_is_built kube etcd ${with_kwok:+kwok} || fail "not built yet: run deps/fetch.sh all"
  if [[ -n $with_node ]]; then
    [[ ! -e /run/rage-test && ! -e /sys/class/net/ragetest1 ]] ||
      fail "a node of another cluster is there (/run/rage-test, ragetest1)"
    ! iptables-save | grep -q KUBE- || fail "this machine is a Kubernetes node already (iptables)"
  fi
  [[ ! -e $dir || -z $(ls -A "$dir") ]] || fail "$dir is not empty"
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  printf '%s\n' "$bin" >"$dir/.rage-cluster"
  trap 'status=$?; [[ $status -eq 0 ]] || give_up' EXIT
}

give_up() {
  local log
  for log in "$dir"/*.log; do
    printf -- '---- %s\n' "$log" >&2
    tail -n 8 "$log" >&2
  done
  "$here/down.sh" "$dir"
}

wait_for() { # WHAT PART COMMAND...
  local what=$1 part=$2 i
  shift 2
  for ((i = 0; i < 600; i++)); do
    "$@" >/dev/null 2>&1 && return
    part_pid "$dir" "$part" >/dev/null || fail "$what ended at once"
    sleep 0.1
  done
  fail "$what did not come up"
}

kubeconfig() { # FILE TOKEN
  cat >"$dir/$1" <<K
apiVersion: v1
kind: Config
clusters:
- name: test
  cluster:
    server: https://$addr:$api_port
    certificate-authority: $dir/certs/apiserver.crt
users:
- name: user
  user:
    token: $2
contexts:
- name: test
  context:
    cluster: test
    user: user
current-context: test
K
}

start_etcd() {
  # No fsync: a killed process loses nothing, and machines that fail take the tests with them.
  start_part "$dir" etcd "$bin/etcd" --data-dir "$dir/etcd" --log-level warn --unsafe-no-fsync \
    --listen-client-urls "$etcd" --advertise-client-urls "$etcd" --listen-peer-urls "$peer" \
    --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer"
}

start_api_server() {
  local -a audit=()
  if [[ -n $with_audit ]]; then
    cat >"$dir/audit.yaml" <<K
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted, Panic]
rules:
- level: Metadata
  users: ["$operator_user"]
- level: None
K
    audit=(--audit-policy-file "$dir/audit.yaml" --audit-log-path "$dir/audit.log"
      --audit-log-mode blocking)
  fi
  start_part "$dir" kube-apiserver "$bin/kube-apiserver" --etcd-servers="$etcd" \
    --secure-port="$api_port" --bind-address="$addr" --advertise-address=10.250.255.1 \
    --cert-dir="$dir/certs" --endpoint-reconciler-type="$reconciler" \
    --kubelet-preferred-address-types=InternalIP --service-account-key-file="$dir/sa.key" \
    --service-account-signing-key-file="$dir/sa.key" \
    --service-account-issuer=https://kubernetes.default.svc --token-auth-file="$dir/tokens.csv" \
    --authorization-mode=Node,RBAC --service-cluster-ip-range="$services" --allow-privileged \
    "${audit[@]}"
  wait_for "the API server" kube-apiserver "$bin/kubectl" get --raw /readyz
}

# The clients' own throttles are for shared clusters. Fake nodes send no heartbeat, so only a real
# one is watched for it.
start_controllers() {
  local -a common=(--kubeconfig "$dir/kubeconfig" --leader-elect=false --kube-api-qps 1000
    --kube-api-burst 2000)
  start_part "$dir" kube-controller-manager "$bin/kube-controller-manager" "${common[@]}" \
    --secure-port 0 --service-account-private-key-file="$dir/sa.key" \
    --root-ca-file="$dir/certs/apiserver.crt" --concurrent-statefulset-syncs 20 \
    --concurrent-gc-syncs 10 --node-monitor-grace-period "$grace"
  start_part "$dir" kube-scheduler "$bin/kube-scheduler" "${common[@]}" --secure-port 0
}

start_kwok() {
  free_port
  local port=$REPLY
  # What every pod says: the benchmark's result, in the format of the container runtime.
  cp "$here/pod.log" "$dir/pod.log.txt"
  cat "$here/stages.yaml" - >"$dir/kwok.yaml" <<K
---
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options:
  cidr: 10.128.0.0/9
  nodeIP: 127.0.0.1
  nodePort: $port
  serverAddress: 127.0.0.1:$port
  enableDebuggingHandlers: true
  manageNodesWithAnnotationSelector: kwok.x-k8s.io/node=fake
  nodeLeaseDurationSeconds: 0
  podPlayStageParallelism: 16
  nodePlayStageParallelism: 8
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterLogs
metadata:
  name: every-pod
spec:
  logs:
  - logsFile: $dir/pod.log.txt
K
  "$bin/kubectl" apply -f "$here/storage_class.yaml" >/dev/null
  start_part "$dir" kwok "$bin/kwok" --kubeconfig "$dir/kubeconfig" --config "$dir/kwok.yaml"
  wait_for KWOK kwok bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
}

taken=''
addr=127.0.0.1 reconciler=none grace=24h
[[ -z $with_node ]] || addr=10.250.255.1 reconciler=lease grace=40s
services=10.96.0.0/16  # Their addresses.
operator_user=system:serviceaccount:kaito-workspace:rage-operator

main() {
  claim_folder
  [[ -n $api_port ]] || { free_port && api_port=$REPLY; }
  (exec 3<>"/dev/tcp/127.0.0.1/$api_port") 2>/dev/null && fail "port $api_port is taken"
  free_port && etcd=http://127.0.0.1:$REPLY
  free_port && peer=http://127.0.0.1:$REPLY
  if [[ -n $with_node ]]; then
    touch "$dir/node"
    ip link add ragetest1 type bridge
    ip addr add "$addr/32" dev ragetest1
    ip link set ragetest1 up
    # A Service that kube-proxy does not know (yet) must not be looked for outside of this machine.
    ip route add "$services" dev ragetest1
  fi
  local admin operator kubelet groups
  groups=system:serviceaccounts,system:serviceaccounts:kaito-workspace
  openssl genrsa -out "$dir/sa.key" 2048 2>/dev/null
  admin=$(openssl rand -hex 16) operator=$(openssl rand -hex 16) kubelet=$(openssl rand -hex 16)
  (
    umask 077
    printf '%s\n' "$admin,admin,admin,system:masters" \
      "$kubelet,system:node:node1,node1,system:nodes" \
      "$operator,$operator_user,operator,\"$groups\"" \
      >"$dir/tokens.csv"
  )
  kubeconfig kubeconfig "$admin"
  kubeconfig operator.kubeconfig "$operator"
  kubeconfig kubelet.kubeconfig "$kubelet"
  printf '{"server": "https://%s:%s", "ca": "%s", "token": "%s", "bin": "%s"}\n' "$addr" \
    "$api_port" "$dir/certs/apiserver.crt" "$admin" "$bin" >"$dir/cluster.json"
  export KUBECONFIG=$dir/kubeconfig

  start_etcd
  start_api_server
  local folder
  for folder in "${crds[@]}"; do
    "$bin/kubectl" apply --server-side -f "$folder" >/dev/null
  done
  "$bin/kubectl" create clusterrolebinding rage-operator --clusterrole cluster-admin \
    --user "$operator_user" >/dev/null
  start_controllers
  if [[ -n $with_kwok ]]; then start_kwok; fi
  if [[ -n $with_node ]]; then
    # shellcheck source=tests/support/cluster/node.sh
    source "$here/node.sh"
    start_node
  fi
  printf 'export KUBECONFIG=%s PATH=%s:$PATH\n' "$dir/kubeconfig" "$bin"
}

main
