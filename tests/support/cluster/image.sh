#!/usr/bin/env bash
# Makes a one-file image, or one of a folder, and imports it into the test node, without a daemon.
#
# usage: image.sh NAME:TAG FILE.c|EXECUTABLE|FOLDER [ENTRYPOINT...]
set -euo pipefail
name=$1 from=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umoci init --layout "$work/oci" >/dev/null
umoci new --image "$work/oci:v" >/dev/null
umoci unpack --image "$work/oci:v" "$work/bundle" >/dev/null 2>&1
if [[ -d $from ]]; then
  cp -a "$from/." "$work/bundle/rootfs/"
else
  if [[ $from == *.c ]]; then
    gcc -static -O2 "$from" -o "$work/bundle/rootfs/main"
  else
    cp "$from" "$work/bundle/rootfs/main"
  fi
  set -- /main "$@"
fi
umoci repack --image "$work/oci:v" "$work/bundle" >/dev/null 2>&1
entry=()
for word in "$@"; do entry+=(--config.entrypoint "$word"); done
[[ ${#entry[@]} -eq 0 ]] || umoci config --image "$work/oci:v" "${entry[@]}"
skopeo copy -q "oci:$work/oci:v" "oci-archive:$work/image.tar:$name"
ctr -a /run/rage-test/containerd.sock -n k8s.io images import --base-name "${name%:*}" \
  "$work/image.tar" >/dev/null
echo "imported $name"
