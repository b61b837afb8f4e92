#!/usr/bin/env bash
# Makes the image's root file system in the folder DEST: Envoy, the module, `arbiter`, the entry script with its shell, the
# libraries that these need, certificates, a policy and a place to write to. Needs what `make build` leaves in dist/.
set -euo pipefail
cd "$(dirname "$0")/.."
dest=${1:?"usage: docker/rootfs.sh DEST"}
authorities=${TRUSTED_CA:-/etc/ssl/certs/ca-certificates.crt}

fail() { echo "rootfs: $*" >&2; exit 1; }

# PyPI's Envoy stands behind a script of Python's.
envoy=$(scripts/envoy.sh)
if [ "$(head -c 2 "$envoy")" = '#!' ]; then envoy=$(find "$(dirname "$envoy")/.." -path '*/envoy/_bin/envoy'); fi
[ -f "$envoy" ] || fail "there is no Envoy to put into the image"
[ -f dist/arbiter ] && [ -f dist/llm_arbiter.wasm ] || fail "dist/ is empty; run make build first"
[ -f "$authorities" ] || fail "$authorities is missing; install ca-certificates"
shell=$(command -v dash) || fail "dash is missing; install it"

mkdir -p "$dest"/{bin,dev,etc/arbiter,etc/ssl/certs,proc,run/arbiter,tmp,usr/local/bin,usr/share/arbiter}
install -m 755 "$envoy" "$dest/usr/local/bin/envoy"
install -m 755 dist/arbiter "$dest/usr/local/bin/arbiter"
install -m 755 docker/entrypoint.sh "$dest/usr/local/bin/entrypoint"
install -m 755 "$shell" "$dest/bin/sh"
install -m 644 dist/llm_arbiter.wasm "$dest/usr/share/arbiter/llm_arbiter.wasm"
install -m 644 docker/policy.yaml "$dest/etc/arbiter/policy.yaml"
install -m 644 "$authorities" "$dest/etc/ssl/certs/ca-certificates.crt"
echo 'arbiter:x:10001:10001::/run/arbiter:/bin/sh' >"$dest/etc/passwd"
echo 'arbiter:x:10001:' >"$dest/etc/group"
chmod 1777 "$dest/run/arbiter" "$dest/tmp"

# `ldd` names each library by its path, behind an arrow, and the dynamic linker by its path alone.
for program in usr/local/bin/envoy usr/local/bin/arbiter bin/sh; do
  ldd "$dest/$program" | grep -o '/[^ ]*' | while read -r library; do
    [ -e "$dest$library" ] || install -D -m 755 "$library" "$dest$library"
  done
done
