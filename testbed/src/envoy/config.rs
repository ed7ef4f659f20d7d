//! Edits of the filters in an Envoy configuration, which is plain JSON here.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use super::merge::merge;
use super::walk::each_object;

/// What the filter is configured with.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PluginConfig {
    /// What stands in the file.
    #[default]
    Shipped,
    /// Nothing at all.
    Absent,
    /// These bytes.
    Text(String),
}

/// Points every Wasm plugin at the module that `module` says, which is told the plugin's
/// name and the file that the configuration has it in.
pub fn set_modules(
    config: &mut Value,
    module: impl Fn(&str, &Path) -> Result<PathBuf>,
) -> Result<()> {
    let mut result = Ok(());
    each_plugin(config, &mut |plugin| {
        let name = plugin["name"].as_str().unwrap_or_default().to_owned();
        if let Some(local) = plugin.pointer_mut("/vm_config/code/local") {
            let shipped = PathBuf::from(local["filename"].as_str().unwrap_or_default());
            match module(&name, &shipped) {
                Ok(module) => *local = json!({ "filename": module.to_string_lossy() }),
                Err(error) => result = Err(error),
            }
        }
    });
    result
}

/// Puts other files in the place of those that the configuration names.
pub fn set_files(config: &mut Value, files: &[(String, PathBuf)]) {
    each_object(config, &mut |object| {
        if let Some(name) = object.get_mut("filename")
            && let Some((_, path)) = files.iter().find(|(named, _)| name == named)
        {
            *name = json!(path.to_string_lossy());
        }
    });
}

/// Configures every Wasm plugin.
pub fn set_plugin_config(config: &mut Value, plugin_config: &PluginConfig) {
    each_plugin(config, &mut |plugin| match plugin_config {
        PluginConfig::Shipped => {}
        PluginConfig::Absent => {
            plugin.as_object_mut().map(|plugin| plugin.remove("configuration"));
        }
        PluginConfig::Text(text) => {
            plugin["configuration"] = json!({
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": text,
            });
        }
    });
}

/// Sets a variable of every VM's environment.
pub fn set_variable(config: &mut Value, name: &str, value: &str) {
    each_plugin(config, &mut |plugin| {
        plugin["vm_config"]["environment_variables"]["key_values"][name] = json!(value);
    });
}

/// Merges `patch` into every HTTP connection manager.
pub fn merge_hcm(config: &mut Value, patch: &Value) {
    each_hcm(config, &mut |hcm| merge(hcm, patch));
}

/// Merges `patch` into every filter chain.
pub fn merge_filter_chains(config: &mut Value, patch: &Value) {
    each_object(config, &mut |object| {
        let chains = object.get_mut("filter_chains").and_then(Value::as_array_mut);
        chains.into_iter().flatten().for_each(|chain| merge(chain, patch));
    });
}

/// Takes the configuration of every Wasm filter, with the filter's name, and
/// puts there where `source` says that it is found.
pub fn take_wasm_filters(
    config: &mut Value,
    source: impl Fn(&str) -> Value,
) -> Vec<(String, Value)> {
    let mut taken = Vec::new();
    each_hcm(config, &mut |hcm| {
        let filters = hcm.get_mut("http_filters").and_then(Value::as_array_mut);
        for filter in filters.into_iter().flatten().filter_map(Value::as_object_mut) {
            if filter.get("typed_config").is_some_and(|config| is_a(config, ".Wasm"))
                && let Some(config) = filter.remove("typed_config")
            {
                let name = filter["name"].as_str().unwrap_or_default().to_owned();
                filter.insert("config_discovery".into(), source(&name));
                taken.push((name, config));
            }
        }
    });
    taken
}

/// Puts in place of every Wasm filter one that is called `name` and asks `source`, an
/// ExtensionConfigSource, for what it is.
pub fn discover_wasm_filters(config: &mut Value, name: &str, source: &Value) {
    each_hcm(config, &mut |hcm| {
        let filters = hcm.get_mut("http_filters").and_then(Value::as_array_mut);
        for filter in filters.into_iter().flatten() {
            if filter.get("typed_config").is_some_and(|config| is_a(config, ".Wasm")) {
                *filter = json!({ "name": name, "config_discovery": source });
            }
        }
    });
}

fn each_plugin(config: &mut Value, edit: &mut dyn FnMut(&mut Value)) {
    each_object(config, &mut |object| {
        if object.get("vm_config").is_some() {
            edit(object);
        }
    });
}

fn each_hcm(config: &mut Value, edit: &mut dyn FnMut(&mut Value)) {
    each_object(config, &mut |object| {
        if is_a(object, ".HttpConnectionManager") {
            edit(object);
        }
    });
}

/// Whether the type of `message` ends with `kind`.
fn is_a(message: &Value, kind: &str) -> bool {
    message.get("@type").and_then(Value::as_str).is_some_and(|name| name.ends_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wasm_filters_are_discovered() {
        let router = json!({ "name": "router", "typed_config": { "@type": "x/y.v3.Router" } });
        let wasm = json!({ "name": "wasm", "typed_config": { "@type": "x/y.v3.Wasm" } });
        let mut config =
            json!({ "@type": "x/y.v3.HttpConnectionManager", "http_filters": [wasm, router] });
        discover_wasm_filters(&mut config, "shop.heartbeat", &json!({ "type_urls": [] }));
        let discovered =
            json!({ "name": "shop.heartbeat", "config_discovery": { "type_urls": [] } });
        assert_eq!(config["http_filters"], json!([discovered, router]));
    }

    #[test]
    fn plugins_and_connection_managers_are_found_where_they_are() {
        let mut config = json!({ "static_resources": { "listeners": [{ "filter": {
            "@type": "type.googleapis.com/x.v3.HttpConnectionManager",
            "a": 1,
            "config": { "vm_config": { "code": { "local": { "filename": "old" } } },
                        "configuration": { "value": "old" } },
        } }] } });
        let new = |name: &str, shipped: &Path| {
            assert_eq!((name, shipped), ("", Path::new("old")));
            Ok("new.wasm".into())
        };
        set_modules(&mut config, new).unwrap();
        set_plugin_config(&mut config, &PluginConfig::Text("{}".into()));
        merge_hcm(&mut config, &json!({ "b": 2 }));
        let hcm = config["static_resources"]["listeners"][0]["filter"].clone();
        assert_eq!(hcm["config"]["vm_config"]["code"]["local"]["filename"], "new.wasm");
        assert_eq!(hcm["config"]["configuration"]["value"], "{}");
        assert_eq!((&hcm["a"], &hcm["b"]), (&json!(1), &json!(2)));

        set_plugin_config(&mut config, &PluginConfig::Absent);
        let plugin = &config["static_resources"]["listeners"][0]["filter"]["config"];
        assert!(plugin.get("configuration").is_none());
        assert!(set_modules(&mut config, |_, _| anyhow::bail!("there is none")).is_err());
    }

    #[test]
    fn files_take_the_place_of_those_that_are_named() {
        let mut config = json!({ "a": [{ "filename": "/x" }, { "filename": "/y" }], "b": "/x" });
        set_files(&mut config, &[("/x".into(), "/here".into())]);
        let replaced = json!({ "a": [{ "filename": "/here" }, { "filename": "/y" }], "b": "/x" });
        assert_eq!(config, replaced);
    }

    #[test]
    fn a_wasm_filter_leaves_its_name_and_where_it_is_found() {
        let mut config = json!({ "filter_chains": [{ "filters": [{ "typed_config": {
            "@type": "type.googleapis.com/x.v3.HttpConnectionManager",
            "http_filters": [
                { "name": "heartbeat", "typed_config": { "@type": "type.googleapis.com/x.v3.Wasm", "config": 1 } },
                { "name": "router", "typed_config": { "@type": "type.googleapis.com/x.v3.Router" } },
            ],
        } }] }] });
        merge_filter_chains(&mut config, &json!({ "transport_socket": 2 }));
        let taken = take_wasm_filters(&mut config, |name| json!(format!("at {name}")));
        let [(name, wasm)] = &taken[..] else { panic!("{taken:?}") };
        assert_eq!((name.as_str(), &wasm["config"]), ("heartbeat", &json!(1)));
        let chain = &config["filter_chains"][0];
        assert_eq!(chain["transport_socket"], 2);
        let filters = &chain["filters"][0]["typed_config"]["http_filters"];
        assert_eq!(filters[0], json!({ "name": "heartbeat", "config_discovery": "at heartbeat" }));
        assert!(filters[1].get("typed_config").is_some());
    }
}
