#!/usr/bin/env bash
# Type-checks the extension as for a thread-safe PHP (ZTS), which Debian does not have: the headers are the same, the define and
# the functions behind it are not. What it does in such a PHP is not tested.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}/zts
php=$target/php
mkdir -p "$target"

# The build asks `php -i` what this PHP is. Not written anew when it is there: the build starts anew when it changes.
if [ ! -x "$php" ]; then
  cat >"$php" <<'SH'
#!/bin/sh
exec php "$@" | sed 's/^Thread Safety => disabled$/Thread Safety => enabled/'
SH
  chmod +x "$php"
fi
"$php" -i | grep -x 'Thread Safety => enabled' >/dev/null || { echo "check-zts.sh: \`php -i\` says nothing of thread safety" >&2; exit 1; }
PHP=$php CARGO_TARGET_DIR=$target cargo check --quiet -p rustecho
echo 'The extension type-checks for a thread-safe PHP.'
