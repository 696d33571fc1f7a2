#!/usr/bin/env bash
# Makes the Debian package of the sidecar, dist/rustecho_….deb, by cargo-deb; what is in it stands in sidecar/Cargo.toml.
#
#   scripts/deb.sh [--fast]    pack less tightly, for the tests
set -euo pipefail
cd "$(dirname "$0")/.."
CARGO_DEB=3.8.0
target=${CARGO_TARGET_DIR:-$PWD/target}
tools=$target/tools

fail() {
  printf '%s\n' "deb: $*" >&2
  exit 1
}
command -v dpkg-deb >/dev/null || fail "dpkg-deb is missing: Debian packages are made on Debian"

pack=()
case ${1:-} in
  '') ;;
  --fast) pack=(--fast) ;;
  *) fail "\"$1\" is not understood; see the head of $0" ;;
esac

# Unoptimised: it is built in a third of the time, and packs a package in a second or two.
if [ "$("$tools/bin/cargo-deb" --version 2>/dev/null)" != "cargo-deb $CARGO_DEB" ]; then
  echo "deb: building cargo-deb $CARGO_DEB, a minute"
  CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --debug --locked --no-default-features --root "$tools" \
    --target-dir "$target/tools-build" cargo-deb --version "$CARGO_DEB" || fail "cargo-deb cannot be built (see above)"
  rm -rf "$target/tools-build"
fi

scripts/build.sh sidecar
rm -rf dist/man
"$target/release/rustecho" man dist/man
# The umask of whoever builds is not that of the package.
umask 022
package=$("$tools/bin/cargo-deb" --quiet --no-build --strip -p rustecho-sidecar --output dist/ "${pack[@]}")
echo "deb: ${package#"$PWD"/}, for apt-get install ./${package#"$PWD"/}"
