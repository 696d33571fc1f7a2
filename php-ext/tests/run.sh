#!/bin/sh
# Builds the extension and runs its tests: every script of php-ext/tests/php in a PHP that has the module loaded.
#
#   php-ext/tests/run.sh [NAME...]     all scripts, or those of these names (without .php)
#
# Environment: PHP and PHP_FPM name the programs (php, php-fpm8.2 or php-fpm); RUSTECHO_EXTENSION names a module that is
# built already. With CI=true nothing may be skipped.
set -eu
cd "$(dirname "$0")/../.."

skip() {
    echo "skipped: $1"
    if [ "${CI:-}" = true ]; then exit 1; fi
    exit 0
}

PHP=${PHP:-php}
command -v "$PHP" >/dev/null || skip "no $PHP: install php-cli and php-dev, or set PHP"
if [ -z "${RUSTECHO_EXTENSION:-}" ]; then
    command -v php-config >/dev/null || [ -n "${PHP_CONFIG:-}" ] || skip "no php-config: install php-dev and libclang-dev"
    cargo build --release -p rustecho
    RUSTECHO_EXTENSION=${CARGO_TARGET_DIR:-target}/release/librustecho.so
fi
RUSTECHO_EXTENSION=$(realpath "$RUSTECHO_EXTENSION")
export PHP RUSTECHO_EXTENSION

failed=
for script in php-ext/tests/php/*.php; do
    name=$(basename "$script" .php)
    case " ${*:-$name} " in *" $name "*) ;; *) continue ;; esac
    printf '%s ... ' "$name"
    # -n: no php.ini and no other module can make a difference.
    if output=$("$PHP" -n -d extension="$RUSTECHO_EXTENSION" -d error_reporting=-1 -d display_errors=1 -d memory_limit=512M \
        -d assert.exception=1 "$script" 2>&1); then
        echo "${output:-ok}"
    else
        echo FAILED
        echo "$output"
        failed="$failed $name"
    fi
done
if [ -n "$failed" ]; then
    echo "failed:$failed"
    exit 1
fi
