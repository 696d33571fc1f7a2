#!/usr/bin/env bash
# ini-dir.sh    prints a folder with PHP's ini files but that of rustecho (for PHP_INI_SCAN_DIR): where the extension is installed on
#               this machine, tests and benchmarks are to load the one that was just built
set -euo pipefail
cd "$(dirname "$0")/.."

from=$(PHP_INI_SCAN_DIR='' php -r 'echo PHP_CONFIG_FILE_SCAN_DIR;')
to=$PWD/var/php-ini
mkdir -p "$to"
find "$to" -type l -delete
find "$from" -name '*.ini' ! -name '*rustecho.ini' -exec ln -s -t "$to" {} +
echo "$to"
