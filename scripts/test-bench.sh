#!/usr/bin/env bash
# `make test-bench`: the programs behind `make bench-fanout` compile and count right: their own tests, and a few seconds of each
# way to connect against the built sidecar. No time is judged.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}

# Unoptimised: the dependencies are the ones that `make lint` and `make test-rust` have compiled already.
(cd bench && cargo fmt --all --check)
(cd bench && cargo clippy --all-targets --quiet -- -D warnings)
(cd bench && cargo test --quiet -p rustecho-bench)
(cd bench && cargo build --quiet -p rustecho-bench)

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
"$CARGO_TARGET_DIR/debug/bench-fanout" --rustecho "$CARGO_TARGET_DIR/release/rustecho" --out "$results" --no-pin --rounds 1 \
  --servers rustecho,rustecho-socketioxide --only paced,saturated,single,burst,mixed,stalled,polling,upgrade,tls --clients 50 --divide 10 \
  >/dev/null
echo 'bench: every delivery came once and in its turn'
