//! The resources that are shipped, with what a test has otherwise.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::manifest::Manifest;
use testbed::tools;

use crate::image::Place;

/// A policy.
#[derive(Clone, Debug)]
pub struct Policy(Value);

impl Policy {
    /// As shipped; only where the image is and its digest say what is true here.
    pub fn shipped(image: &Place) -> Result<Self> {
        Self(shipped("extension-policy.yaml")?)
            .with("/spec/wasm/0/code/image/url", json!(image.url))?
            .with("/spec/wasm/0/code/image/sha256", json!(image.digest))
    }

    /// With another value of what is there already.
    pub fn with(mut self, place: &str, value: Value) -> Result<Self> {
        let there =
            self.0.pointer_mut(place).with_context(|| format!("the policy has no {place}"))?;
        *there = value;
        Ok(self)
    }

    /// With another path of its probe.
    pub fn probing(self, path: &str) -> Result<Self> {
        self.with("/spec/wasm/0/config/probes/0/match/path", json!(path))
    }

    /// With a configuration that the module refuses.
    pub fn misspelt(self) -> Result<Self> {
        self.with("/spec/wasm/0/config", json!({ "probs": [] }))
    }

    /// Whether requests may pass without the module.
    pub fn fail_open(self, open: bool) -> Result<Self> {
        self.with("/spec/wasm/0/failOpen", json!(open))
    }

    /// For one route, in place of the whole gateway.
    pub fn for_route(self, name: &str) -> Result<Self> {
        let route =
            json!({ "group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": name });
        self.with("/spec/targetRefs/0", route)
    }
}

/// What the EnvoyProxy says that is shipped.
pub fn shipped_proxy() -> Result<Value> {
    Ok(shipped("envoy-proxy.yaml")?["spec"].clone())
}

fn shipped(file: &str) -> Result<Value> {
    let resources = Manifest::read(&tools::envoy_configs().join("gateway").join(file))?;
    Ok(resources.first().context("the file is empty")?.value().clone())
}

impl std::fmt::Display for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
