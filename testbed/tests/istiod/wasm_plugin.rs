//! What istiod makes of a WasmPlugin, and what Istio's agent leaves of it for Envoy: an
//! extension whose name says the kind of resource, its namespace and its name, the module
//! in a file, and the configuration as a string of JSON, or as nothing at all. Istio 1.31
//! reads a WasmPlugin as a TrafficExtension of another name. `testbed/tests/istio/sent.rs`
//! compares all of it with what istiod sends.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use envoy_types::pb::envoy::config::core::v3::async_data_source::Specifier;
use envoy_types::pb::envoy::config::core::v3::data_source::Specifier::Filename;
use envoy_types::pb::envoy::config::core::v3::{AsyncDataSource, DataSource, TypedExtensionConfig};
use envoy_types::pb::envoy::config::rbac::v3::Rbac as Rules;
use envoy_types::pb::envoy::extensions::filters::http::rbac::v3::Rbac;
use envoy_types::pb::envoy::extensions::filters::http::wasm::v3::Wasm;
use envoy_types::pb::envoy::extensions::wasm::v3::plugin_config::Vm;
use envoy_types::pb::envoy::extensions::wasm::v3::{
    EnvironmentVariables, FailurePolicy, PluginConfig, VmConfig,
};
use envoy_types::pb::google::protobuf::{Any, StringValue};
use prost::{Message, Name};
use serde_json::{Value, json};
use testbed::manifest::Manifest;
use testbed::tools;

/// The types that istiod lets a filter be of: the agent puts an RBAC filter that allows or
/// denies all in the place of a module that it can't fetch.
pub const TYPE_URLS: [&str; 2] = [
    "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
    "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
];

const RUNTIME: &str = "envoy.wasm.runtime.v8";

/// Istiod's notes for the agent, which take away nothing of them. The version is that of
/// the resource.
pub const ENVIRONMENT: [(&str, &str); 2] = [
    ("ISTIO_META_WASM_IMAGE_PULL_POLICY", "IfNotPresent"),
    ("ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION", ""),
];

/// A WasmPlugin.
#[derive(Clone, Debug)]
pub struct WasmPlugin {
    /// Under which Envoy asks for it.
    pub resource: String,
    /// What Envoy's log calls it.
    pub name: String,
    /// The filter's configuration, if it has one.
    pub plugin_config: Option<Value>,
    root_id: String,
    module: String,
}

impl WasmPlugin {
    /// The one that is shipped for sidecars, with its module fetched.
    pub fn shipped(module: &Path) -> Result<Self> {
        let path = tools::envoy_configs().join("istio/sidecar.yaml");
        let manifests = Manifest::read(&path)?;
        let plugin = manifests.iter().find(|manifest| manifest.kind() == "WasmPlugin");
        let plugin = plugin.context("no WasmPlugin in sidecar.yaml")?.value();
        let text = |pointer: &str| {
            let text = plugin.pointer(pointer).and_then(Value::as_str);
            text.with_context(|| format!("the WasmPlugin has no {pointer}"))
        };
        ensure!(text("/spec/failStrategy")? == "FAIL_RELOAD", "another failStrategy");
        let [namespace, name] = [text("/metadata/namespace")?, text("/metadata/name")?];
        let name = format!("{namespace}.{name}~istio-translated-wasmplugin");
        Ok(Self {
            resource: format!("extensions.istio.io/trafficextension/{name}"),
            name,
            plugin_config: plugin["spec"].get("pluginConfig").cloned(),
            root_id: text("/spec/pluginName")?.into(),
            module: module.to_string_lossy().into(),
        })
    }

    /// The same with another configuration.
    pub fn with(&self, plugin_config: Option<Value>) -> Self {
        Self { plugin_config, ..self.clone() }
    }

    /// It as a resource of xDS.
    pub fn to_extension(&self) -> TypedExtensionConfig {
        let configuration = match &self.plugin_config {
            Some(json) => any(&StringValue { value: json.to_string() }),
            None => Any::default(),
        };
        let file =
            DataSource { specifier: Some(Filename(self.module.clone())), ..DataSource::default() };
        let vm = VmConfig {
            runtime: RUNTIME.into(),
            environment_variables: Some(EnvironmentVariables {
                key_values: ENVIRONMENT.map(|(name, value)| (name.into(), value.into())).into(),
                ..EnvironmentVariables::default()
            }),
            code: Some(AsyncDataSource { specifier: Some(Specifier::Local(file)) }),
            ..VmConfig::default()
        };
        let plugin = PluginConfig {
            name: self.name.clone(),
            root_id: self.root_id.clone(),
            configuration: Some(configuration),
            failure_policy: FailurePolicy::FailReload.into(),
            vm: Some(Vm::VmConfig(vm)),
            ..PluginConfig::default()
        };
        TypedExtensionConfig {
            name: self.resource.clone(),
            typed_config: Some(any(&Wasm { config: Some(plugin) })),
        }
    }

    /// The same in JSON.
    pub fn to_json(&self) -> Value {
        let configuration = match &self.plugin_config {
            Some(json) => json!({
                "@type": StringValue::type_url(), "value": json.to_string(),
            }),
            None => json!({}),
        };
        json!({
            "@type": TypedExtensionConfig::type_url(),
            "name": self.resource,
            "typed_config": {
                "@type": Wasm::type_url(),
                "config": {
                    "name": self.name,
                    "root_id": self.root_id,
                    "configuration": configuration,
                    "failure_policy": "FAIL_RELOAD",
                    "vm_config": {
                        "runtime": RUNTIME,
                        "environment_variables": { "key_values": BTreeMap::from(ENVIRONMENT) },
                        "code": { "local": { "filename": self.module } },
                    },
                },
            },
        })
    }
}

/// What the agent puts in the place of a plugin whose module it can't fetch, unless that
/// has `failStrategy: FAIL_OPEN`: a filter that lets nobody in, because no rule of it does.
/// <https://github.com/istio/istio/pull/53363>
pub fn stand_in(resource: &str) -> TypedExtensionConfig {
    let nobody = Rbac { rules: Some(Rules::default()), ..Rbac::default() };
    TypedExtensionConfig { name: resource.into(), typed_config: Some(any(&nobody)) }
}

/// A message with its type.
pub fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}
