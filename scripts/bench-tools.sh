#!/usr/bin/env bash
# Sees to it that wrk and nginx are there.
set -euo pipefail
missing=()
command -v wrk >/dev/null || missing+=(wrk)
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing+=(nginx-light)
[ ${#missing[@]} = 0 ] && exit
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
as_root apt-get install -y --no-install-recommends "${missing[@]}" >/dev/null ||
  { echo "bench: install ${missing[*]}, then try again" >&2; exit 1; }
