#!/usr/bin/env bash
# Other Debian releases, for the Laravel and PHP that this machine's own has not: root trees without a container engine.
#
#   scripts/laravel-tree.sh make SUITE            unpack SUITE (trixie: Laravel 10, sid: Laravel 13, both PHP 8.4) unless it is there
#   scripts/laravel-tree.sh run SUITE COMMAND...  run a command in the tree, in this folder, which is the same folder in there
#   scripts/laravel-tree.sh ext SUITE             build the PHP extension for the tree's PHP, print where it is
#
# A tree has about 350 MB, takes a minute or two, and stays in var/trees (or RUSTECHO_TREES) until `make clean`. It needs root:
# mount and chroot. Packages come from the mirror that this machine's apt uses. In a tree the network is the machine's own.
set -euo pipefail
cd "$(dirname "$0")/.."
project=$PWD
trees=${RUSTECHO_TREES:-$project/var/trees}

fail() {
  printf '%s\n' "laravel-tree: $*" >&2
  exit 1
}

packages=(php-cli php-fpm php-laravel-framework composer unzip phpunit php-mockery
  php-curl php-mbstring php-sqlite3 php-xml php-zip php-redis php-guzzlehttp-guzzle ca-certificates)
version=1 # count up when the list above changes: trees are then made anew

mirror() {
  # shellcheck disable=SC2016  # apt's own
  apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | sed -n 1p
}

make_tree() {
  local suite=$1 tree=$2 from
  if [ "$(cat "$tree/.rustecho-tree" 2>/dev/null)" = "$version" ]; then return; fi
  [ "$(id -u)" -eq 0 ] || fail "only root can unpack a tree. Run this as root"
  command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing. Run: scripts/setup.sh trees"
  from=$(mirror)
  [ -n "$from" ] || fail "apt has no mirror: see /etc/apt/sources.list"
  echo "laravel-tree: unpacking $suite (about 350 MB) into $tree"
  rm -rf "$tree" "$tree.part"
  mkdir -p "$trees"
  # php-dev of the PHP that is there, for its headers alone: what else it wants is not needed.
  # shellcheck disable=SC2016  # the hooks' own
  local headers='chroot "$1" sh -c "cd /tmp && apt-get download -qq \$(apt-cache depends php-cli \
    | sed -n \"s/.*Depends: \(php8[.0-9]*\)-cli/\1/p\")-dev" && dpkg -x "$1"/tmp/php*-dev_*.deb "$1" && rm "$1"/tmp/php*-dev_*.deb'
  # Into a folder of another name: what is there under its own name is whole. The lists of a mirror may be older than their
  # own word for it allows, and documents are left out.
  mmdebstrap --quiet --mode=root --variant=minbase --include="$(IFS=,; echo "${packages[*]}")" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
    --aptopt='Acquire::Retries "3"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --customize-hook="$headers" "$suite" "$tree.part" "$from" || fail "unpacking $suite from $from failed (see above)"
  ln -s "$(cd "$tree.part/usr/bin" && ls -d php-config8.*)" "$tree.part/usr/bin/php-config"
  # Laravel 11 and newer look for their base configuration one folder higher than Debian has it.
  if [ -d "$tree.part/usr/share/php/Illuminate/config" ] && [ ! -e "$tree.part/usr/share/config" ]; then
    ln -s php/Illuminate/config "$tree.part/usr/share/config"
  fi
  echo "$version" >"$tree.part/.rustecho-tree"
  mv "$tree.part" "$tree"
}

# A mount namespace of its own: nothing stays mounted, whatever happens to the command. /tmp is the tree's.
run_in() {
  local tree=$1
  shift
  mkdir -p "$tree$project"
  # shellcheck disable=SC2016  # the inner shell's
  exec unshare -m --propagation private bash -c '
    tree=$1 project=$2
    shift 2
    mount --bind "$project" "$tree$project"
    mount -t proc proc "$tree/proc"
    mount --rbind /dev "$tree/dev"
    exec chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 \
      CI="${CI:-}" RUSTECHO_BINARY="${RUSTECHO_BINARY:-}" RUSTECHO_EXTENSION="${RUSTECHO_EXTENSION:-}" \
      sh -c "cd \"\$0\" && exec \"\$@\"" "$project" "$@"
  ' _ "$tree" "$project" "$@"
}

# wrapper FILE COMMAND: a program that runs the command. Not touched when it is there: the build starts anew when it changes.
wrapper() {
  local text
  text=$(printf '#!/bin/sh\n%s\n' "$2")
  if [ "$(cat "$1" 2>/dev/null)" = "$text" ]; then return; fi
  printf '%s\n' "$text" >"$1"
  chmod +x "$1"
}

# The extension is built on this machine, with the tree's headers. Trees of one PHP share the build.
build_ext() {
  local tree=$1 api target
  wrapper "$tree.php" "exec chroot '$tree' /usr/bin/php \"\$@\""
  # The include folders that php-config names are the tree's.
  wrapper "$tree.php-config" "chroot '$tree' /usr/bin/php-config \"\$@\" | sed 's#-I/#-I$tree/#g'"
  api=$(chroot "$tree" php-config --phpapi)
  target=${CARGO_TARGET_DIR:-$project/target}/php-$api
  PHP=$tree.php PHP_CONFIG=$tree.php-config CARGO_TARGET_DIR=$target cargo build --quiet --release -p rustecho >&2
  echo "$target/release/librustecho.so"
}

[ $# -ge 2 ] || fail "usage: laravel-tree.sh make|run|ext SUITE [COMMAND...]"
verb=$1 suite=$2
shift 2
[[ $suite =~ ^[a-z]+$ ]] || fail "\"$suite\" is not the name of a Debian suite"
tree=$trees/$suite
case $verb in
  make) make_tree "$suite" "$tree" ;;
  run)
    [ -e "$tree/.rustecho-tree" ] || fail "there is no tree of $suite. Run: scripts/laravel-tree.sh make $suite"
    run_in "$tree" "$@"
    ;;
  ext)
    [ -e "$tree/.rustecho-tree" ] || fail "there is no tree of $suite. Run: scripts/laravel-tree.sh make $suite"
    build_ext "$tree"
    ;;
  *) fail "there is no \"$verb\"; there are make, run and ext" ;;
esac
