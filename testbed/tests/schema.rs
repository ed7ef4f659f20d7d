//! The JSON schemas of `envoy-config/schema`, as editors and validators use them: they take
//! every configuration in this repository that the filter takes, and lead a resource of
//! Kubernetes to the configuration in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use testbed::envoy::PluginConfig;
use testbed::example::Example;
use testbed::manifest::Manifest;
use testbed::page;
use testbed::scenario::{self, Scenario};
use testbed::tools;

/// The line that tells an editor which schema a file goes by.
const MODELINE: &str = "# yaml-language-server: $schema=";

/// Scenarios of configurations that are refused for what no schema can say.
const BEYOND_A_SCHEMA: [(&str, &str); 4] = [
    ("two_rules_that_allow_tells_apart_are_led_to_details", "holds rules against each other"),
    ("a_rule_that_is_never_reached_is_refused", "holds rules against each other"),
    ("too_many_series_are_refused_with_the_arithmetic", "multiplies"),
    ("a_configuration_that_is_not_json_is_refused", "is no JSON at all"),
];

struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    fn read(path: &Path) -> Self {
        let mut schemas = Schemas::new();
        let path = path.canonicalize().expect("there is such a schema");
        let index = Compiler::new().compile(path.to_str().expect("a path"), &mut schemas);
        Self { index: index.expect("a schema by its own rules"), schemas }
    }

    fn of(example: Example) -> Self {
        Self::read(&tools::envoy_configs().join("schema").join(example.schema()))
    }

    fn of_resources() -> Self {
        Self::read(&tools::envoy_configs().join("schema/kubernetes.schema.json"))
    }

    /// What is wrong with a value.
    fn fault(&self, value: &Value) -> Option<String> {
        self.schemas.validate(value, self.index).err().map(|error| error.to_string())
    }
}

/// The files below a folder whose names end so.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = folder.read_dir().expect("a folder").map(|entry| entry.expect("a file").path());
    let mut all = Vec::new();
    for path in entries {
        if path.is_dir() {
            all.extend(files(&path, extension));
        } else if path.extension().is_some_and(|it| it == extension) {
            all.push(path);
        }
    }
    all.sort();
    all
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a text")
}

/// The configurations of the filter in a YAML text: of resources, and of Envoy itself.
fn in_yaml(yaml: &str) -> Vec<Value> {
    if let Ok(manifests) = Manifest::parse(yaml) {
        return manifests.iter().flat_map(Manifest::plugin_configs).flatten().collect();
    }
    let mut found = Vec::new();
    if let Ok(envoy) = serde_saphyr::from_str::<Value>(yaml) {
        collect_strings(&envoy, &mut found);
    }
    found
}

/// The configurations that Wasm filters of Envoy get as strings.
fn collect_strings(value: &Value, found: &mut Vec<Value>) {
    let is_string = value["configuration"]["@type"]
        .as_str()
        .is_some_and(|it| it.ends_with("google.protobuf.StringValue"));
    if let Some(json) = value["configuration"]["value"].as_str().filter(|_| is_string) {
        found.push(serde_json::from_str(json).expect("JSON"));
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_strings(item, found)),
        Value::Object(members) => members.values().for_each(|it| collect_strings(it, found)),
        _ => {}
    }
}

/// Fails with every configuration that the schema refuses.
fn assert_all_taken(configurations: Vec<(String, Value)>) {
    let schemas = [Example::Filter, Example::Hub, Example::Event].map(|it| (it, Schema::of(it)));
    assert!(!configurations.is_empty(), "there are none");
    let fault = |json: &Value| {
        let example = Example::of(json);
        schemas.iter().find(|(of, _)| *of == example).and_then(|(_, schema)| schema.fault(json))
    };
    let faults: Vec<String> = configurations
        .iter()
        .filter_map(|(place, json)| Some(format!("{place}: {}", fault(json)?)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_configuration_of_the_documentation_is_as_the_schema_says() {
    let root = tools::workspace();
    let mut pages = files(&root.join("docs"), "md");
    pages.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|page| root.join(page)));
    let mut all = Vec::new();
    for path in pages {
        for block in page::blocks(&text(&path)) {
            let place = format!("{}:{}", path.display(), block.line);
            match block.language.as_str() {
                "json" => all.push((place, serde_json::from_str(&block.text).expect("JSON"))),
                "yaml" => {
                    all.extend(in_yaml(&block.text).into_iter().map(|it| (place.clone(), it)));
                }
                _ => {}
            }
        }
    }
    assert_all_taken(all);
}

#[test]
fn every_configuration_that_is_shipped_is_as_the_schema_says() {
    let mut all = Vec::new();
    for path in files(&tools::envoy_configs(), "yaml") {
        let place = path.display().to_string();
        all.extend(in_yaml(&text(&path)).into_iter().map(|it| (place.clone(), it)));
    }
    assert_all_taken(all);
}

/// The configurations of all scenarios, with their names and whether they are accepted.
fn of_scenarios() -> Vec<(String, Value, bool)> {
    let files = scenario::read_all(&tools::scenarios()).expect("scenarios");
    let scenarios: Vec<Scenario> = files.into_iter().flat_map(|file| file.scenarios).collect();
    let mut all = Vec::new();
    for scenario in &scenarios {
        for (config, accepted) in scenario.configs() {
            let PluginConfig::Text(text) = config else { continue };
            let text = if text.trim().is_empty() { "{}" } else { &text };
            // What is no JSON is refused by whatever reads it.
            let json = serde_json::from_str(text).unwrap_or(Value::Null);
            all.push((scenario.name.clone(), json, accepted));
        }
    }
    all
}

#[test]
fn every_configuration_that_a_scenario_brings_is_as_the_schema_says() {
    let accepted = of_scenarios().into_iter().filter(|(_, _, accepted)| *accepted);
    let mut all: Vec<_> = accepted.map(|(name, json, _)| (name, json)).collect();
    for path in files(&tools::scenarios().join("envoy"), "yaml") {
        let place = path.display().to_string();
        all.extend(in_yaml(&text(&path)).into_iter().map(|it| (place.clone(), it)));
    }
    assert_all_taken(all);
}

#[test]
fn what_a_scenario_shows_to_be_refused_the_schema_refuses_where_it_can() {
    let schema = Schema::of(Example::Filter);
    let mut beyond: BTreeMap<&str, &str> = BEYOND_A_SCHEMA.into();
    for (name, json, _) in of_scenarios().into_iter().filter(|(_, _, accepted)| !accepted) {
        match beyond.remove(name.as_str()) {
            Some(_) if json.is_null() => {}
            Some(why) => assert_eq!(schema.fault(&json), None, "{name}: the schema can: {why}"),
            None => assert!(schema.fault(&json).is_some(), "the schema takes that of {name}"),
        }
    }
    assert!(beyond.is_empty(), "no scenario shows {beyond:?}");
}

#[test]
fn a_resource_goes_by_the_schema_that_it_names_and_no_key_in_it_may_be_misspelt() {
    let resources = Schema::of_resources();
    let mut held = 0;
    for path in files(&tools::envoy_configs(), "yaml") {
        let yaml = text(&path);
        let Ok(manifests) = Manifest::parse(&yaml) else { continue };
        if manifests.iter().all(|manifest| manifest.plugin_configs().is_empty()) {
            continue;
        }
        let named = yaml.lines().find_map(|line| line.strip_prefix(MODELINE)).expect("a modeline");
        let named = path.parent().expect("a folder").join(named).canonicalize().expect("a file");
        assert!(named.ends_with("envoy-config/schema/kubernetes.schema.json"), "{named:?}");
        for manifest in manifests {
            assert_eq!(resources.fault(manifest.value()), None, "{}", path.display());
            held += misspelt(&manifest, &resources);
        }
    }
    assert!(held >= 4, "few resources bring a configuration: {held}");
}

/// Misspells the first key of each configuration in a resource; how many there are.
fn misspelt(manifest: &Manifest, resources: &Schema) -> usize {
    let configs: Vec<Value> = manifest.plugin_configs().into_iter().flatten().collect();
    for config in &configs {
        let (key, _) = config.as_object().and_then(|it| it.iter().next()).expect("a key");
        let wrong =
            manifest.value().to_string().replace(&format!("{key:?}:"), &format!("\"{key}x\":"));
        let wrong: Value = serde_json::from_str(&wrong).expect("JSON");
        let fault = resources.fault(&wrong).unwrap_or_default();
        assert!(fault.contains(&format!("{key}x")), "a misspelt {key} passes: {fault}");
    }
    configs.len()
}
