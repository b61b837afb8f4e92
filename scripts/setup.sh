#!/usr/bin/env bash
# Sets up what building and testing need, inside the clone; quick when everything is there. `build`: only what the module and
# `arbiter` are built with, and Envoy.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .local

fail() { echo "setup: $*" >&2; exit 1; }
say() { echo "setup: $*"; }

# Runs a command silently; shows what it printed only if it fails.
quietly() {
  local log=.local/setup.log
  "$@" >"$log" 2>&1 || { tail -n 15 "$log" >&2; return 1; }
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

install_packages() {
  command -v apt-get >/dev/null || fail "install these packages, then try again: $*"
  say "installing $*"
  export DEBIAN_FRONTEND=noninteractive
  { quietly as_root apt-get update && quietly as_root apt-get install -y --no-install-recommends "$@"; } ||
    fail "apt-get could not install $*; install them as root, then try again"
}

check_compilers() {
  command -v cargo >/dev/null || fail "cargo is missing; install Rust with rustup (https://rustup.rs)"
  cargo --version >/dev/null 2>&1 ||
    fail "cargo does not run; get the Rust that rust-toolchain.toml names, with: rustup toolchain install"
  command -v cc >/dev/null || fail "cc is missing; install a C compiler, which Rust links with (apt install gcc libc6-dev)"
  command -v python3 >/dev/null || fail "python3 is missing; install it (apt install python3 python3-venv)"
}

check_tools() {
  check_compilers
  command -v c++ >/dev/null || fail "c++ is missing; install a C++ compiler, which the fuzzer is built with (apt install g++)"
  command -v node >/dev/null || fail "node is missing; install Node.js 20.15 or newer"
  command -v npm >/dev/null || fail "npm is missing; install Node.js 20.15 or newer with npm"
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 15) ? 0 : 1)' ||
    fail "node $(node --version) is too old; install Node.js 20.15 or newer"
}

# The wasm target of the installed Rust, or else Debian's Rust, which brings the standard library as source.
wasm_toolchain() {
  local sysroot
  sysroot=$(rustc --print sysroot)
  if [ -d "$sysroot/lib/rustlib/wasm32-wasip1" ]; then echo rustup >.local/wasm-toolchain; return; fi
  [ "$(cat .local/wasm-toolchain 2>/dev/null)" = debian ] && debian_toolchain_works && return
  if command -v rustup >/dev/null && RUSTUP_MAX_RETRIES=1 timeout 60 rustup target add wasm32-wasip1 >/dev/null 2>&1; then
    echo rustup >.local/wasm-toolchain
    return
  fi
  say "rustup cannot download wasm32-wasip1; building it from Debian's sources instead"
  debian_toolchain_works || install_packages rustc-web cargo-web rust-web-src lld-19 wasi-libc
  debian_toolchain_works || fail "Debian's Rust cannot build for wasm32-wasip1; get the target with: rustup target add wasm32-wasip1"
  echo debian >.local/wasm-toolchain
}

debian_toolchain_works() {
  [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] && command -v wasm-ld-19 >/dev/null && [ -d /usr/lib/wasm32-wasi ] &&
    [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std" ]
}

python_tools() {
  local stamp=.local/venv/requirements.txt
  cmp -s tests/requirements.txt "$stamp" && return
  say "installing the Python tools"
  quietly python3 -m venv .local/venv || fail "python3 cannot make a virtual environment; install python3-venv"
  quietly .local/venv/bin/pip install --disable-pip-version-check -r tests/requirements.txt ||
    fail "pip could not install tests/requirements.txt; is the network there?"
  cp tests/requirements.txt "$stamp"
}

# Every crate of a lock file, those of other platforms too: what reads the metadata of all of them needs no network.
crates() {
  local manifest
  for manifest in "$@"; do
    quietly cargo fetch --quiet --locked --manifest-path "$manifest" ||
      fail "cargo could not fetch the crates of $manifest; is the network there, and does ${manifest%.toml}.lock match?"
  done
}

stand_ins() {
  local place=.local/standins
  cmp -s tests/standins/package-lock.json "$place/package-lock.json" && [ -x "$place/node_modules/.bin/llmock" ] && return
  say "installing the stand-in providers"
  mkdir -p "$place"
  cp tests/standins/package.json "$place/"
  cp tests/standins/package-lock.json "$place/npm-shrinkwrap.json"
  quietly npm ci --prefix "$place" --no-audit --no-fund --loglevel=error ||
    fail "npm could not install the stand-in providers; is the network there?"
  cp tests/standins/package-lock.json "$place/"
}

# The browser that the console's page is tested with, and what scrapes the metrics.
witnesses() {
  local missing=()
  command -v chromium >/dev/null || [ -n "${CHROMIUM:-}" ] || missing+=(chromium)
  { command -v prometheus && command -v promtool; } >/dev/null || missing+=(prometheus)
  [ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
}

if [ "${1:-}" = build ]; then
  check_compilers
  wasm_toolchain
  crates Cargo.toml
  scripts/envoy.sh >/dev/null
  exit
fi
check_tools
wasm_toolchain
crates Cargo.toml fuzz/Cargo.toml
python_tools
stand_ins
witnesses
scripts/envoy.sh >/dev/null
