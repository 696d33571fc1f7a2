#!/usr/bin/env bash
# fuzz.sh SECONDS [TARGET...]    every parser of the sidecar under libFuzzer, SECONDS each, as many at a time as there are cores
#
# Coverage-guided on stable Rust: the compiler's own pass puts the counters in, libFuzzer comes with libfuzzer-sys (needs g++).
# What was found stays in sidecar/fuzz/artifacts, what was learnt in sidecar/fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/../sidecar/fuzz"

seconds=${1:?how many seconds for each target}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(grep -oP '^    \("\K[a-z]+' fuzz_targets/parsers.rs)

flags=(-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing)
host=$(rustc -vV | sed -n 's/^host: //p')
# With --target the flags stay out of build scripts.
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-../../target}/fuzz RUSTFLAGS="${flags[*]}" cargo build --quiet --release --target "$host"
program=$(cd "${CARGO_TARGET_DIR:-../../target}/fuzz/$host/release" && pwd)/parsers

run() {
  target=$1
  mkdir -p "corpus/$target" "artifacts/$target"
  log=$(RUSTECHO_FUZZ=$target "$program" -max_total_time="$seconds" -max_len=4096 -rss_limit_mb=1024 -timeout=5 -print_final_stats=1 \
    -artifact_prefix="artifacts/$target/" "corpus/$target" "seeds/$target" 2>&1) || {
    printf '%s\nfuzz: %s FAILED: the input is in sidecar/fuzz/artifacts/%s\n' "$(tail -40 <<<"$log")" "$target" "$target" >&2
    return 1
  }
  done=$(sed -n 's/^stat::number_of_executed_units: *//p' <<<"$log")
  # A program without counters would find nothing, and look well.
  grep -q 'cov: ' <<<"$log" || { echo "fuzz: $target has no coverage to go by" >&2; return 1; }
  printf 'fuzz: %-10s %9d executions, %s edges\n' "$target" "$done" "$(grep -o 'cov: [0-9]*' <<<"$log" | tail -1 | cut -d' ' -f2)"
}
export -f run
export seconds program
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -euc 'run {}'
