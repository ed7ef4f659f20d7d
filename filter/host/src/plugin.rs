//! what a root context knows of its plugin, and when it ticks.
#![allow(unsafe_code)] // Calling the host is what this file is for.

use crate::abi::BufferType;
use crate::imports::*;
use crate::values::{buffer, property};
use std::time::Duration;

/// The bytes of `pluginConfig`; empty where there are none.
pub fn plugin_configuration() -> Vec<u8> {
    buffer(BufferType::PluginConfiguration, usize::MAX)
}

/// The proxy's own service cluster, `node.cluster`; empty where it has none.
pub fn service_cluster() -> String {
    let bytes = property(&["xds", "node", "cluster"]).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// The name of the proxy's node, `node.id`; empty where it has none.
pub fn node_id() -> Vec<u8> {
    property(&["xds", "node", "id"]).unwrap_or_default()
}

/// What tells the plugin apart from the others of the proxy: its name and the id
/// of its root context.
pub fn plugin_name() -> String {
    let part = |name| property(&[name]).unwrap_or_default();
    let bytes = [part("plugin_name"), part("plugin_root_id")].join(&b'/');
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A variable of the VM's environment; `None` where it isn't set. What is no UTF-8 in it is
/// shown as U+FFFD.
pub fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// The `vm_id` of the plugin's `vm_config`, which the names of its [queues](crate::Queue)
/// belong to; empty where it has none.
pub fn vm_id() -> Vec<u8> {
    property(&["plugin_vm_id"]).unwrap_or_default()
}

/// Has the root context ticked so often, at most every millisecond; never, for
/// no period. Other root contexts keep their own ticks.
pub fn tick_every(period: Option<Duration>) {
    let milliseconds = period.map_or(0, |period| period.as_nanos().div_ceil(1_000_000).max(1));
    // SAFETY: passes a plain number.
    unsafe {
        proxy_set_tick_period_milliseconds(u32::try_from(milliseconds).unwrap_or(u32::MAX));
    }
}
