#!/usr/bin/env bash
# npm-ci.sh FOLDER...    `npm ci` in each folder, unless its node_modules is as its lock file says
set -euo pipefail

for folder in "$@"; do
  # npm writes its copy of the lock file last.
  if [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ]; then
    echo "npm: $folder is up to date"
  else
    echo "npm: installing what $folder/package-lock.json names"
    (cd "$folder" && npm ci --no-audit --no-fund --no-update-notifier --loglevel=error)
  fi
done
