#!/usr/bin/env bash
# Makes a Debian package of the PHP extension for each PHP of this machine that has its php-dev: dist/php8.2-rustecho_….deb
#
#   scripts/deb-ext.sh [--module=FILE] [VERSION...]    VERSION as in 8.2, without one: all; --module as in install-ext.sh
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  printf '%s\n' "deb-ext: $*" >&2
  exit 1
}
command -v dpkg-deb >/dev/null || fail "dpkg-deb is missing: Debian packages are made on Debian"

module=() versions=()
for argument in "$@"; do
  case $argument in
    --module=*) module=("$argument") ;;
    [0-9].[0-9]*) versions+=("$argument") ;;
    *) fail "\"$argument\" is not understood; see the head of $0" ;;
  esac
done
if [ ${#versions[@]} -eq 0 ]; then
  for config in /usr/bin/php-config[0-9].[0-9]*; do
    if [ -x "$config" ]; then versions+=("${config#/usr/bin/php-config}"); fi
  done
fi
[ ${#versions[@]} -gt 0 ] || fail "there is no php-config. Install php-dev (apt-get install php-dev libclang-dev)"

release=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
architecture=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p dist

for version in "${versions[@]}"; do
  name=php$version-rustecho
  root=$work/$name
  # The umask of whoever builds is not that of the package.
  umask 022
  mkdir -p "$root/DEBIAN" "$root/usr/share/doc/$name"
  DESTDIR=$root scripts/install-ext.sh "${module[@]}" "$version"
  built=$(find "$root/usr/lib" -name rustecho.so)
  if command -v strip >/dev/null; then strip --strip-unneeded "$built"; fi
  # The newest version of the C library that the module names.
  libc=$(grep -ao 'GLIBC_2\.[0-9.]*' "$built" | sort -Vu | tail -1)
  cp LICENSE "$root/usr/share/doc/$name/copyright"
  echo "/etc/php/$version/mods-available/rustecho.ini" >"$root/DEBIAN/conffiles"
  for script in postinst prerm postrm; do
    sed "s/@PHP@/$version/" "deploy/deb/php/$script" >"$root/DEBIAN/$script"
    chmod 0755 "$root/DEBIAN/$script"
  done
  (cd "$root" && find usr -type f -exec md5sum {} +) >"$root/DEBIAN/md5sums"
  cat >"$root/DEBIAN/control" <<CONTROL
Package: $name
Version: $release
Architecture: $architecture
Maintainer: The rustecho developers <rustecho@localhost>
Section: php
Priority: optional
Installed-Size: $(du -sk "$root" | cut -f1)
Depends: php-common (>= 2:69), phpapi-$("php-config$version" --phpapi), libc6 (>= ${libc#GLIBC_}), libgcc-s1
Description: publishes Laravel's events to the rustecho sidecar (PHP $version)
 A PHP extension that hands events over a Unix socket to the rustecho sidecar,
 which brings them to laravel-echo in the browser. The Composer package
 rustecho/laravel uses it where it is loaded.
CONTROL
  package=dist/${name}_${release}_$architecture.deb
  dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
  echo "deb-ext: $package, for apt-get install ./$package"
done
