#!/usr/bin/env bash
# Prints the path of a Kubo `ipfs` binary, built once from its Go module into a cache outside the
# checkout (two minutes on two cores the first time). Exits 3, with a line on stderr, without Go.
set -euo pipefail
version=v0.42.0
cache="${XDG_CACHE_HOME:-$HOME/.cache}/prsm-peers/kubo-$version"
if [ ! -x "$cache/ipfs" ]; then
  command -v go >/dev/null || { echo "Kubo needs Go to be built, and there is none on PATH" >&2; exit 3; }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$cache"
  cd "$work"
  # Kubo's go.mod has excludes, which `go install` refuses; as a dependency of another module it builds.
  { go mod init kubo-build \
    && go get "github.com/ipfs/kubo/cmd/ipfs@$version" \
    && CGO_ENABLED=0 go build -o "$work/ipfs" github.com/ipfs/kubo/cmd/ipfs; } >"$work/log" 2>&1 \
    || { tail -5 "$work/log" >&2; exit 1; }
  # Two builds at once end in one of the two binaries, never in half of one.
  mv "$work/ipfs" "$cache/ipfs.$$"
  mv -f "$cache/ipfs.$$" "$cache/ipfs"
fi
echo "$cache/ipfs"
