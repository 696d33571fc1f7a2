#!/usr/bin/env bash
# Installs the sidecar where there is no package for it: the binary, its user and folders, settings, and the systemd unit (root).
#
#   deploy/install.sh                from an unpacked release archive, or after `make build`; again to upgrade: settings are kept
#   deploy/install.sh --uninstall    takes it away again, but for /etc/rustecho and what is spooled; --purge: these, too
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '%s\n' "install: $*"; }
fail() {
  printf '%s\n' "install: $*" >&2
  exit 1
}
[ "$(id -u)" -eq 0 ] || fail "only root can install it for the machine"
if dpkg-query -W -f '${db:Status-Status}' rustecho 2>/dev/null | grep -qx installed; then
  fail "the Debian package rustecho is installed: apt-get install another one, or apt-get remove rustecho"
fi
runs_systemd() { [ -d /run/systemd/system ]; }

uninstall() {
  if runs_systemd; then systemctl disable --now --quiet rustecho.socket rustecho.service || true; fi
  rm -f /usr/bin/rustecho /etc/systemd/system/rustecho.{service,socket} /usr/lib/sysusers.d/rustecho.conf /usr/lib/tmpfiles.d/rustecho.conf
  rm -rf /usr/share/rustecho
  if runs_systemd; then systemctl daemon-reload; fi
}

purge() {
  rm -rf /etc/rustecho /run/rustecho /var/spool/rustecho /var/lib/rustecho
  if getent passwd rustecho >/dev/null; then userdel rustecho; fi
  if getent group rustecho >/dev/null; then groupdel rustecho; fi
}

install_all() {
  local binary what
  for binary in ../rustecho "${CARGO_TARGET_DIR:-../target}/release/rustecho"; do
    if [ -f "$binary" ]; then break; fi
  done
  [ -f "$binary" ] || fail "there is no binary; build it first: make build"

  install -D -m 0644 sysusers/rustecho.conf /usr/lib/sysusers.d/rustecho.conf
  install -D -m 0644 tmpfiles/rustecho.conf /usr/lib/tmpfiles.d/rustecho.conf
  systemd-sysusers rustecho.conf
  systemd-tmpfiles --create rustecho.conf
  # Renamed into place: one that runs goes on until it is restarted.
  install -m 0755 "$binary" /usr/bin/.rustecho.new
  mv -f /usr/bin/.rustecho.new /usr/bin/rustecho
  if [ ! -e /etc/rustecho/rustecho.json ]; then install -D -m 0640 -g rustecho rustecho.json /etc/rustecho/rustecho.json; fi
  install -D -m 0644 -t /etc/systemd/system systemd/rustecho.service systemd/rustecho.socket
  # Where the Debian package has them, too.
  for what in nginx apache supervisor; do install -D -m 0644 "$what/rustecho.conf" "/usr/share/rustecho/$what.conf"; done
  if runs_systemd; then
    systemctl daemon-reload
    systemctl enable --quiet rustecho.service
    # It tells whether it serves: somebody else may still have the port. All is installed nevertheless.
    systemctl restart rustecho.service || say "the service does not serve yet: journalctl -u rustecho says why" >&2
  fi
  say "$(rustecho version) is installed. Settings: /etc/rustecho/rustecho.json; then: systemctl restart rustecho"
}

case ${1:-} in
  '') install_all ;;
  --uninstall) uninstall ;;
  --purge)
    uninstall
    purge
    ;;
  *) fail "\"$1\" is not understood; see the head of $0" ;;
esac
