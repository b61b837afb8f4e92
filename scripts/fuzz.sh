#!/usr/bin/env bash
# Runs every fuzz target on its stored corpus and then for SECONDS_EACH (default 10) seconds. `cargo fuzz run TARGET` works as well,
# where cargo-fuzz and a nightly Rust are installed; this needs neither.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${SECONDS_EACH:-10}
host=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=target/fuzz
# What cargo-fuzz passes: libFuzzer is told of every edge and comparison.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
 -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
cargo build --quiet --release --locked --target "$host" --manifest-path fuzz/Cargo.toml
for target in request answer stream policy; do
  work=target/fuzz/corpus/$target
  mkdir -p "$work"
  log=target/fuzz/$target.log
  "target/fuzz/$host/release/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="target/fuzz/$target-" "$work" "fuzz/corpus/$target" >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    echo "fuzz: $target failed; the input lies in target/fuzz/, named in the lines above" >&2
    exit 1
  }
  echo "fuzz: $target, $(grep -o 'stat::number_of_executed_units.*\|Done [0-9]* runs' "$log" | tail -n 1 | grep -o '[0-9]*' | head -n 1) runs"
done
