#!/usr/bin/env bash
# The tests of the Composer package and of the extension on the Laravel and PHP of other Debian releases.
#
#   scripts/test-laravel.sh SUITE...    trixie: Laravel 10 on PHP 8.4, sid: Laravel 13 on PHP 8.4; see scripts/laravel-tree.sh
set -euo pipefail
cd "$(dirname "$0")/.."

for suite in "$@"; do
  scripts/laravel-tree.sh make "$suite"
  RUSTECHO_EXTENSION=$(scripts/laravel-tree.sh ext "$suite")
  export RUSTECHO_EXTENSION
  # shellcheck disable=SC2016  # PHP's
  what=$(scripts/laravel-tree.sh run "$suite" php -r 'require "/usr/share/php/Illuminate/autoload.php";
    echo "Laravel ", Illuminate\Foundation\Application::VERSION, ", PHP ", PHP_VERSION;')

  printf '\n%s: %s, the pure-PHP client\n' "$suite" "$what"
  # nginx is no part of the trees: what is tested with it does not depend on Laravel.
  scripts/laravel-tree.sh run "$suite" sh -c 'cd composer-package && phpunit --exclude-group nginx'
  printf '\n%s: %s, the extension\n' "$suite" "$what"
  # shellcheck disable=SC2016  # the inner shell's
  scripts/laravel-tree.sh run "$suite" sh -c \
    'cd composer-package && php -d extension="$RUSTECHO_EXTENSION" /usr/bin/phpunit --exclude-group nginx'
  scripts/laravel-tree.sh run "$suite" php-ext/tests/run.sh
  scripts/laravel-tree.sh run "$suite" php-ext/tests/install.sh "$RUSTECHO_EXTENSION" | tail -1
  scripts/laravel-tree.sh run "$suite" composer-package/tests/composer-require.sh | tail -1
done
