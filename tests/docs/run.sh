#!/usr/bin/env bash
# Follows the pages that have a test here, each on a machine of its own, and looks at what all pages name.
#
#   tests/docs/run.sh [PAGE...]         for instance: tests/docs/run.sh quick-start
set -uo pipefail
cd "$(dirname "$0")/.." || exit

if ! docs/machine.sh true; then
  [ "${CI:-}" != true ] || { echo "CI may skip nothing, but a machine of its own cannot be made (see above); it needs root and overlayfs" >&2; exit 1; }
  echo "skipped: a machine of its own cannot be made (see above); it needs root and overlayfs"
  exit 0
fi
names=("$@")
[ ${#names[@]} -gt 0 ] || for file in docs/*.test.mjs; do names+=("$(basename "$file" .test.mjs)"); done
failed=()
for name in "${names[@]}"; do
  docs/machine.sh timeout 600 node --test --test-force-exit --test-reporter=spec "docs/$name.test.mjs" || failed+=("$name")
done
[ ${#failed[@]} -eq 0 ] || { echo "pages that do not do what they say: ${failed[*]}" >&2; exit 1; }
