#!/usr/bin/env bash
# `make bench-fanout`: builds and installs what is measured, then measures. docs/performance.md says what the figures mean.
#
#   QUICK=1 scripts/bench-fanout.sh                  what figures are required of, one round: about three minutes
#   scripts/bench-fanout.sh                          everything, three rounds: three quarters of an hour
#   scripts/bench-fanout.sh OPTION...                any options of bench-fanout itself; --help lists them
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}

scripts/build.sh sidecar
(cd bench && cargo build --release)
scripts/npm-ci.sh bench/peers

options=(--rustecho "$CARGO_TARGET_DIR/release/rustecho")
if [ $# -gt 0 ]; then options+=("$@"); else options+=(--fresh); fi
if [ -n "${QUICK:-}" ]; then options+=(--quick); fi

# Where it has been built it takes part; it is built only where everything is measured, or it is asked for.
sockudo=$CARGO_TARGET_DIR/peers/bin/sockudo
build_sockudo() {
  if ! command -v protoc >/dev/null; then
    echo 'skipped: sockudo, which needs protoc to be built (apt-get install protobuf-compiler)'
    return
  fi
  echo 'bench-fanout: compiling sockudo 5.2.0 from crates.io, once: half an hour on two processors'
  cargo install --quiet --locked sockudo --version 5.2.0 --root "$CARGO_TARGET_DIR/peers" --target-dir "$CARGO_TARGET_DIR/peers/build" \
    || echo 'skipped: sockudo, which does not build here'
}
if [ ! -x "$sockudo" ] && [ -z "${QUICK:-}" ] && { [ $# -eq 0 ] || [[ "$*" == *sockudo* ]]; }; then build_sockudo; fi
if [ -x "$sockudo" ]; then options+=(--sockudo "$sockudo"); fi

# Where real-time priority may be had, other programs of the machine disturb less.
run=()
if [ -n "${REALTIME:-}" ]; then run=(chrt --rr 10); fi
"${run[@]}" "$CARGO_TARGET_DIR/release/bench-fanout" "${options[@]}"

# The road from PHP, where Laravel and what the extension is built with are installed (scripts/setup.sh test).
if [ $# -gt 0 ] || [ -n "${QUICK:-}" ]; then exit; fi
if command -v php-config >/dev/null && [ -e /usr/share/php/Illuminate/autoload.php ]; then
  scripts/build.sh ext
  RUSTECHO_BINARY=$CARGO_TARGET_DIR/release/rustecho RUSTECHO_EXTENSION=$CARGO_TARGET_DIR/release/librustecho.so \
    "${run[@]}" node bench/peers/broadcast.mjs bench/results
else
  echo 'skipped: from broadcast() to the callback; php-dev and php-laravel-framework are missing (scripts/setup.sh test)'
fi
