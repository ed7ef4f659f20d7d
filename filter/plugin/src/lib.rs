//! Heartbeat Filter as a Proxy-Wasm module.
