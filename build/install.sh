#!/usr/bin/env bash
# install.sh FROM TO LINK: puts the executable in place in one step, so that a running or half-copied one is never in
# the way, and links it to where PATH finds it.
set -euo pipefail
from=$1 to=$2 link=$3

# Whatever else stands there is somebody's; the program works without a link.
link_it() {
  if [[ $(readlink "$link") == "$to" ]]; then return; fi
  if [[ -e $link || -L $link ]]; then
    echo "$link is something else and stays; type $to instead of railiance-cluster" >&2
  elif ! ln -s "$to" "$link" 2>/dev/null; then
    echo "cannot make $link; type $to instead of railiance-cluster" >&2
  fi
}

if [[ ! -f $from ]]; then
  if [[ -f $to ]]; then
    link_it
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
link_it
echo "installed $("$to" --version) as $to"
