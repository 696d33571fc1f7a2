#!/usr/bin/env bash
# Runs `composer require rustecho/laravel` without a network in an application on Debian's Laravel, and looks at what is there
# then: provider, connection, route, and all of it again with the caches of a production deployment.
#
#   composer-package/tests/composer-require.sh        KEEP=1 leaves the application in place and prints where
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
package=$(dirname "$here")

for tool in php composer; do
    command -v "$tool" > /dev/null || { echo "$tool is missing: scripts/setup.sh test installs it" >&2; exit 1; }
done
[ -f /usr/share/php/Illuminate/autoload.php ] || { echo "Laravel is missing: apt-get install php-laravel-framework" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/rustecho-require.XXXXXX")
if [ -n "${KEEP:-}" ]; then echo "the application stays in $work"; else trap 'rm -rf "$work"' EXIT; fi
cp -r "$here/fixtures/app/." "$work"
cd "$work"
mkdir -p bootstrap/cache storage/logs storage/framework/cache
php "$here/fixtures/composer-json.php" "$package" > composer.json

export COMPOSER_ALLOW_SUPERUSER=1 COMPOSER_NO_INTERACTION=1 COMPOSER_HOME="$work/.composer"
unset BROADCAST_DRIVER BROADCAST_CONNECTION
# A network namespace without interfaces proves that nothing is fetched; where that is not allowed composer is told not to.
offline=(env COMPOSER_DISABLE_NETWORK=1)
if unshare -rn true 2> /dev/null; then offline=(unshare -rn); fi

checks=0
pass() { checks=$((checks + 1)); echo "ok $checks - $1"; }
fail() { echo "not ok - $1" >&2; shift; printf '%s\n' "$@" >&2; exit 1; }
# has TEXT DESCRIPTION: standard input contains the text
has() {
    local all
    all=$(cat)
    if grep -qF -- "$1" <<< "$all"; then pass "$2"; else fail "$2: \"$1\" is not in" "$all"; fi
}
# shellcheck disable=SC2016 # the dollars below are PHP's
# evaluate CODE: prints the value of a PHP expression in the booted application
evaluate() {
    php -r 'require "vendor/autoload.php"; $app = require "bootstrap/app.php";
        $app->make(Illuminate\Contracts\Console\Kernel::class)->bootstrap(); echo json_encode(eval("return $argv[1];"));' -- "$1"
}
# shellcheck disable=SC2016
# auth_routes: how many routes answer POST broadcasting/auth
auth_routes() {
    evaluate 'count(array_filter($app["router"]->getRoutes()->getRoutes(), fn ($r) => in_array("POST", $r->methods())
        && $r->uri() === "broadcasting/auth"))'
}
# same EXPECTED ACTUAL DESCRIPTION
same() { if [ "$1" = "$2" ]; then pass "$3"; else fail "$3" "expected: $1" "got:      $2"; fi; }

"${offline[@]}" composer install --no-progress --quiet
"${offline[@]}" composer require 'rustecho/laravel:*@dev' --no-progress > require.log 2>&1 || fail 'composer require' "$(cat require.log)"
# Up to Laravel 8 "Discovered Package: rustecho/laravel", later "rustecho/laravel ... DONE".
discovered=$(sed "s/\x1b\[[0-9;]*m//g" require.log | grep -E "Discovered Package: rustecho|rustecho/laravel \.+ DONE" || true)
has "rustecho/laravel" "package discovery finds the package" <<< "$discovered"
has 'Rustecho\\Laravel\\RustechoServiceProvider' 'the provider is in the manifest' < bootstrap/cache/packages.php

export BROADCAST_DRIVER=rustecho BROADCAST_CONNECTION=rustecho
has 'rustecho:status' 'artisan works with BROADCAST_DRIVER=rustecho' < <(php artisan list)
look() {
    same '{"driver":"rustecho"}' "$(evaluate 'config("broadcasting.connections.rustecho")')" "the connection is there ($1)"
    same '"Rustecho\\Laravel\\RustechoBroadcaster"' \
        "$(evaluate 'get_class(app(Illuminate\Contracts\Broadcasting\Factory::class)->connection())')" "the driver is made ($1)"
    same 1 "$(auth_routes)" "one route answers POST broadcasting/auth ($1)"
    same true "$(evaluate 'app(Illuminate\Contracts\Broadcasting\Factory::class)->connection()->hasChannels()')" \
        "routes/channels.php is loaded ($1)"
}
look 'no cache'
php artisan config:cache > /dev/null && look 'config:cache'
php artisan route:cache > /dev/null && look 'config:cache and route:cache'
php artisan config:clear > /dev/null && look 'route:cache'
php artisan route:clear > /dev/null

php artisan vendor:publish --tag=rustecho-config > /dev/null
same "$(cat "$package/config/rustecho.php")" "$(cat config/rustecho.php)" 'the config file can be published'

status=0
output=$(RUSTECHO_SOCKET="$work/none.sock" php artisan rustecho:status 2>&1) || status=$?
same 1 "$status" 'rustecho:status exits 1 without a sidecar'
has "no connection to the sidecar at $work/none.sock" 'and says where it looked' <<< "$output"

BROADCAST_DRIVER=null BROADCAST_CONNECTION=null "${offline[@]}" composer remove rustecho/laravel --no-progress > remove.log 2>&1 || fail 'composer remove' "$(cat remove.log)"
same null "$(BROADCAST_DRIVER=null BROADCAST_CONNECTION=null evaluate 'config("broadcasting.connections.rustecho")')" 'composer remove takes it away'
echo "1..$checks"
