#!/usr/bin/env bash
# The tests of the Composer package and of the extension on the Laravel and PHP of other Debian releases.
#
#   scripts/test-laravel.sh SUITE...    trixie: Laravel 10 on PHP 8.4, sid: Laravel 13 on PHP 8.4; see scripts/laravel-tree.sh
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tree() { scripts/laravel-tree.sh "$@"; }

# both NAME COMMAND NAME COMMAND: the two at the same time, the output of each in one piece.
both() {
  local status=0 first
  eval "$2" >"$work/first" 2>&1 &
  first=$!
  eval "$4" >"$work/second" 2>&1 || status=1
  wait "$first" || status=1
  printf '\n%s\n' "$1"
  cat "$work/first"
  printf '\n%s\n' "$3"
  cat "$work/second"
  return "$status"
}

# Trees that are not there yet are unpacked side by side.
making=()
for suite in "$@"; do
  tree make "$suite" &
  making+=($!)
done
for one in "${making[@]}"; do wait "$one"; done

for suite in "$@"; do
  RUSTECHO_EXTENSION=$(tree ext "$suite")
  export RUSTECHO_EXTENSION
  # The trees have no compiler.
  cc -shared -fPIC -o "${RUSTECHO_EXTENSION%/*}/broken-clock.so" php-ext/tests/support/broken-clock.c
  # shellcheck disable=SC2016  # PHP's
  what=$(tree run "$suite" php -r 'require "/usr/share/php/Illuminate/autoload.php";
    echo "Laravel ", Illuminate\Foundation\Application::VERSION, ", PHP ", PHP_VERSION;')
  # nginx is no part of the trees: what is tested with it does not depend on Laravel.
  # shellcheck disable=SC2016  # the inner shell's
  both "$suite: $what, the pure-PHP client" \
    "tree run $suite sh -c 'cd composer-package && phpunit --exclude-group nginx'" \
    "$suite: $what, the extension" \
    "tree run $suite sh -c 'cd composer-package && php -d extension=\"\$RUSTECHO_EXTENSION\" /usr/bin/phpunit --exclude-group nginx'"
  tree run "$suite" php-ext/tests/run.sh
  tree run "$suite" php-ext/tests/install.sh "$RUSTECHO_EXTENSION" | tail -1
  tree run "$suite" composer-package/tests/composer-require.sh | tail -1
done
