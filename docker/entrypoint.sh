#!/bin/sh
# Checks and renders the policy, then becomes Envoy. With arguments it runs those instead: `arbiter check FILE`, for example.
#
#   PORT                    where callers connect to (10000)
#   ARBITER_LISTEN          the same with the address (0.0.0.0:PORT; [::]:PORT is IPv4 as well)
#   ARBITER_CONSOLE_LISTEN  where operators connect to (0.0.0.0:9902)
#   ARBITER_ADMIN           Envoy's administration interface, for nobody else (127.0.0.1:9901)
#   ARBITER_POLICY          the policy (/etc/arbiter/policy.yaml)
#   ARBITER_WORKERS         threads that serve calls (2)
#   ARBITER_MAX_HEAP_MB     heap in MiB, above which calls are turned away; the module's memory comes on top (1024)
#   ARBITER_ACCESS_LOG      what gets one JSON line per call (/dev/stdout)
#   ARBITER_LOG_LEVEL       of Envoy's own log, on the standard error (warning)
# The policy names further ones: keys of providers and callers, and the console's token.
set -eu

if [ $# -gt 0 ]; then exec "$@"; fi

policy=${ARBITER_POLICY:-/etc/arbiter/policy.yaml}
configuration=/run/arbiter/envoy.yaml

arbiter check "$policy" >&2
arbiter render "$policy" --wasm /usr/share/arbiter/llm_arbiter.wasm \
  --listen "${ARBITER_LISTEN:-0.0.0.0:${PORT:-10000}}" \
  --console "${ARBITER_CONSOLE_LISTEN:-0.0.0.0:9902}" \
  --admin "${ARBITER_ADMIN:-127.0.0.1:9901}" \
  --health /healthz \
  --max-heap-mb "${ARBITER_MAX_HEAP_MB:-1024}" \
  --access-log "${ARBITER_ACCESS_LOG:-/dev/stdout}" >"$configuration"
exec envoy -c "$configuration" --concurrency "${ARBITER_WORKERS:-2}" --log-level "${ARBITER_LOG_LEVEL:-warning}" --disable-hot-restart
