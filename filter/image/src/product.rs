//! The modules that a release has, each packed by itself.

/// One of them.
#[derive(Debug)]
pub struct Product {
    /// The name of its images, and of the crate that becomes the module.
    pub name: &'static str,
    /// The module's file.
    pub module: &'static str,
    /// The list of what is in it.
    pub sbom: &'static str,
    /// Where its layouts are, in the folder of all; empty: right there.
    pub folder: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// One sentence.
    pub description: &'static str,
}

/// What every proxy loads.
pub const FILTER: Product = Product {
    name: "heartbeat-filter",
    module: "heartbeat_filter.wasm",
    sbom: "heartbeat_filter.cdx.json",
    folder: "",
    title: "Heartbeat Filter",
    description: "A health plane for Envoy, as a Proxy-Wasm filter",
};

/// What a hub of several meshes loads.
pub const HUB: Product = Product {
    name: "heartbeat-hub",
    module: "heartbeat_hub.wasm",
    sbom: "heartbeat_hub.cdx.json",
    folder: "hub",
    title: "Heartbeat Hub",
    description: "One verdict of what several meshes say, for every Envoy: a Proxy-Wasm module",
};

/// Both.
pub const ALL: [&Product; 2] = [&FILTER, &HUB];
