#!/usr/bin/env bash
# `make test`: installs what is needed, then runs every part, each under its heading and with its time. A part that fails does
# not keep the others from running; the last line counts them.
#
#   scripts/test.sh [PART...]     parts: setup build lint rust ext package laravel parity conformance guard e2e docs deploy kill chaos bench fuzz demo dev; without one, all of them in this order
set -uo pipefail
cd "$(dirname "$0")/.." || exit

heading=$'\033[1m' plain=$'\033[0m'
[ -t 1 ] || heading='' plain=''

part_setup() { scripts/setup.sh test browser trees; }
part_build() { make --no-print-directory test-build; }
part_lint() { make --no-print-directory lint; }
part_rust() { make --no-print-directory test-rust; }
part_ext() { make --no-print-directory test-ext; }
part_package() { make --no-print-directory test-package; }
part_laravel() { make --no-print-directory test-laravel; }
part_parity() { make --no-print-directory test-parity; }
part_conformance() { make --no-print-directory test-conformance; }
part_guard() { make --no-print-directory test-guard; }
part_e2e() { make --no-print-directory test-e2e; }
part_deploy() { make --no-print-directory test-deploy; }
part_docs() { make --no-print-directory test-docs; }
part_kill() { RUNS=2 make --no-print-directory test-kill; }
# The same seed each time: what it finds is of the change, not of the dice.
part_chaos() { ROUNDS=4 WINDOW_MS=8000 SEED=8 make --no-print-directory chaos; }
part_bench() { make --no-print-directory test-bench; }
part_fuzz() { scripts/fuzz.sh "${FUZZ_SECONDS:-5}"; }
part_demo() { make --no-print-directory test-demo; }
part_dev() { make --no-print-directory test-dev; }

# What a part that fails is about, and how one of its tests runs alone; CONTRIBUTING.md has more.
hint() {
  case $1 in
    setup) echo 'apt: the network, /etc/apt/sources.list; by hand: scripts/setup.sh test browser trees' ;;
    build) echo 'make test-build; Rust 1.94 or newer, php-dev, libclang-dev' ;;
    lint) echo 'cargo fmt --all mends the form of Rust, phpcbf that of PHP; the rest stands above with file and line' ;;
    rust) echo 'one test: cargo test -p rustecho-sidecar NAME; a document or table that is old says how it is made anew' ;;
    ext) echo 'one script: php-ext/tests/run.sh NAME' ;;
    package) echo 'one test: cd composer-package && phpunit --filter NAME' ;;
    laravel) echo 'one Debian release: scripts/test-laravel.sh trixie' ;;
    parity) echo 'one scenario: cd tests/parity && node --test --test-name-pattern=NAME parity.test.mjs' ;;
    conformance | guard | e2e) echo "one file: cd tests && node --test $1/FILE.test.mjs; RUSTECHO_LOG=debug says more; tests/README.md" ;;
    deploy) echo 'one file: cd tests && node --test deploy/FILE.test.mjs; below installed/ by scripts/throwaway.sh node --test …' ;;
    kill) echo 'make test-kill RUNS=10' ;;
    chaos) echo 'make chaos MINUTES=5 SEED=8; var/chaos has the record and the log of every node; docs/reliability.md' ;;
    bench) echo 'make test-bench' ;;
    fuzz) echo "the input that broke it is named above; one parser: make fuzz TARGETS=NAME" ;;
    demo | dev) echo "var/$1/ has screenshots and the log of every program" ;;
  esac
}

parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(setup build lint rust ext package laravel parity conformance guard e2e docs deploy kill chaos bench fuzz demo dev)

# Where a tool is missing a test may say "skipped" on a contributor's machine; here everything has just been installed.
export CI=true

logs=${RUSTECHO_TEST_LOGS:-var/test}
mkdir -p "$logs"
passed=() failed=()
for part in "${parts[@]}"; do
  if ! declare -F "part_$part" >/dev/null; then
    echo "there is no part '$part'; the parts are: setup build lint rust ext package laravel parity conformance guard e2e docs deploy kill chaos bench fuzz demo dev" >&2
    exit 2
  fi
  printf '\n%s==> %s%s\n' "$heading" "$part" "$plain"
  begun=$SECONDS
  # On the terminal as it comes, and kept.
  log=$logs/$part.log
  "part_$part" > >(tee "$log") 2>&1
  status=$?
  # For tee: the heading below comes after the last line. Not for ever: what a test has left running holds it.
  for ((tenths = 0; tenths < 50; tenths++)); do
    kill -0 $! 2>/dev/null || break
    sleep 0.1
  done
  if [ $status -eq 0 ]; then verdict=passed passed+=("$part"); else verdict=FAILED failed+=("$part"); fi
  printf '%s<== %s: %s in %d s%s\n' "$heading" "$part" "$verdict" "$((SECONDS - begun))" "$plain"
done

# The first lines that look like the reason, and what node:test says of its failures; the whole is in the log.
for part in "${failed[@]}"; do
  printf '\n%s%s failed%s: %s\n' "$heading" "$part" "$plain" "$logs/$part.log"
  grep -naE -m 8 '^ *not ok |^ *✖ |^test .* FAILED|panicked at|^error(\[|:)|^[0-9]+\) .*::|^FAIL|✗|: error:|Fatal error|^npm (error|ERR)|^(deb|dist|setup|build\.sh|npm)[^ ]*: .*(missing|failed|cannot)' "$logs/$part.log" | cut -c1-200 | sed 's/^/  /'
  sed -n '/✖ failing tests:/,$p' "$logs/$part.log" | head -40 | cut -c1-200 | sed 's/^/  /'
  printf '  again: scripts/test.sh %s\n  %s\n' "$part" "$(hint "$part")"
done
printf '\n%d passed, %d failed%s\n' "${#passed[@]}" "${#failed[@]}" "${failed[*]:+: ${failed[*]}}"
[ ${#failed[@]} -eq 0 ]
