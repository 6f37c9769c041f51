#!/usr/bin/env bash
# Builds the OCI images from build/release, without a daemon and without a base image: each holds
# our programs, the shared libraries they need, certificates and time zones. No shell, no package
# manager. The same inputs give the same digest: names sorted, times and owners fixed.
#
#   rage            operator, RAG service, endpoint picker, indexer; embedding model, git, pdftotext
#   rage-llamacpp   the same base, with llama-server and the small chat model
#
# usage: deploy/images/build.sh [FOLDER]     default: build/images
#   LLAMA_PORTABLE=1       a llama-server for any x86-64, not for this processor alone; for releases
#   SOURCE_DATE_EPOCH=N    the time that images carry (default 0)
#   IMAGE_PREFIX=...       before the name (default ghcr.io/rage)
#   RAGE_BUILD=FOLDER      another build folder; a sanitized one finds more in `make e2e`
#
# FOLDER gets NAME.tar (OCI archive; skopeo and `ctr images import` read it) and NAME.digest.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=deps/lib.sh
source "$root/deps/lib.sh"
# shellcheck source=deps/llama_server.sh
source "$root/deps/llama_server.sh"
# shellcheck source=deploy/images/rootfs.sh
source "$here/rootfs.sh"

out=${1:-$root/build/images}
release=${RAGE_BUILD:-$root/build/release}
epoch=${SOURCE_DATE_EPOCH:-0}
prefix=${IMAGE_PREFIX:-ghcr.io/rage}
created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)
version=$(sed -n 's/^project(rage VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")

make_layer() { # NAME: a tar of the folder $work/NAME
  # Whoever runs the image may read everything; nobody may write anything.
  chmod -R u=rwX,go=rX "$work/$1"
  [[ ! -d $work/$1/tmp ]] || chmod 1777 "$work/$1/tmp"
  tar --create --file "$work/$1.tar" --directory "$work/$1" --sort=name --format=gnu \
    --mtime="@$epoch" --owner=0 --group=0 --numeric-owner .
}

make_image() { # NAME LAYER...
  local name=$1 layer archive=$out/$1.tar
  local -a history=(--history.created "$created" --history.created_by deploy/images/build.sh)
  shift
  umoci new --image "$work/oci:$name"
  for layer in "$@"; do
    umoci raw add-layer --image "$work/oci:$name" "${history[@]}" "$work/$layer.tar"
  done
  umoci config --image "$work/oci:$name" --no-history --created "$created" --os linux \
    --architecture amd64 --author RAGE --config.user 1000:1000 --config.workingdir / \
    --config.entrypoint rage --config.env PATH=/usr/bin --config.env HOME=/tmp \
    --config.env RAGE_CACHE_DIR=/var/lib/rage \
    --config.env RAGE_PACKAGED_DIR=/var/lib/rage/models/packaged \
    --config.env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    --config.label "org.opencontainers.image.title=$name" \
    --config.label "org.opencontainers.image.version=$version" \
    --config.label org.opencontainers.image.licenses=Apache-2.0
  rm -f "$archive"
  skopeo copy --quiet "oci:$work/oci:$name" "oci-archive:$archive:$prefix/$name:$version"
  skopeo inspect --format '{{.Digest}}' "oci:$work/oci:$name" >"$out/$name.digest"
  printf '%-14s %s  %s compressed, %s unpacked\n' "$name" "$(<"$out/$name.digest")" \
    "$(du -h --apparent-size "$archive" | cut -f1)" "$(unpacked_size "$@")"
}

unpacked_size() { # LAYER...
  local layer total=0
  for layer in "$@"; do total=$((total + $(stat -c %s "$work/$layer.tar"))); done
  numfmt --to=iec "$total"
}

main() {
  [[ -x $release/rage ]] || die "no $release/rage: make build"
  command -v umoci skopeo >/dev/null || die "umoci and skopeo are missing: deps/fetch.sh e2e"
  mkdir -p "$out"
  work=$(mktemp -d "$out/.work-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  fill_base "$work/base"
  fill_services "$work/services"
  fill_llamacpp "$work/llamacpp"
  local layer
  for layer in base services llamacpp; do make_layer "$layer"; done
  umoci init --layout "$work/oci"
  make_image rage base services
  make_image rage-llamacpp base llamacpp
}

main
