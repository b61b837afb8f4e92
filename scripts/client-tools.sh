#!/usr/bin/env bash
# Installs the clients that are tried against the gateway; quick when they are there.
set -euo pipefail
cd "$(dirname "$0")/.."
place=.local/clients
mkdir -p "$place/node"

for name in venv:requirements.txt aider:requirements-aider.txt; do
  venv=$place/${name%%:*} wanted=tests/clients/${name#*:}
  cmp -s "$wanted" "$venv/requirements.txt" && continue
  echo "clients: installing $wanted"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
  cp "$wanted" "$venv/requirements.txt"
done

# Agents bring a program for each platform, some of which a lock file made on another one would lack.
cmp -s tests/clients/node/package.json "$place/node/package.json" && exit
echo "clients: installing tests/clients/node/package.json"
cp tests/clients/node/package.json "$place/node/new.json"
(cd "$place/node" && mv new.json package.json && npm install --no-package-lock --no-audit --no-fund --loglevel=error ||
  { rm package.json; exit 1; })
