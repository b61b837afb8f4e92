// Runs a wasm32-wasip1 program in Node's V8, the engine that Envoy has: node benches/wasi.mjs PROGRAM ARGUMENTS
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const wasi = new WASI({ version: "preview1", args: process.argv.slice(2) });
// The library names the proxy's host calls, but a benchmark makes none.
const env = new Proxy({}, { get: () => () => 0 });
const { instance } = await WebAssembly.instantiate(await readFile(process.argv[2]), { ...wasi.getImportObject(), env });
// The library also has an entry point for proxies, which a command must not have.
wasi.start({ exports: { ...instance.exports, _initialize: undefined } });
