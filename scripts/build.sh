#!/usr/bin/env bash
# Builds dist/llm_arbiter.wasm and dist/arbiter; cargo compiles only what has changed. `clippy` checks what only the module
# contains, `bench` builds translate.wasm, phases.wasm and rules.wasm in
# target/wasm/wasm32-wasip1/module/examples/.
set -euo pipefail
cd "$(dirname "$0")/.."

toolchain=$(cat .local/wasm-toolchain)
target=(--target wasm32-wasip1 --target-dir target/wasm)
simd="-C target-feature=+simd128"

# Debian's Rust has its own cargo; its target directory is apart, so that neither invalidates what the other has built. Its C
# library lacks `realpath`, which is named by code that nothing calls.
debian() {
  PATH="/usr/bin:$PATH" RUSTC_BOOTSTRAP=1 \
    RUSTFLAGS="-C linker=wasm-ld-19 $simd -L /usr/lib/wasm32-wasi -C link-arg=--unresolved-symbols=ignore-all" \
    /usr/bin/cargo "$@" --quiet "${target[@]}" -Z build-std=std,panic_abort
}

with_target() { RUSTFLAGS="$simd" cargo "$@" --quiet "${target[@]}"; }

# Debian's Rust comes without clippy: there the compiler alone checks what only the module contains.
if [ "${1:-}" = clippy ]; then
  if [ "$toolchain" = rustup ]; then
    RUSTFLAGS="$simd" cargo clippy --quiet --lib "${target[@]}" -- -D warnings
  fi
  exit
fi

build() { if [ "$toolchain" = rustup ]; then with_target build --profile module "$@"; else debian build --profile module "$@"; fi; }

# The benchmarks of what the module does by itself, for Node's V8.
if [ "${1:-}" = bench ]; then
  build --example translate --example phases --example rules
  exit
fi

# By content: a cached build that cargo goes back to is older than what it replaces. A new file each time, because the old one
# may be running.
publish() {
  cmp -s "$1" "dist/$(basename "$1")" && return
  mkdir -p dist
  cp --remove-destination "$1" dist/
}

echo "build: dist/llm_arbiter.wasm"
build --lib
publish target/wasm/wasm32-wasip1/module/llm_arbiter.wasm
echo "build: dist/arbiter"
cargo build --quiet --release --bin arbiter
publish target/release/arbiter
