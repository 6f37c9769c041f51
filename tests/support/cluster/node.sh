# The real node of up.sh --node: containerd, kubelet, kube-proxy, and a DNS that knows Services.
# shellcheck shell=bash disable=SC2154  # dir, here, bin and addr are up.sh's.

start_node() {
  local subnet=10.250.0.0/24
  mkdir -p "$dir/cni" /run/rage-test
  cat >"$dir/cni/10.conflist" <<C
{"cniVersion": "1.0.0", "name": "rage-test", "plugins": [
  {"type": "bridge", "bridge": "ragetest0", "isGateway": true,
   "ipam": {"type": "host-local", "dataDir": "$dir/ipam", "ranges": [[{"subnet": "$subnet"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
C
  cat >"$dir/containerd.toml" <<C
version = 2
root = "$dir/containerd"
state = "/run/rage-test/containerd"
[grpc]
address = "/run/rage-test/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/pause:v1"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "$dir/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "/usr/sbin/runc"
C
  start_part "$dir" containerd containerd -c "$dir/containerd.toml"
  wait_for containerd containerd ctr -a /run/rage-test/containerd.sock version
  "$here/image.sh" localhost/pause:v1 "$here/pause.c" >/dev/null
  cat >"$dir/kubelet.yaml" <<K
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
containerRuntimeEndpoint: unix:///run/rage-test/containerd.sock
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
failSwapOn: false
localStorageCapacityIsolation: false
evictionHard: {memory.available: "50Mi", nodefs.available: "1%", imagefs.available: "1%"}
address: $addr
healthzPort: 0
clusterDomain: cluster.local
clusterDNS: ["$addr"]
K
  start_part "$dir" dns python3 "$here/dns.py" "$dir" "$addr"
  start_part "$dir" kubelet "$bin/kubelet" --config "$dir/kubelet.yaml" \
    --kubeconfig "$dir/kubelet.kubeconfig" --hostname-override node1 --node-ip "$addr" \
    --root-dir "$dir/kubelet" --cert-dir "$dir/kubelet-pki"
  cat >"$dir/kube-proxy.yaml" <<K
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clusterCIDR: $subnet
hostnameOverride: node1
bindAddress: $addr
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
clientConnection: {kubeconfig: $dir/kubeconfig}
conntrack: {maxPerCore: 0, min: 0}
K
  start_part "$dir" kube-proxy "$bin/kube-proxy" --config "$dir/kube-proxy.yaml"
  wait_for kube-proxy kube-proxy bash -c "exec 3<>/dev/tcp/127.0.0.1/10256"
  wait_for "the node" kubelet bash -c "'$bin/kubectl' get node node1 -o \
    jsonpath='{.status.conditions[?(@.type==\"Ready\")].status}' | grep -q True"
}
