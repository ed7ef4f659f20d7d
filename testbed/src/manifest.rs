//! Kubernetes resources in `envoy-config`: held against the schemas of their
//! kinds, and asked for the configurations of the filter that they bring.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::Value;

use crate::tools;

/// Below these keys stands what a schema can't know: the filter's configuration,
/// Envoy's, and what the author has named.
const FREE: [&str; 9] = [
    "annotations",
    "config",
    "data",
    "labels",
    "limits",
    "matchLabels",
    "pluginConfig",
    "portLevelMtls",
    "requests",
];

/// One resource.
#[derive(Clone, Debug)]
pub struct Manifest {
    value: Value,
}

impl Manifest {
    /// All resources in the YAML file at `path`.
    pub fn read(path: &Path) -> Result<Vec<Self>> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("can't read {}", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    /// All resources in a YAML text.
    pub fn parse(text: &str) -> Result<Vec<Self>> {
        let values: Vec<Value> =
            serde_saphyr::from_multiple(text).map_err(|error| anyhow!("{error}"))?;
        let all_have_kinds = values.iter().all(|value| value["kind"].is_string());
        ensure!(all_have_kinds && !values.is_empty(), "these aren't Kubernetes resources");
        Ok(values.into_iter().map(|value| Self { value }).collect())
    }

    /// What it says.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Its kind.
    pub fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    /// Its kind and name.
    pub fn title(&self) -> String {
        format!("{} {}", self.kind(), self.value["metadata"]["name"].as_str().unwrap_or_default())
    }

    /// Whether there is a schema of its kind without Go: the CRDs of Envoy Gateway are in
    /// no package but its own module.
    pub fn has_schema(&self) -> bool {
        self.value["apiVersion"] != "gateway.envoyproxy.io/v1alpha1"
    }

    /// The schema of its kind, where `scripts/crds.sh` has put it.
    pub fn schema(&self) -> Result<ResourceSchema> {
        let version = self.value["apiVersion"].as_str().unwrap_or_default().replace('/', "_");
        ResourceSchema::read(&format!("{version}.{}.json", self.kind()))
    }

    /// The configurations of the filter that it brings: the JSON that the filter
    /// gets, or `None` where it gets nothing.
    pub fn plugin_configs(&self) -> Vec<Option<Value>> {
        let spec = &self.value["spec"];
        match self.kind() {
            "WasmPlugin" => vec![spec.get("pluginConfig").cloned()],
            "TrafficExtension" => vec![spec["wasm"].get("pluginConfig").cloned()],
            "EnvoyExtensionPolicy" => {
                let wasm = spec["wasm"].as_array().into_iter().flatten();
                wasm.map(|wasm| wasm.get("config").cloned()).collect()
            }
            _ => vec![],
        }
    }

    /// The variables that its plugin is given.
    pub fn variables(&self) -> Vec<String> {
        let list = self.value.pointer("/spec/vmConfig/env").and_then(Value::as_array);
        let names = list.into_iter().flatten().filter_map(|it| it["name"].as_str());
        names.map(str::to_owned).collect()
    }

    /// Itself with one key misspelt, for every key that a schema knows; each with
    /// the place of the key.
    pub fn misspelt(&self) -> Vec<(String, Value)> {
        let mut places = vec![];
        collect_keys(&self.value, "", &mut places);
        let misspelt = places.into_iter().filter_map(|(object, key)| {
            let mut copy = self.value.clone();
            let object_there = copy.pointer_mut(&object)?.as_object_mut()?;
            let value = object_there.remove(&key)?;
            object_there.insert(format!("{key}x"), value);
            Some((format!("{object}/{key}"), copy))
        });
        misspelt.collect()
    }
}

/// The pointer of each object below `value`, with each of its keys.
fn collect_keys(value: &Value, at: &str, places: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                places.push((at.to_owned(), key.clone()));
                // The value of an EnvoyFilter's patch is Envoy's, and a Service
                // selects by bare labels.
                let patch = key == "value" && at.ends_with("/patch");
                let labels = key == "selector" && value.get("matchLabels").is_none();
                if !patch && !labels && !FREE.contains(&key.as_str()) {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    collect_keys(value, &format!("{at}/{key}"), places);
                }
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                collect_keys(value, &format!("{at}/{index}"), places);
            }
        }
        _ => {}
    }
}

/// The schema of one kind of resource.
pub struct ResourceSchema {
    name: String,
    schemas: Schemas,
    index: SchemaIndex,
}

impl ResourceSchema {
    fn read(name: &str) -> Result<Self> {
        let path = crds().join(name);
        ensure!(
            path.exists(),
            "no schema at {}: run scripts/crds.sh, which must know this kind",
            path.display()
        );
        let path = path.to_str().context("the path isn't UTF-8")?;
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        let mut schemas = Schemas::new();
        let index = compiler
            .compile(path, &mut schemas)
            .map_err(|error| anyhow!("schema {name}: {error:#}"))?;
        Ok(Self { name: name.to_owned(), schemas, index })
    }

    /// Fails where `resource` isn't as the schema says.
    pub fn check(&self, resource: &Value) -> Result<()> {
        let valid = self.schemas.validate(resource, self.index);
        valid.map_err(|error| anyhow!("not as in {}: {error}", self.name))
    }
}

/// Where `scripts/crds.sh` puts the schemas, or `HEARTBEAT_CRDS`.
fn crds() -> PathBuf {
    env::var_os("HEARTBEAT_CRDS")
        .map_or_else(|| tools::workspace().join(".tools/crds"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "kind: Service\nmetadata: { name: a }\nspec: { ports: [{ port: 1 }], x: { labels: { y: z } } }\n---\nkind: WasmPlugin\nspec: { pluginConfig: { probes: [] } }\n";

    #[test]
    fn every_document_of_a_file_is_a_resource() {
        let manifests = Manifest::parse(TWO).unwrap();
        let titles: Vec<_> = manifests.iter().map(Manifest::title).collect();
        assert_eq!(titles, ["Service a", "WasmPlugin "]);
        for wrong in ["", "a: b", "kind: A\n---\nb: c"] {
            assert!(Manifest::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_key_is_misspelt_once_but_for_those_that_no_schema_knows() {
        let misspelt = Manifest::parse(TWO).unwrap()[0].misspelt();
        let places: Vec<_> = misspelt.iter().map(|(place, _)| place.as_str()).collect();
        let all = [
            "/kind",
            "/metadata",
            "/metadata/name",
            "/spec",
            "/spec/ports",
            "/spec/ports/0/port",
            "/spec/x",
            "/spec/x/labels",
        ];
        assert_eq!(places, all);
        assert_eq!(misspelt[5].1["spec"]["ports"][0]["portx"], 1);
    }

    #[test]
    fn a_plugin_without_a_configuration_brings_an_empty_one() {
        let configs = |text: &str| Manifest::parse(text).unwrap()[0].plugin_configs();
        assert_eq!(configs("kind: WasmPlugin\nspec: { url: x }"), [None]);
        let some = |spec: &str| configs(&spec.replace("CONFIG", "{ probes: [] }"));
        for spec in [
            "kind: WasmPlugin\nspec: { pluginConfig: CONFIG }",
            "kind: TrafficExtension\nspec: { wasm: { pluginConfig: CONFIG } }",
            "kind: EnvoyExtensionPolicy\nspec: { wasm: [{ config: CONFIG }] }",
        ] {
            assert_eq!(some(spec), [Some(serde_json::json!({ "probes": [] }))], "{spec}");
        }
        assert!(configs("kind: Service").is_empty());
    }
}
