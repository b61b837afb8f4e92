//! The boundary as proxy-wasm host calls.
