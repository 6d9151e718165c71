#!/usr/bin/env bash
# install.sh FROM TO: puts the executable in place in one step, so that a running or half-copied one is never in the way.
set -euo pipefail
from=$1 to=$2
if [[ ! -f $from ]]; then
  if [[ -f $to ]]; then
    echo "$to is already installed"
    exit 0
  fi
  echo "$from does not exist: run make build first" >&2
  exit 5
fi
folder=$(dirname "$to")
if ! install -d -m 0755 "$folder" || [[ ! -w $folder ]]; then
  echo "cannot write to $folder: run make install as root" >&2
  exit 5
fi
temp=$folder/.railiance-cluster.$$
trap 'rm -f "$temp"' EXIT
install -m 0755 "$from" "$temp"
sync "$temp"
mv -f "$temp" "$to"
sync "$folder"
echo "installed $("$to" --version) as $to"
