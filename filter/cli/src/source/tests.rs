//! What is found in files, and where it stands.

use super::*;

mod hostile;

fn only(name: &str, content: &str) -> Found {
    let file = File::parse(name, content.as_bytes()).unwrap();
    let mut found = find(&file, Some(Kind::Filter)).unwrap();
    assert_eq!(found.len(), 1, "{content}");
    found.remove(0)
}

#[test]
fn every_value_of_yaml_knows_its_place() {
    let found =
        only("a.yaml", "probes:\n  - name: é\n    match: { path: /x, methods: [GET] }\nb: 1\n");
    for (place, position) in [
        ("", "1:1"),
        ("probes", "2:3"),
        ("probes[0].name", "2:11"),
        ("probes[0].match.path", "3:20"),
        ("probes[0].match.methods[0]", "3:34"),
        ("b", "4:4"),
        ("c", "1:1"),
    ] {
        assert_eq!(found.position(place).to_string(), position, "{place}");
    }
    assert_eq!(found.key_position("probes[0].match.methods").to_string(), "3:24");
    assert_eq!(found.key_position("b").to_string(), "4:1");
}

#[test]
fn every_value_of_json_knows_its_place() {
    let found =
        only("a.json", "{\n\t\"probes\": [{\"name\": \"\\ud83d\\ude00\", \"limit\": 1}]\n}");
    for (place, position) in [("", "1:1"), ("probes[0].name", "2:22"), ("probes[0].limit", "2:47")]
    {
        assert_eq!(found.position(place).to_string(), position, "{place}");
    }
    assert_eq!(found.key_position("probes[0].limit").to_string(), "2:38");
}

#[test]
fn what_a_module_gets_of_yaml_is_the_same_in_json() {
    let found = only("a.yaml", "a: yes\nb: 'yes'\nc: 010\nd: 1.5\ne: !!str 7\nf: [~, 1s, 0x1f]\n");
    let json = r#"{"a":true,"b":"yes","c":8,"d":1.5,"e":"7","f":[null,"1s",31]}"#;
    assert_eq!(str::from_utf8(&found.bytes).unwrap(), json);
}

/// As Envoy 1.40 shows such values of `node.metadata` in its config_dump.
#[test]
fn numbers_in_an_object_are_to_envoy_what_it_knows_of_them() {
    let values = [
        ("5", "5"),
        ("-3", "-3"),
        ("+3", "3"),
        ("010", "8"),
        ("0x1F", "31"),
        ("y", "true"),
        ("off", "false"),
        ("~", "null"),
        ("1.5", "\"1.5\""),
        (".5", "\".5\""),
        ("1e3", "\"1e3\""),
        ("0o10", "\"0o10\""),
        ("0b11", "\"0b11\""),
        ("1_000", "\"1_000\""),
        ("9223372036854775808", "\"9223372036854775808\""),
    ];
    for (written, json) in values {
        let found = only("a.yaml", &envoy(&format!("{{ v: {written} }}")));
        assert_eq!(str::from_utf8(&found.bytes).unwrap(), format!("{{\"v\":{json}}}"), "{written}");
    }
}

/// As go-yaml 2 has them, by which kubectl reads.
#[test]
fn numbers_in_a_resource_are_what_kubectl_makes_of_them() {
    for (written, json) in [
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("1e3", "1000.0"),
        ("0b11", "3"),
        ("1_000", "1000"),
        ("n", "false"),
    ] {
        let text = format!(
            "kind: WasmPlugin\nspec: {{ url: heartbeat, pluginConfig: {{ v: {written} }} }}"
        );
        let found = only("a.yaml", &text);
        assert_eq!(str::from_utf8(&found.bytes).unwrap(), format!("{{\"v\":{json}}}"), "{written}");
    }
}

#[test]
fn aliases_and_merge_keys_are_followed_and_repeated_keys_stay() {
    let found = only("a.yaml", "a: &a { x: 1, y: 2 }\nb: { <<: *a, y: 3 }\nc: *a\nc: 4\n");
    let json = r#"{"a":{"x":1,"y":2},"b":{"y":3,"x":1},"c":{"x":1,"y":2},"c":4}"#;
    assert_eq!(str::from_utf8(&found.bytes).unwrap(), json);
    assert_eq!(found.position("b.x").to_string(), "1:12");
    assert_eq!(found.position("c").to_string(), "4:4");
}

/// A plugin of Envoy, whose configuration stands in `value`.
fn envoy(value: &str) -> String {
    let plugin = "config:\n  vm_config: { code: { local: { filename: heartbeat_filter.wasm } } }\n  configuration:\n    '@type': x/google.protobuf.StringValue\n    value: ";
    format!("{plugin}{value}\n")
}

#[test]
fn what_a_scalar_of_any_style_quotes_knows_its_place_in_the_file() {
    for (value, position) in [
        // The second line of a block is the first of what it holds.
        ("|\n      {\n        \"a\": 1,\n        \"é\": [2,\n        3] }", "8:15"),
        ("|2-  # why\n\n      {\n      \"a\": 1,\n        \"é\": [2, 3] }", "9:15"),
        (">\n      { \"a\": 1,\n\n        \"é\":\n        [2, 3] }", "9:10"),
        ("'{ \"a\": \"it''s\",\n      \"é\": [2] }'", "6:13"),
        (r#""{ \"a\": \"\\t\", \"\u00e9\": [2] }""#, "5:44"),
        ("\"{ \\\"a\\\": 1,\n      \\\n      \\\"é\\\": [2] }\"", "7:15"),
    ] {
        let found = only("a.yaml", &envoy(value));
        assert!(found.config.is_some(), "{value}: {:?}", str::from_utf8(&found.bytes));
        assert_eq!(found.position("é[0]").to_string(), position, "{}", envoy(value));
    }
}

#[test]
fn what_isnt_json_is_found_with_the_place_where_it_stops_to_be() {
    let found = only("a.yaml", &envoy("|\n      { \"a\": 1,\n        b: 2 }"));
    assert!(found.config.is_none());
    assert_eq!(found.position("").to_string(), "7:9");
}

fn kinds(content: &str) -> Vec<(Kind, String)> {
    let file = File::parse("a.yaml", content.as_bytes()).unwrap();
    let found = find(&file, None).unwrap().into_iter();
    found.map(|found| (found.kind, String::from_utf8(found.bytes).unwrap())).collect()
}

#[test]
fn configurations_are_found_in_whatever_they_stand_in() {
    let filter = |json: &str| vec![(Kind::Filter, json.to_owned())];
    let code = "code: { local: { filename: /a/heartbeat_filter.wasm } }";
    for text in [
        "probes: []",
        "{ \"probes\": [] }",
        "kind: WasmPlugin\nspec: { url: 'oci://x/heartbeat-filter:1', pluginConfig: { probes: [] } }",
        "kind: TrafficExtension\nspec: { wasm: { url: x/heartbeat, pluginConfig: { probes: [] } } }",
        "kind: EnvoyExtensionPolicy\nspec: { wasm: [{ code: { image: { url: x/heartbeat } }, config: { probes: [] } }] }",
        "kind: List\nitems: [{ kind: WasmPlugin, spec: { url: heartbeat, pluginConfig: { probes: [] } } }]",
        &format!(
            "kind: EnvoyFilter\nspec: {{ patch: {{ value: {{ config: {{ vm_config: {{ {code} }}, configuration: {{ value: {{ probes: [] }} }} }} }} }} }}"
        ),
        &format!(
            "resources: [{{ typedConfig: {{ config: {{ vmConfig: {{ {code} }}, configuration: {{ value: '{{\"probes\":[]}}' }} }} }} }}]"
        ),
        &format!(
            "a: &a {{ config: {{ vm_config: {{ {code} }}, configuration: {{ value: {{ probes: [] }} }} }} }}\nb: *a"
        ),
        &format!(
            "kind: ConfigMap\napiVersion: v1\ndata:\n  envoy.yaml: |\n    a: {{ config: {{ vm_config: {{ {code} }}, configuration: {{ value: {{ probes: [] }} }} }} }}\n"
        ),
    ] {
        assert_eq!(kinds(text), filter(r#"{"probes":[]}"#), "{text}");
    }
    assert_eq!(kinds("kind: WasmPlugin\nspec: { url: heartbeat }"), filter(""));
    assert_eq!(kinds("services: []\nsources: []")[0].0, Kind::Hub);
    assert_eq!(
        kinds("a: { vm_config: { code: { remote: { http_uri: { uri: heartbeat_hub.wasm } } } } }")
            [0]
        .0,
        Kind::Hub
    );
    for other in [
        "kind: WasmPlugin\nspec: { url: other }",
        "a: { vm_config: { code: { local: { filename: other.wasm } } } }",
        "services: { web: { image: nginx } }",
        "admin: {}\nstatic_resources: {}",
    ] {
        assert_eq!(kinds(other), [], "{other}");
    }
}

#[test]
fn what_a_config_map_holds_knows_its_place_through_both_texts() {
    let content = "kind: ConfigMap\ndata:\n  envoy.yaml: |\n    a:\n      config:\n        vm_config: { code: { local: { filename: heartbeat } } }\n        configuration:\n          value: |\n            {\n              \"probes\": [] }\n";
    let found = only("a.yaml", content);
    assert_eq!(found.position("probes").to_string(), "10:25");
}
