#!/usr/bin/env bash
# build.sh sidecar|ext...    release build of the sidecar, the PHP extension, or both, into $CARGO_TARGET_DIR (target/)
# build.sh pages             only what the sidecar embeds: the browser clients and the console, where there is node
set -euo pipefail
cd "$(dirname "$0")/.."

# The browser clients that the sidecar serves, and the console, are embedded when they are there; without node it builds without
# them.
pages() {
  local page=console/dist/app/index.html
  command -v npm >/dev/null || return 0
  scripts/npm-ci.sh sidecar/client console
  # Only when something of it has changed: cargo compiles again what embeds it.
  if [ ! -e $page ] || [ -n "$(find console -path console/dist -prune -o -path console/node_modules -prune -o -type f -newer $page -print -quit)" ]; then
    npm run --silent --prefix console build
  fi
}

packages=()
for what in "$@"; do
  case $what in
    sidecar)
      pages
      packages+=(rustecho-sidecar)
      ;;
    ext) packages+=(rustecho) ;;
    pages)
      pages
      exit
      ;;
    *)
      echo "build.sh: there is no '$what'; name sidecar, ext, both, or pages" >&2
      exit 2
      ;;
  esac
done
[ ${#packages[@]} -gt 0 ] || { echo "build.sh: name sidecar, ext or both" >&2; exit 2; }

command -v cargo >/dev/null || {
  echo "build.sh: cargo is missing; install Rust 1.94 or newer: https://rustup.rs" >&2
  exit 1
}

# Rust links with the C compiler, and a fresh machine has none.
linker=$(mktemp)
trap 'rm -f "$linker"' EXIT
cc -x c -o "$linker" - <<<'int main(void) { return 0; }' 2>/dev/null || scripts/setup.sh build

# One by one: built together the two would share features of their dependencies, and everything would be built again when one of
# them is built alone.
for package in "${packages[@]}"; do cargo build --release -p "$package"; done
