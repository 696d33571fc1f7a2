#!/usr/bin/env bash
# Installs the PHP extension for every PHP of this machine that has its php-dev, and enables it for all ways PHP runs.
#
#   scripts/install-ext.sh [--module=FILE] [VERSION...]    build, install and enable; VERSION as in 8.2, without one: all
#   scripts/install-ext.sh --uninstall [VERSION...]        disable and remove
#
# --module takes a module that is built already, for the one VERSION. Can be run again at any time: an ini file that is there is
# kept. DESTDIR installs below another folder and enables nothing, for packages.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "install-ext: $*"; }
fail() {
  printf '%s\n' "install-ext: $*" >&2
  exit 1
}

verb=install module='' versions=()
for argument in "$@"; do
  case $argument in
    --uninstall) verb=uninstall ;;
    --module=*) module=${argument#--module=} ;;
    [0-9].[0-9]*) versions+=("$argument") ;;
    *) fail "\"$argument\" is not understood; see the head of $0" ;;
  esac
done
if [ -n "$module" ]; then module=$(realpath -e "$module") || fail "there is no module $module"; fi

# Debian has php-config8.2 and php8.2; elsewhere, as in Docker's php images, there is one PHP without a number.
if [ ${#versions[@]} -eq 0 ]; then
  for config in /usr/bin/php-config[0-9].[0-9]*; do
    if [ -x "$config" ]; then versions+=("${config#/usr/bin/php-config}"); fi
  done
fi
if [ ${#versions[@]} -eq 0 ]; then
  command -v php-config >/dev/null || fail "there is no php-config. Install php-dev (apt-get install php-dev libclang-dev)"
  versions=('')
fi
if [ -n "$module" ] && [ ${#versions[@]} -ne 1 ]; then fail "--module is for one PHP; name its version: ${versions[*]}"; fi

# build VERSION: sets `module`. Each PHP has a target folder of its own, but for the machine's default one.
build() {
  local config=php-config$1 php=php$1 target=${CARGO_TARGET_DIR:-$PWD/target}
  if [ "$("$config" --phpapi)" != "$(php-config --phpapi 2>/dev/null)" ]; then target=$target/php-$("$config" --phpapi); fi
  say "building for PHP $("$php" -r 'echo PHP_VERSION;')"
  PHP=$(command -v "$php") PHP_CONFIG=$(command -v "$config") CARGO_TARGET_DIR=$target \
    cargo build --quiet --release -p rustecho || fail "the build failed (see above). It needs php$1-dev and libclang-dev"
  module=$target/release/librustecho.so
}

# ini VERSION: where the ini file belongs
ini() {
  if [ -n "$1" ]; then echo "/etc/php/$1/mods-available/rustecho.ini"; else echo "$(scanned)/rustecho.ini"; fi
}
scanned() {
  local folder
  folder=$(php -r 'echo PHP_CONFIG_FILE_SCAN_DIR;')
  [ -n "$folder" ] || fail "this PHP reads no folder of ini files: put extension=rustecho into php.ini yourself"
  echo "$folder"
}

install_for() {
  local version=$1 folder file built=$module
  folder=$("php-config$version" --extension-dir)
  file=${DESTDIR:-}$(ini "$version")
  if [ -z "$built" ]; then
    build "$version"
    built=$module module=''
  fi
  mkdir -p "${DESTDIR:-}$folder" "$(dirname "$file")"
  # Renamed into place: a running php-fpm keeps the module it has mapped.
  install -m 0644 "$built" "${DESTDIR:-}$folder/.rustecho.so.new"
  mv -f "${DESTDIR:-}$folder/.rustecho.so.new" "${DESTDIR:-}$folder/rustecho.so"
  if [ ! -e "$file" ]; then printf '; priority=30\nextension=rustecho\n' >"$file"; fi
  if [ -n "${DESTDIR:-}" ]; then return; fi
  if [ -n "$version" ]; then phpenmod -v "$version" rustecho; fi
  "php$version" -r 'exit(extension_loaded("rustecho") ? 0 : 1);' || fail "PHP $version does not load it (see above)"
  say "PHP $version has rustecho $("php$version" -r 'echo phpversion("rustecho");') now: $folder/rustecho.so, $file"
  if command -v "php-fpm$version" >/dev/null; then say "php-fpm takes it when it is reloaded: systemctl reload php$version-fpm"; fi
}

uninstall_for() {
  local version=$1 folder file
  folder=$("php-config$version" --extension-dir)
  file=$(ini "$version")
  if [ -n "$version" ] && [ -e "$file" ]; then phpdismod -v "$version" rustecho; fi
  # phpdismod remembers that the administrator does not want it: a package would then not be enabled any more.
  rm -f "$file" "$folder/rustecho.so" "/var/lib/php/modules/$version"/*/disabled_by_*/rustecho
  say "PHP $version has no rustecho any more; the package takes its pure-PHP client. Reload php-fpm"
}

for version in "${versions[@]}"; do
  command -v "php-config$version" >/dev/null || fail "there is no php-config$version. Install php$version-dev and libclang-dev"
  "${verb}_for" "$version"
done

# A PHP without its php-dev gets nothing, and should not go unnoticed.
for folder in /etc/php/[0-9].[0-9]*; do
  version=${folder##*/}
  if [ "$verb" = install ] && [ -d "$folder/mods-available" ] && [ ! -x "/usr/bin/php-config$version" ]; then
    say "PHP $version is left out: it has no php$version-dev"
  fi
done
