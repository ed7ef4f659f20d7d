//! Holds everything in `envoy-config` against the real thing: Envoy, of every version that
//! is supported, loads every static configuration and every EnvoyFilter, with its module;
//! every Kubernetes resource is as the schema of its kind says (what an API server says of
//! it is in `admission.rs`); the module takes every configuration that one brings.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use testbed::client::tls::Authority;
use testbed::envoy::{EnvoyBuilder, PluginConfig};
use testbed::manifest::Manifest;
use testbed::mesh;
use testbed::tools::{self, OLDER_ENVOYS, Tools};

fn main() -> ExitCode {
    let tools = Arc::new(Tools::from_env(env!("CARGO_BIN_EXE_testbed")));
    let trials = match all(&tools) {
        Ok(trials) => trials,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn all(tools: &Arc<Tools>) -> Result<Vec<Trial>> {
    let mut trials = in_envoy(tools, "")?;
    for version in OLDER_ENVOYS {
        let tools = Arc::new(tools.with_envoy(version));
        trials.extend(in_envoy(&tools, &format!("envoy_{}::", version.replace('.', "_")))?);
    }
    for path in resources()? {
        let manifests =
            Manifest::read(&path).with_context(|| format!("can't read {}", path.display()))?;
        trials.extend(manifests.into_iter().flat_map(|manifest| of_manifest(manifest, tools)));
    }
    trials.push(trial("extra_stat_tags_are_those_of_stock_envoy".into(), same_labels));
    trials.push(trial(
        "stats_tags_of_envoy_gateway_are_those_of_the_stock_gateway".into(),
        same_tags,
    ));
    trials.push(trial("the_two_forms_for_istio_say_the_same".into(), same_plugins));
    trials.push(trial("mesh::hubs_are_followed_in_istio_as_in_stock_envoy".into(), same_clients));
    Ok(trials)
}

/// Everything that an Envoy can load.
fn in_envoy(tools: &Arc<Tools>, prefix: &str) -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    for path in statics()? {
        let (name, tools) = (format!("{prefix}{}", named(&path)), tools.clone());
        trials.push(trial(name, move || validate(&path, &tools)));
    }
    for path in resources()? {
        let kinds = ["EnvoyFilter", "Telemetry"];
        let manifests = Manifest::read(&path)?;
        if manifests.iter().any(|manifest| kinds.contains(&manifest.kind())) {
            let (name, tools) = (format!("{prefix}{}::in_envoy", named(&path)), tools.clone());
            trials.push(trial(name, move || validate_in_envoy(&path, &tools)));
        }
    }
    Ok(trials)
}

fn of_manifest(manifest: Manifest, tools: &Arc<Tools>) -> Vec<Trial> {
    let title = manifest.title().replace([' ', '-'], "_");
    let namespace = manifest.value()["metadata"]["namespace"].as_str().unwrap_or_default();
    let title = format!("{namespace}::{title}").replace('-', "_");
    let mut trials = Vec::new();
    for config in manifest.plugin_configs() {
        let (name, tools) = (format!("{title}::plugin_config"), tools.clone());
        let variables = manifest.variables();
        trials.push(trial(name, move || validate_plugin(config.as_ref(), &variables, &tools)));
    }
    if !manifest.has_schema() {
        return trials;
    }
    let copy = manifest.clone();
    trials.push(trial(format!("{title}::schema"), move || copy.schema()?.check(copy.value())));
    trials.push(trial(format!("{title}::no_key_may_be_misspelt"), move || {
        let schema = manifest.schema()?;
        let misspelt = manifest.misspelt();
        ensure!(!misspelt.is_empty(), "it has no keys");
        for (place, value) in misspelt {
            ensure!(schema.check(&value).is_err(), "the schema lets a misspelt {place} pass");
        }
        Ok(())
    }));
    trials
}

fn trial(name: String, check: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || check().map_err(|error| Failed::from(format!("{error:#}"))))
}

/// The file without its ending; those of the hub say that they are.
fn named(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if path.parent().is_some_and(|folder| folder.ends_with("mesh")) {
        return format!("mesh::{stem}");
    }
    stem.into_owned()
}

/// What an Envoy is started with.
fn statics() -> Result<Vec<PathBuf>> {
    let mut all = shipped("mesh")?;
    all.retain(|path| Manifest::read(path).is_err());
    ensure!(!all.is_empty(), "the hub's configurations are no configurations of Envoy any more");
    Ok(shipped("static")?.into_iter().chain(all).collect())
}

/// What Kubernetes takes.
fn resources() -> Result<Vec<PathBuf>> {
    let statics = statics()?;
    let folders = ["istio", "gateway", "mesh"].map(shipped);
    let all = folders.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten();
    Ok(all.filter(|path| !statics.contains(path)).collect())
}

fn shipped(directory: &str) -> Result<Vec<PathBuf>> {
    let directory = tools::envoy_configs().join(directory);
    let entries = directory
        .read_dir()
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("can't read {}", directory.display()))?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    ensure!(!paths.is_empty(), "no configuration in {}", directory.display());
    Ok(paths)
}

fn stock() -> PathBuf {
    tools::envoy_configs().join("static/envoy.yaml")
}

/// It names files below /etc/envoy/tls that any certificate can stand for here, and that of the
/// hub's page.
fn validate(path: &Path, tools: &Tools) -> Result<()> {
    let authority = Authority::new()?;
    let files = [("ca", "ca"), ("cert", "server.cert"), ("key", "server.key")];
    let builder = EnvoyBuilder::new(tools, path)?;
    let builder = files.iter().fold(builder, |builder, (named, file)| {
        builder.file(&format!("/etc/envoy/tls/{named}.pem"), &authority.path(file))
    });
    builder.file(mesh::PAGE, &mesh::heat_map()).validate()
}

fn validate_in_envoy(path: &Path, tools: &Tools) -> Result<()> {
    EnvoyBuilder::new(tools, &stock())?.istio(path)?.validate()
}

/// Every variable is an address here.
fn validate_plugin(config: Option<&Value>, variables: &[String], tools: &Tools) -> Result<()> {
    let config = config.map_or(PluginConfig::Absent, |json| PluginConfig::Text(json.to_string()));
    let builder = EnvoyBuilder::new(tools, &stock())?.plugin_config(config);
    let set = |builder: EnvoyBuilder, name: &String| builder.variable(name, "10.1.0.5");
    variables.iter().fold(builder, set).validate()
}

/// A label that one of them lacks would stay in the names of metrics there.
fn same_labels() -> Result<()> {
    let deployment = find("istio/deployment.yaml", "Deployment")?;
    let text = deployment
        .value()
        .pointer("/spec/template/metadata/annotations/proxy.istio.io~1config")
        .and_then(Value::as_str)
        .context("the Deployment has no proxy.istio.io/config")?;
    let proxy = read(text)?;
    let envoy = read(&std::fs::read_to_string(stock())?)?;
    let strings = |list: &Value, key: Option<&str>| -> BTreeSet<String> {
        let items = list.as_array().into_iter().flatten();
        items
            .filter_map(|item| key.map_or(item, |key| &item[key]).as_str())
            .map(Into::into)
            .collect()
    };
    let in_istio = strings(&proxy["extraStatTags"], None);
    let in_envoy = strings(&envoy["stats_config"]["stats_tags"], Some("tag_name"));
    ensure!(in_istio == in_envoy, "extraStatTags {in_istio:?}, but stats_tags {in_envoy:?}");
    Ok(())
}

/// The policy of either gateway has no counters, whose labels would be more.
fn same_tags() -> Result<()> {
    let proxy = find("gateway/envoy-proxy.yaml", "EnvoyProxy")?;
    let text = proxy.value().pointer("/spec/bootstrap/value").and_then(Value::as_str);
    let ours = read(text.context("the EnvoyProxy has no bootstrap")?)?;
    let gateway =
        read(&std::fs::read_to_string(tools::envoy_configs().join("static/gateway.yaml"))?)?;
    let same = ours["stats_config"]["stats_tags"] == gateway["stats_config"]["stats_tags"];
    ensure!(same, "not the stats_tags of static/gateway.yaml");
    Ok(())
}

/// A TrafficExtension is a WasmPlugin whose fields have moved.
fn same_plugins() -> Result<()> {
    let mut extensions =
        Manifest::read(&tools::envoy_configs().join("istio/traffic-extension.yaml"))?;
    extensions.retain(|it| it.kind() == "TrafficExtension");
    let plugins = ["istio/sidecar.yaml", "istio/gateway.yaml"];
    ensure!(extensions.len() == plugins.len(), "there is one for each WasmPlugin");
    for (extension, file) in extensions.iter().zip(plugins) {
        let plugin = find(file, "WasmPlugin")?;
        let mut spec = extension.value()["spec"].clone();
        let mut wasm = spec["wasm"].take();
        let (Some(spec), Some(wasm)) = (spec.as_object_mut(), wasm.as_object_mut()) else {
            bail!("no wasm in {}", extension.title());
        };
        spec.remove("wasm");
        wasm.append(spec);
        ensure!(Value::Object(wasm.clone()) == plugin.value()["spec"], "not as in {file}");
        ensure!(extension.value()["metadata"] == plugin.value()["metadata"], "not as in {file}");
    }
    // The way to the application is one, whichever file brings it.
    let way = |file: &str| {
        let all = Manifest::read(&tools::envoy_configs().join(file))?;
        let found =
            all.into_iter().find(|it| it.value()["metadata"]["name"] == "payments-heartbeat");
        found.map(|it| it.value().clone()).with_context(|| format!("no way in {file}"))
    };
    for file in ["istio/traffic-extension.yaml", "istio/publish.yaml"] {
        ensure!(way(file)? == way("istio/sidecar.yaml")?, "another way in {file}");
    }
    Ok(())
}

/// What follows a hub is the same in both, but for certificates and the port of the last
/// resort.
fn same_clients() -> Result<()> {
    let stock = read(&std::fs::read_to_string(tools::envoy_configs().join("mesh/client.yaml"))?)?;
    let filter = find("mesh/envoyfilter.yaml", "EnvoyFilter")?;
    let patch = &filter.value()["spec"]["configPatches"][0]["patch"]["value"];
    let map = find("mesh/envoyfilter.yaml", "ConfigMap")?;
    let text = map.value()["data"]["custom_bootstrap.json"].as_str();
    let bootstrap = read(text.context("the ConfigMap has nothing for the agent")?)?;
    let named = |list: &Value, name: &str| {
        let found = list.as_array().and_then(|all| all.iter().find(|it| it["name"] == name));
        found.cloned().with_context(|| format!("no {name}"))
    };
    let resources = |of: &Value| -> Result<[Value; 2]> {
        let mut hubs = named(&of["clusters"], "heartbeat_hub")?;
        hubs["transport_socket_matches"].take();
        let mut last = named(&of["listeners"], "no_hub")?;
        let port = last["address"]["socket_address"]["port_value"].take();
        let all = hubs["load_assignment"]["endpoints"].as_array().map_or(0, Vec::len);
        let lead = format!(
            "/load_assignment/endpoints/{}/lb_endpoints/0/endpoint/address/socket_address/port_value",
            all - 1
        );
        let leads = hubs.pointer_mut(&lead).context("no last resort")?.take();
        ensure!(leads == port, "the last resort leads to {leads}, and listens on {port}");
        Ok([hubs, last])
    };
    let (ours, istios) = (&stock["static_resources"], &bootstrap["static_resources"]);
    ensure!(resources(ours)? == resources(istios)?, "not the same hubs, or last resort");
    let service = named(&ours["clusters"], "payments")?;
    for key in ["eds_cluster_config", "common_lb_config"] {
        ensure!(service[key] == patch[key], "not the same {key}");
    }
    Ok(())
}

fn find(file: &str, kind: &str) -> Result<Manifest> {
    let manifests = Manifest::read(&tools::envoy_configs().join(file))?;
    let found = manifests.into_iter().find(|manifest| manifest.kind() == kind);
    found.with_context(|| format!("no {kind} in {file}"))
}

fn read(text: &str) -> Result<Value> {
    serde_saphyr::from_str(text).map_err(|error| anyhow::anyhow!("{error}"))
}
