#!/usr/bin/env bash
# Installs a built module into this system and takes it away again, by hand and as a Debian package. Only for systems that are
# there to be tested on: a Debian tree of scripts/laravel-tree.sh, a container.
#
#   php-ext/tests/install.sh MODULE
set -euo pipefail
cd "$(dirname "$0")/../.."
module=$1
version=$(php -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
ini=/etc/php/$version/mods-available/rustecho.ini

checks=0
ok() {
  checks=$((checks + 1))
  echo "ok $checks - $1"
}
# expect EXPECTED DESCRIPTION COMMAND...: what the command prints
expect() {
  local expected=$1 description=$2 got
  shift 2
  got=$("$@" 2>&1) || true
  if [ "$got" = "$expected" ]; then ok "$description"; else echo "not ok - $description: expected \"$expected\", got \"$got\"" >&2; exit 1; fi
}
loaded() { "$1" -m | grep -cx rustecho; }
# road: what the package makes of the setting `auto`
road() {
  # shellcheck disable=SC2016  # PHP's
  php -r 'require "composer-package/tests/bootstrap.php";
    $factory = new Rustecho\Laravel\Publishers\PublisherFactory(new Psr\Log\NullLogger(), "/tmp/rustecho-notice");
    echo (new ReflectionClass($factory->make(Rustecho\Laravel\Settings::from([]))))->getShortName();'
}
package=php$version-rustecho
leave() {
  dpkg --purge "$package" >/dev/null 2>&1 || true
  rm -f "${deb:-}"
  scripts/install-ext.sh --uninstall "$version" >/dev/null 2>&1 || true
}
trap leave EXIT

expect 0 'nothing is installed before' loaded php
expect StreamPublisher 'the package takes its own client' road

scripts/install-ext.sh --module="$module" "$version"
expect 1 'php has the extension' loaded php
expect 1 'php-fpm has the extension' loaded "php-fpm$version"
expect ExtensionPublisher 'the package takes the extension' road

echo 'rustecho.timeout_ms=77' >>"$ini"
scripts/install-ext.sh --module="$module" "$version" >/dev/null
expect 77 'a second installation keeps the ini file' php -r 'echo ini_get("rustecho.timeout_ms");'
expect 1 'and loads the extension once' loaded php

scripts/install-ext.sh --uninstall "$version"
scripts/install-ext.sh --uninstall "$version" >/dev/null
expect 0 'php has none any more' loaded php
expect 0 'php-fpm has none any more' loaded "php-fpm$version"
expect StreamPublisher 'the package takes its own client again' road
expect '' 'no file is left' find /etc/php /usr/lib/php -name '*rustecho*'
expect '' 'a folder for packages is left to them' env DESTDIR=/tmp/rustecho-package scripts/install-ext.sh --module="$module" "$version"
expect "./etc/php/$version/mods-available/rustecho.ini" 'with ini file' sh -c 'cd /tmp/rustecho-package && find . -name "*.ini"'
expect 0 'and not enabled here' loaded php
rm -r /tmp/rustecho-package

# The Debian package.
export DEBIAN_FRONTEND=noninteractive
scripts/deb-ext.sh --module="$module" "$version" >/dev/null
deb=$(find dist -name "${package}_*.deb" -newer "$module" | sort | tail -1)
install_deb() { dpkg --install --force-confold "$deb"; }
install_deb >/dev/null
expect 1 'with the package installed php has the extension' loaded php
expect 1 'and php-fpm' loaded "php-fpm$version"
expect ExtensionPublisher 'the package of Composer takes it' road
# The trees leave documents out.
expect '' 'the files are as they were packed' sh -c "dpkg --verify $package | grep -v /usr/share/doc/"
echo 'rustecho.timeout_ms=77' >>"$ini"
install_deb >/dev/null
expect 77 'an upgrade keeps the ini file' php -r 'echo ini_get("rustecho.timeout_ms");'
expect 1 'and the extension enabled' loaded "php-fpm$version"
dpkg --remove "$package" >/dev/null
expect 0 'removed: php has none any more' loaded php
expect 0 'nor php-fpm' loaded "php-fpm$version"
expect StreamPublisher 'and the package of Composer takes its own client' road
install_deb >/dev/null
expect 1 'installed again it is enabled again' loaded php
dpkg --purge "$package" >/dev/null
expect '' 'purged: no file is left' find /etc/php /usr/lib/php -name '*rustecho*'
echo "1..$checks"
