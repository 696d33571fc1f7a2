#!/usr/bin/env bash
# The tests of the extension in a thread-safe PHP (ZTS). Debian has none, but the source of one: it is fetched from the mirror that
# apt uses and built with the least it needs, into var/zts (five minutes on two cores, once). No part of `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}/zts-php
work=$PWD/var/zts
php=$work/php

fail() {
  printf '%s\n' "test-zts: $*" >&2
  exit 1
}
if [ ! -x "$php/bin/php" ]; then
  name=php$(php -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
  mkdir -p "$work/lists/partial" "$work/none"
  # Lists of sources of our own: the machine's configuration stays as it is.
  # shellcheck disable=SC2016  # apt's own
  mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | sed -n 1p)
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $codename main" >"$work/sources.list"
  lists=(-o "Dir::Etc::sourcelist=$work/sources.list" -o "Dir::Etc::sourceparts=$work/none" -o "Dir::State::lists=$work/lists")
  apt-get -q "${lists[@]}" update || fail "there are no lists of Debian's sources (see above)"
  (cd "$work" && apt-get -q "${lists[@]}" source --download-only "$name") || fail "there is no source of $name (see above)"
  rm -rf "$work/source" && mkdir "$work/source"
  tar -xf "$work/$name"_*.orig.tar.xz -C "$work/source" --strip-components 1
  echo "test-zts: building a thread-safe $name (the log is $work/log)"
  (cd "$work/source" && CFLAGS='-O1' ./configure --prefix="$php" --disable-all --enable-zts --enable-cli --disable-cgi \
    --disable-phpdbg --enable-fpm --enable-pcntl --enable-posix --without-pear && make -j"$(nproc)" && make install) \
    >"$work/log" 2>&1 || fail "PHP was not built; see $work/log"
fi
"$php/bin/php" -v | head -1
PATH=$php/bin:$PATH PHP=$php/bin/php PHP_CONFIG=$php/bin/php-config CARGO_TARGET_DIR=$target cargo build --release -p rustecho
PHP=$php/bin/php PHP_FPM=$php/sbin/php-fpm RUSTECHO_EXTENSION=$target/release/librustecho.so CI=true php-ext/tests/run.sh
