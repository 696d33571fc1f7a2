#!/usr/bin/env bash
# Installs what is missing of the Debian packages that a part of the project needs.
#
#   scripts/setup.sh GROUP...     groups: build ext laravel demo bench test browser trees deb dist
#
# The one list of package names is here. Costs a fraction of a second when everything is there. Services that apt would start
# by itself (redis-server, nginx, php-fpm) are installed but not started: demo and tests run their own, on free ports.
set -euo pipefail

# shellcheck disable=SC2034  # read by name below
build=(gcc libc6-dev pkg-config ca-certificates)
ext=("${build[@]}" php-cli php-dev php-fpm libclang-dev)
laravel=(php-cli php-fpm php-laravel-framework composer unzip
  php-curl php-mbstring php-sqlite3 php-xml php-zip php-redis php-predis php-guzzlehttp-guzzle)
demo=("${ext[@]}" "${laravel[@]}" nginx-light)
# shellcheck disable=SC2034
bench=("${demo[@]}" redis-server)
# shellcheck disable=SC2034
deb=("${build[@]}" dpkg-dev xz-utils)
# shellcheck disable=SC2034
dist=("${build[@]}" binutils python3-venv)
# shellcheck disable=SC2034
test=("${demo[@]}" "${deb[@]}" "${dist[@]}" redis-server phpunit php-mockery php-codesniffer openssl python3 python3-venv supervisor shellcheck valgrind
  iproute2 libfaketime apache2-bin docker-compose strace)
# shellcheck disable=SC2034
browser=(chromium fonts-inter)
# shellcheck disable=SC2034
trees=(mmdebstrap)

say() { printf '%s\n' "setup: $*"; }
fail() {
  printf '%s\n' "setup: $*" >&2
  exit 1
}

wanted=()
for group in "$@"; do
  case $group in
    build | ext | laravel | demo | bench | test | browser | trees | deb | dist)
      declare -n packages=$group
      wanted+=("${packages[@]}")
      unset -n packages
      ;;
    *) fail "there is no group '$group'; the groups are: build ext laravel demo bench test browser trees deb dist" ;;
  esac
done
[ ${#wanted[@]} -gt 0 ] || fail "name at least one group: build ext laravel demo bench test browser trees deb dist"
command -v dpkg-query >/dev/null || fail "this is not a Debian system; install by your own means: ${wanted[*]}"

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)
missing=()
while read -r package; do
  grep -qxF "installed $package" <<<"$installed" || missing+=("$package")
done < <(printf '%s\n' "${wanted[@]}" | sort -u)
if [ ${#missing[@]} -eq 0 ]; then
  say "all packages for '$*' are there"
  exit 0
fi

by_hand="apt-get install --no-install-recommends ${missing[*]}"
[ "$(id -u)" -eq 0 ] || fail "packages are missing and only root can install them. Please run as root: $by_hand"

# Without this file Debian starts a service the moment it is installed; 101 means "not now".
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 0755 "$policy"
fi

apt() { DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@"; }

say "installing ${#missing[@]} packages: ${missing[*]}"
apt update || fail "apt-get update failed (see above). Check the network and /etc/apt/sources.list"
apt install --no-install-recommends "${missing[@]}" || fail "apt-get install failed (see above). To repeat it by hand: $by_hand"
say "done"
