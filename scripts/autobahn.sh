#!/usr/bin/env bash
# autobahn.sh [CASE...]    the Autobahn test suite against the lean edge's websockets; `scripts/autobahn.sh '6.*'` for some cases
#
# The suite itself, autobahntestsuite, is Python 2 and starts nowhere any more. kosoku, from the same registry, drives the suite's own
# case files under Python 3. Left out are 12 and 13, compression, which is never agreed to.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${CARGO_TARGET_DIR:-target}/autobahn
report=$venv/report
if [ ! -x "$venv/bin/kosoku" ]; then
  rm -rf "$venv"
  if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check kosoku==0.1.0; }; then
    rm -rf "$venv"
    [ "${CI:-}" = true ] && { echo 'autobahn: kosoku cannot be installed (scripts/setup.sh test; the network)' >&2; exit 1; }
    echo 'skipped: kosoku cannot be installed (scripts/setup.sh test; the network)'
    exit 0
  fi
fi

cargo build --quiet -p rustecho-sidecar --features bare --example bare
coproc server { exec "${CARGO_TARGET_DIR:-target}/debug/examples/bare" 127.0.0.1:0; }
# shellcheck disable=SC2154  # `coproc` sets it
trap 'kill "$server_PID"' EXIT
read -r _ _ address <&"${server[0]}"

cases=()
for case in "$@"; do cases+=(--include "$case"); done
rm -rf "$report"
# It fails when a case does.
"$venv/bin/kosoku" --exclude '12.*' --exclude '13.*' "${cases[@]}" --parallelism "$(nproc)" --outdir "$report" "$address"
python3 - "$report/index.json" "$#" <<'PYTHON'
import json, sys
(results,) = json.load(open(sys.argv[1])).values()
# What the protocol leaves open is informational. "Non-strict" is a fault that is told late: text that is not UTF-8 is refused at the
# end of its frame, where these two would have it refused in the middle of one.
LATE = {"6.4.3": "NON-STRICT", "6.4.4": "NON-STRICT"}
bad = {case: result for case, result in results.items() for key in ("behavior", "behaviorClose")
       if result[key] not in ("OK", "INFORMATIONAL", LATE.get(case))}
for case, result in bad.items():
    print(f"autobahn: case {case}: {result['behavior']}, close {result['behaviorClose']}", file=sys.stderr)
few = sys.argv[2] == "0" and len(results) < 300
if few:
    print(f"autobahn: only {len(results)} cases ran", file=sys.stderr)
print(f"autobahn: {len(results) - len(bad)} of {len(results)} cases passed")
sys.exit(1 if bad or few else 0)
PYTHON
