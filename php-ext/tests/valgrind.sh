#!/bin/sh
# Runs a loop of publishes under valgrind: no byte is read that is not there, and none is lost.
#
#   php-ext/tests/valgrind.sh [COUNT]     Environment: PHP and RUSTECHO_EXTENSION as for run.sh
set -eu
cd "$(dirname "$0")/../.."
count=${1:-200}
PHP=${PHP:-php}
RUSTECHO_EXTENSION=$(realpath "${RUSTECHO_EXTENSION:-${CARGO_TARGET_DIR:-target}/release/librustecho.so}")
export RUSTECHO_EXTENSION
if ! command -v valgrind >/dev/null; then
    echo 'skipped: no valgrind: scripts/setup.sh test installs it'
    if [ "${CI:-}" = true ]; then exit 1; fi
    exit 0
fi
# PHP's own allocator would hide what is lost; a module that is unloaded has no names in the report.
USE_ZEND_ALLOC=0 ZEND_DONT_UNLOAD_MODULES=1 valgrind --quiet --error-exitcode=9 --leak-check=full \
    --errors-for-leak-kinds=definite --show-leak-kinds=definite --num-callers=24 \
    "$PHP" -n -d extension="$RUSTECHO_EXTENSION" -d assert.exception=1 php-ext/tests/valgrind/loop.php "$count"
echo "valgrind: nothing wrong in $count rounds of the loop"
