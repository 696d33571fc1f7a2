#!/usr/bin/env bash
# Runs a command on a machine of its own: everything of this machine is there, and nothing that is done to it stays. Its files are
# an overlay, its processes end with the command, it has no network but loopback. The project is in /opt/rustecho, where the
# documentation has it.
#
#   tests/docs/machine.sh COMMAND...        for instance `bash`, to follow a page by hand
set -euo pipefail
if [ "${1:-}" != --inside ]; then
  project=$(cd "$(dirname "$0")/../.." && pwd)
  export BUILT=${CARGO_TARGET_DIR:-$project/target}
  exec unshare --mount --net --uts --pid --fork --kill-child bash "$0" --inside "$project" "$@"
fi
project=$2
shift 2
mount --make-rprivate /
# shellcheck source=scripts/layer.sh
. "$project/scripts/layer.sh"
lay /mnt 2g
root=/mnt/root
rm -rf "$root"/run/* "$root"/var/spool/rustecho "$root"/var/lib/rustecho "$root"/etc/supervisor/conf.d/rustecho.conf
mkdir -p "$root/opt/rustecho" "$root/run/lock"
mount --bind "$project" "$root/opt/rustecho"
if [ "$BUILT" != "$project/target" ]; then
  mkdir -p "$root/opt/rustecho/target"
  mount --bind "$BUILT" "$root/opt/rustecho/target"
fi
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
ip link set lo up
hostname machine
printf '127.0.0.1 localhost machine your-site.example\n' >"$root/etc/hosts"
unset BUILT CARGO_TARGET_DIR BROADCAST_DRIVER BROADCAST_CONNECTION TMPDIR XDG_RUNTIME_DIR
export HOME=/root RUSTECHO_MACHINE=1
exec chroot "$root" env --chdir=/opt/rustecho/tests "$@"
