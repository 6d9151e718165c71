#!/bin/sh
# Builds the lab into .lab/bin: the upstream parts in one Go binary, helm, age,
# sops, bbolt, rage, Traefik, and the k3s front. Each piece is skipped when it is
# there and nothing it is made from has changed. Works on a fresh Debian 12 with Go,
# gcc and the project's node_modules; as root it installs missing packages.
# LAB_WITHOUT="rage traefik" leaves out what only some tests need.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
parts="$root/tests/lab/parts"
traefik="$root/tests/lab/traefik"
bin="$root/.lab/bin"
bun="$root/node_modules/.bin/bun"
mkdir -p "$bin" "$root/.lab/stamps"

K3S_VERSION=v1.37.2+k3s1
GO_TOOLS="filippo.io/age/cmd/...@v1.3.2 helm.sh/helm/v4/cmd/helm@v4.3.1 go.etcd.io/bbolt/cmd/bbolt@v1.4.3 github.com/getsops/sops/v3/cmd/sops@v3.13.3"
RAGE_VERSION=0.12.1
TRAEFIK=github.com/traefik/traefik/v3
LEGO=github.com/go-acme/lego/v5
PROGRAMS="etcd etcdutl kine kube-apiserver kube-controller-manager kube-proxy kube-scheduler lab-kv lab-pki"
CLIENTS="etcdctl kubectl"
# What the lab and the tests start: nspawn, ip, nsenter, the stock tools that archives must open with.
PACKAGES="systemd-container:systemd-nspawn iproute2:ip util-linux:nsenter procps:pgrep nftables:nft age:age zstd:zstd strace:strace time:/usr/bin/time gcc:gcc"

now() { date +%s; }
say() { printf 'lab: %s\n' "$*" >&2; }

# made_from NAME KEY: true when NAME was made from KEY before.
made_from() { [ "$(cat "$root/.lab/stamps/$1" 2>/dev/null)" = "$2" ]; }
remember() { printf '%s\n' "$2" >"$root/.lab/stamps/$1"; }
wanted() { case " ${LAB_WITHOUT:-} " in *" $1 "*) return 1 ;; esac; }
# The same in every clone, so that a lab can be copied from one to another.
hash_of() { sha256sum "$@" | sed "s|  $root/|  |" | sha256sum | cut -c1-16; }

install_packages() {
  missing=
  for pair in $PACKAGES; do
    command -v "${pair#*:}" >/dev/null 2>&1 || missing="$missing ${pair%%:*}"
  done
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    say "missing Debian packages:$missing (not root, so not installed)"
    return 0
  fi
  say "installing Debian packages:$missing"
  apt-get update -qq
  # shellcheck disable=SC2086 # a list
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

build_parts() {
  key="$K3S_VERSION $(hash_of "$parts/go.mod" "$parts/go.sum" "$parts"/*.go "$parts"/clients/*.go "$parts"/node/*.go)"
  if made_from parts "$key" && [ -x "$bin/parts" ] && [ -x "$bin/clients" ] && [ -x "$bin/lab-node" ]; then return 0; fi
  command -v go >/dev/null || { say "Go is needed to build the lab's parts"; exit 1; }
  say "building etcd, kine, Kubernetes into one binary (7 to 10 minutes the first time, seconds later)"
  start=$(now)
  flags="-s -w"
  # Without these every component calls itself v0.0.0-master and kubectl cannot parse that.
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags="$flags -X $package.gitVersion=$K3S_VERSION -X $package.gitMajor=1 -X $package.gitMinor=37"
    flags="$flags -X $package.gitCommit=0000000000000000000000000000000000000000 -X $package.gitTreeState=clean"
    flags="$flags -X $package.buildDate=2026-11-01T00:00:00Z"
  done
  (cd "$parts" && CGO_ENABLED=1 go build -trimpath -ldflags "$flags" -o "$bin/parts.new" .)
  (cd "$parts" && CGO_ENABLED=1 go build -trimpath -ldflags "$flags" -o "$bin/clients.new" ./clients)
  (cd "$parts" && CGO_ENABLED=1 go build -trimpath -ldflags "$flags" -o "$bin/lab-node.new" ./node)
  mv "$bin/parts.new" "$bin/parts"
  mv "$bin/clients.new" "$bin/clients"
  mv "$bin/lab-node.new" "$bin/lab-node"
  for program in $PROGRAMS; do ln -sf parts "$bin/$program"; done
  for program in $CLIENTS; do ln -sf clients "$bin/$program"; done
  remember parts "$key"
  say "parts built in $(($(now) - start)) s"
}

build_informer() {
  key="$(hash_of "$parts/go.mod" "$parts/go.sum" "$parts/informer/main.go")"
  if made_from informer "$key" && [ -x "$bin/lab-informer" ]; then return 0; fi
  (cd "$parts" && CGO_ENABLED=1 go build -trimpath -ldflags "-s -w" -o "$bin/lab-informer.new" ./informer)
  mv "$bin/lab-informer.new" "$bin/lab-informer"
  remember informer "$key"
  say "informer built"
}

build_tools() {
  for tool in $GO_TOOLS; do
    name=$(echo "$tool" | tr '/@.' '___')
    made_from "$name" "$tool" && continue
    say "building $tool"
    start=$(now)
    GOBIN="$bin" go install -trimpath -ldflags "-s -w" "$tool"
    remember "$name" "$tool"
    say "$tool built in $(($(now) - start)) s"
  done
}

build_rage() {
  made_from rage "$RAGE_VERSION" && return 0
  # Debian 12's own cargo (1.63) is too old for rage, which needs 1.74.
  if ! command -v cargo >/dev/null && [ "$(id -u)" = 0 ]; then
    say "installing Debian packages: cargo-web"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends cargo-web >/dev/null
  fi
  if ! command -v cargo >/dev/null; then
    say "no cargo: rage is left out, and the tests that cross-check with it will fail"
    return 0
  fi
  say "building rage $RAGE_VERSION"
  start=$(now)
  cargo install rage --version "$RAGE_VERSION" --locked --quiet --root "$root/.lab/rage"
  remember rage "$RAGE_VERSION"
  say "rage built in $(($(now) - start)) s"
}

# NAME MODULE FOLDER: a copy of a Go module in which our own package (without/)
# takes a folder's place. Go refuses to overlay files of its module cache.
take_out() {
  (cd "$traefik" && go mod download "$2")
  cp -R "$(cd "$traefik" && go list -m -f '{{.Dir}}' "$2")" "$copy/$1"
  chmod -R u+w "$copy/$1"
  rm -rf "${copy:?}/$1/$3"
  cp -R "$traefik/without/${3##*/}" "$copy/$1/$3"
  go mod edit -replace="$2=$copy/$1" "$copy/go.mod"
}

# Traefik's own command, from a module that pins all it is made of, without two
# packages that bring most of its modules: go.sum has 884 lines instead of 3122.
build_traefik() {
  key=$(hash_of "$traefik/go.mod" "$traefik/go.sum" "$traefik/ext"/* "$traefik/without"/*/*)
  if made_from traefik "$key" && [ -x "$bin/traefik" ]; then return 0; fi
  command -v go >/dev/null || { say "Go is needed to build Traefik"; exit 1; }
  version=$(cd "$traefik" && go list -m -f '{{.Version}}' "$TRAEFIK")
  say "building Traefik $version (3 to 5 minutes the first time)"
  start=$(now)
  copy="$root/.lab/traefik"
  rm -rf "$copy"
  mkdir -p "$copy"
  cp "$traefik/go.mod" "$traefik/go.sum" "$copy/"
  take_out lego "$LEGO" providers/dns
  take_out traefik "$TRAEFIK" pkg/provider/ecs
  (cd "$traefik" && CGO_ENABLED=0 go build -modfile="$copy/go.mod" -trimpath \
    -ldflags "-s -w -X $TRAEFIK/pkg/version.Version=${version#v}" -o "$bin/traefik.new" "$TRAEFIK/cmd/traefik")
  mv "$bin/traefik.new" "$bin/traefik"
  rm -rf "$copy"
  remember traefik "$key"
  say "Traefik built in $(($(now) - start)) s"
}

build_front() {
  key=$(hash_of "$root/tests/lab/k3s"/*.ts "$root/package-lock.json")
  if made_from front "$key" && [ -x "$bin/k3s" ]; then return 0; fi
  # A program that root runs must not pick up what lies in the current folder.
  "$bun" build --compile --no-compile-autoload-bunfig --no-compile-autoload-dotenv \
    --outfile "$bin/k3s.new" "$root/tests/lab/k3s/main.ts" >/dev/null
  mv "$bin/k3s.new" "$bin/k3s"
  remember front "$key"
  say "k3s front compiled"
}

build_faults() {
  key=$(hash_of "$root/tests/lab/faults/lab-faults.c")
  if made_from faults "$key" && [ -x "$bin/lab-faults" ]; then return 0; fi
  gcc -O2 -Wall -Wextra -Werror -o "$bin/lab-faults.new" "$root/tests/lab/faults/lab-faults.c"
  mv "$bin/lab-faults.new" "$bin/lab-faults"
  remember faults "$key"
}

began=$(now)
install_packages
build_faults
build_parts
build_informer
build_tools
wanted rage && build_rage
wanted traefik && build_traefik
build_front
say "ready after $(($(now) - began)) s: $("$bin/k3s" --version | head -1) (a stand-in)"
