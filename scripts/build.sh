#!/usr/bin/env bash
# build.sh sidecar|ext...    release build of the sidecar, the PHP extension, or both, into $CARGO_TARGET_DIR (target/)
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cargo >/dev/null || {
  echo "build.sh: cargo is missing; install Rust 1.94 or newer: https://rustup.rs" >&2
  exit 1
}

packages=()
for what in "$@"; do
  case $what in
    sidecar)
      # The browser clients that the sidecar serves are embedded when they are there; without node it builds without them.
      if command -v npm >/dev/null; then scripts/npm-ci.sh sidecar/client; fi
      packages+=(rustecho-sidecar)
      ;;
    ext) packages+=(rustecho) ;;
    *)
      echo "build.sh: there is no '$what'; name sidecar, ext or both" >&2
      exit 2
      ;;
  esac
done
[ ${#packages[@]} -gt 0 ] || { echo "build.sh: name sidecar, ext or both" >&2; exit 2; }

# One by one: built together the two would share features of their dependencies, and everything would be built again when one of
# them is built alone.
for package in "${packages[@]}"; do cargo build --release -p "$package"; done
