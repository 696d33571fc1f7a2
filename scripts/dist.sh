#!/usr/bin/env bash
# Makes the release archive, dist/rustecho-VERSION-ARCHITECTURE-linux.tar.gz, and dist/SHA256SUMS. Its binary asks for no newer C library
# than glibc 2.17 (CentOS 7): it is linked by cargo-zigbuild against zig's list of that release's symbols, and looked at afterwards.
#
#   scripts/dist.sh            the release
#   scripts/dist.sh --quick    the same unoptimised, into target/dist-quick/: for the tests, three times as fast
#   scripts/dist.sh --check FILE    only looks at a binary: 0, or 1 and what it asks for
#
# cargo-zigbuild and zig come from PyPI, into target/tools/zig. Where nothing has changed the archive is the same to the last byte:
# times are those of the last commit (or SOURCE_DATE_EPOCH), and no path of this machine is in it.
set -euo pipefail
[ "${1:-}" != --check ] || set -- --check "$(realpath -- "${2:?name a binary}")" # before we go elsewhere
cd "$(dirname "$0")/.."
ZIG=0.15.2
ZIGBUILD=0.24.1
GLIBC=2.17
target=${CARGO_TARGET_DIR:-$PWD/target}
zig=$target/tools/zig
umask 022

fail() {
  printf '%s\n' "dist: $*" >&2
  exit 1
}

# check FILE: sets `newest`. Fails when the dynamic linker of an old machine would refuse the binary.
check() {
  local binary=$1 others
  newest=$(objdump -T "$binary" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
  [ -n "$newest" ] || fail "$binary names no version of the C library: is it a program of this system?"
  [ "$(printf '%s\n' "GLIBC_$GLIBC" "$newest" | sort -V | tail -1)" = "GLIBC_$GLIBC" ] || fail "$binary asks for $newest, where $GLIBC is the limit: $(
    objdump -T "$binary" | grep -F "$newest" | awk '{print $NF}' | paste -sd' ')"
  others=$(objdump -p "$binary" | awk '$1 == "NEEDED" && $2 !~ /^(libc|libm|libdl|libpthread|librt|ld-linux.*)\.so/ {print $2}' | paste -sd' ')
  [ -z "$others" ] || fail "$binary needs libraries that not every machine has: $others"
}

command -v objdump >/dev/null || fail "objdump is missing. Run: scripts/setup.sh dist"
into=dist
case ${1:-} in
  '') ;;
  --quick)
    into=$target/dist-quick
    export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
    ;;
  --check)
    check "$2"
    echo "dist: $2 runs with glibc ${newest#GLIBC_} and newer"
    exit
    ;;
  *) fail "\"$1\" is not understood; see the head of $0" ;;
esac

python3 -c 'import venv, ensurepip' 2>/dev/null || fail "python3-venv is missing. Run: scripts/setup.sh dist"
if [ "$(cat "$zig/.complete" 2>/dev/null)" != "$ZIG $ZIGBUILD" ]; then
  echo "dist: fetching zig $ZIG and cargo-zigbuild $ZIGBUILD from PyPI"
  rm -rf "$zig"
  python3 -m venv "$zig"
  "$zig/bin/pip" install --quiet --disable-pip-version-check "ziglang==$ZIG" "cargo-zigbuild==$ZIGBUILD" || fail "PyPI did not give them (see above)"
  echo "$ZIG $ZIGBUILD" >"$zig/.complete"
fi

# The browser clients and the console are in the binary: this makes them, where there is node.
scripts/build.sh pages
triple=$(rustc -vV | sed -n 's/^host: //p')
case $triple in *-linux-gnu) ;; *) fail "this is no Linux with the GNU C library: $triple" ;; esac
if [ "$into" = dist ]; then
  export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=rustecho --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
fi
PATH=$zig/bin:$PATH cargo zigbuild --release -p rustecho-sidecar --bin rustecho --target "$triple.$GLIBC"
binary=$target/$triple/release/rustecho

check "$binary"

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
name=rustecho-$version-${triple%%-*}-linux
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/$name
mkdir -p "$tree/man" "$into"
install -m 0755 "$binary" "$tree/rustecho"
strip --strip-debug "$tree/rustecho"
"$tree/rustecho" man "$tree/man"
cp -R deploy docs README.md CHANGELOG.md SECURITY.md LICENSE "$tree/"
# For who has the sources.
rm -rf "$tree/deploy/deb" "$tree/docs/decisions" "$tree/docs/performance"
(cd "$tree" && find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum) >"$work/SHA256SUMS"
mv "$work/SHA256SUMS" "$tree/SHA256SUMS"

epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
tar --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mode='u=rwX,go=rX' --mtime="@$epoch" -C "$work" -cf - "$name" |
  gzip -9n >"$into/$name.tar.gz"
(cd "$into" && sha256sum "$name.tar.gz" >SHA256SUMS)
echo "dist: ${into#"$PWD"/}/$name.tar.gz, for glibc ${newest#GLIBC_} and newer"
