#!/usr/bin/env bash
# npm-ci.sh FOLDER...    `npm ci` in each folder, unless its node_modules is as its lock file says
set -euo pipefail

for folder in "$@"; do
  # Our own mark, made last: an `npm ci` that was interrupted leaves a folder that looks whole.
  mark=$folder/node_modules/.complete
  if cmp -s "$folder/package-lock.json" "$mark"; then
    echo "npm: $folder is up to date"
  else
    echo "npm: installing what $folder/package-lock.json names"
    (cd "$folder" && npm ci --no-audit --no-fund --no-update-notifier --loglevel=error)
    cp "$folder/package-lock.json" "$mark"
  fi
done
