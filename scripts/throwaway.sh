#!/usr/bin/env bash
# Runs a command on this machine as root, of whose changes nothing stays: packages can be installed, users made and removed.
#
#   scripts/throwaway.sh COMMAND...    in this folder; its exit status
#
# The machine's whole file system is laid under a layer of memory (overlayfs) in a mount namespace of its own: what the command
# writes goes into the layer, and both are gone with it. Network and processes are the machine's own. It needs root and overlayfs.
set -euo pipefail
[ $# -gt 0 ] || { echo "throwaway: name a command" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "throwaway: only root can lay a file system over another" >&2; exit 1; }

layer=$(mktemp -d "${TMPDIR:-/tmp}/throwaway.XXXXXX")
trap 'rmdir "$layer"' EXIT
# shellcheck disable=SC2016  # the inner shell's
unshare --mount --propagation private bash -euc '
  . "$1"
  layer=$2 folder=$3
  shift 3
  lay "$layer"
  mount --rbind /proc "$layer/root/proc"
  exec chroot "$layer/root" env RUSTECHO_THROWAWAY=1 bash -c "cd \"\$0\" && exec \"\$@\"" "$folder" "$@"
' _ "$(dirname "$(realpath "$0")")/layer.sh" "$layer" "$PWD" "$@"
