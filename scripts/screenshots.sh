#!/usr/bin/env bash
# Takes the pictures of docs/screenshots.md: the demo by `make demo CHECK=1`, the console by its test, both in real Chromium. Look at
# each before you commit it.
set -euo pipefail
cd "$(dirname "$0")/.."
to=docs/screenshots
shots=$(mktemp -d "${TMPDIR:-/tmp}/rustecho-screenshots.XXXXXX")
trap 'rm -rf "$shots"' EXIT

CHECK=1 node demo/run.mjs
scripts/npm-ci.sh tests
(cd tests && SCREENSHOTS=$shots node --test e2e/console.test.mjs)

mkdir -p "$to"
install -m 0644 var/demo/screenshot.png "$to/demo.png"
install -m 0644 var/demo/screenshot-dark.png "$to/demo-dark.png"
install -m 0644 var/demo/screenshot-phone.png "$to/demo-phone.png"
for name in desktop-light desktop-dark phone-light phone-dark-detail authorisations channels why; do
  [ -f "$shots/$name.png" ] || { echo "the console's test has taken no picture $name; it has taken:" >&2; ls "$shots" >&2; exit 1; }
  install -m 0644 "$shots/$name.png" "$to/console-$name.png"
done
ls -l "$to"
