//! Heartbeat Filter as a Proxy-Wasm module.
//!
//! This crate moves bytes between Envoy and `heartbeat-core`, which decides.
//! `host` is the only module that names host calls.
#![allow(missing_docs)] // The one public item is `_initialize`, made by the SDK's macro.

mod host;
mod logging;
mod messages;
mod plugin;
mod root;
mod stream;
mod waiting;

proxy_wasm::main! {{
    logging::start();
    proxy_wasm::set_root_context(|_| Box::new(root::Root::default()));
}}
