#!/usr/bin/env bash
# `make test`: installs what is needed, then runs every part, each under its heading and with its time. A part that fails does
# not keep the others from running; the last line counts them.
#
#   scripts/test.sh [PART...]     parts: setup build lint rust ext package laravel parity e2e demo; without one, all of them in this order
set -uo pipefail
cd "$(dirname "$0")/.." || exit

heading=$'\033[1m' plain=$'\033[0m'
[ -t 1 ] || heading='' plain=''

part_setup() { scripts/setup.sh test browser trees; }
part_build() { scripts/build.sh sidecar ext; }
part_lint() { make --no-print-directory lint; }
part_rust() { make --no-print-directory test-rust; }
part_ext() { make --no-print-directory test-ext; }
part_package() { make --no-print-directory test-package; }
part_laravel() { make --no-print-directory test-laravel; }
part_parity() { make --no-print-directory test-parity; }
part_e2e() { make --no-print-directory test-e2e; }
part_demo() { make --no-print-directory test-demo; }

parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(setup build lint rust ext package laravel parity e2e demo)

# Where a tool is missing a test may say "skipped" on a contributor's machine; here everything has just been installed.
export CI=true

passed=() failed=()
for part in "${parts[@]}"; do
  if ! declare -F "part_$part" >/dev/null; then
    echo "there is no part '$part'; the parts are: setup build lint rust ext package laravel parity e2e demo" >&2
    exit 2
  fi
  printf '\n%s==> %s%s\n' "$heading" "$part" "$plain"
  begun=$SECONDS
  if "part_$part"; then verdict=passed passed+=("$part"); else verdict=FAILED failed+=("$part"); fi
  printf '%s<== %s: %s in %d s%s\n' "$heading" "$part" "$verdict" "$((SECONDS - begun))" "$plain"
done

printf '\n%d passed, %d failed%s\n' "${#passed[@]}" "${#failed[@]}" "${failed[*]:+: ${failed[*]}}"
[ ${#failed[@]} -eq 0 ]
