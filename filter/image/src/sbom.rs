//! What is in a module, as [CycloneDX 1.6](https://cyclonedx.org/docs/1.6/json/).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::blob::sha256;
use crate::crates::{Crate, Id};
use crate::facts::Facts;

/// The list of the crates in `module`, and of Rust's standard library.
///
/// It has no serial number: that must be another one each time it is made.
#[must_use]
pub fn sbom(module: &[u8], crates: &BTreeMap<Id, Crate>, facts: &Facts) -> Value {
    let name = facts.product.name;
    let (root, others): (Vec<_>, Vec<_>) = crates.iter().partition(|(id, _)| id.name == name);
    let mut components: Vec<_> = others.iter().map(|(id, known)| component(id, known)).collect();
    components.push(standard_library(facts));

    let standard_library = reference_to_standard_library(facts);
    let mut dependencies: Vec<_> = crates
        .iter()
        .map(|(id, known)| {
            let mut uses: Vec<_> = known.uses.iter().map(reference).collect();
            // All crates use it; saying so once is enough to find it.
            if id.name == name {
                uses.push(standard_library.clone());
            }
            json!({ "ref": reference(id), "dependsOn": uses })
        })
        .collect();
    dependencies.push(json!({ "ref": standard_library }));

    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": facts.created,
            "component": {
                "type": "application",
                "bom-ref": root.first().map(|(id, _)| reference(id)),
                "name": name,
                "version": facts.version,
                "licenses": licenses(Some(&facts.license)),
                "hashes": [{ "alg": "SHA-256", "content": sha256(module) }],
                "properties": [{ "name": "heartbeat:revision", "value": facts.revision }],
            },
        },
        "components": components,
        "dependencies": dependencies,
    })
}

fn component(id: &Id, known: &Crate) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": reference(id),
        "name": id.name,
        "version": id.version,
        "licenses": licenses(known.license.as_deref()),
    });
    let mut set = |key: &str, value: Option<Value>| {
        if let (Some(value), Some(fields)) = (value, component.as_object_mut()) {
            fields.insert(key.into(), value);
        }
    };
    set("description", known.description.as_deref().map(|text| json!(text.trim())));
    // The workspace's own crates are in no registry, so they have no package URL.
    set("purl", known.source.as_ref().map(|_| json!(package_url(id))));
    set("hashes", known.checksum.as_ref().map(|sum| json!([{ "alg": "SHA-256", "content": sum }])));
    let repository = |url: &String| json!([{ "type": "vcs", "url": url }]);
    set("externalReferences", known.repository.as_ref().map(repository));
    component
}

/// It comes compiled with the compiler, and cargo knows nothing of it.
fn standard_library(facts: &Facts) -> Value {
    json!({
        "type": "library",
        "bom-ref": reference_to_standard_library(facts),
        "name": "rust-std",
        "version": facts.rust,
        "description": "Rust's standard library for wasm32-wasip1",
        "licenses": licenses(Some("MIT OR Apache-2.0")),
        "purl": format!("pkg:generic/rust-std@{}", facts.rust),
    })
}

fn reference_to_standard_library(facts: &Facts) -> String {
    format!("rust-std@{}", facts.rust)
}

fn reference(id: &Id) -> String {
    format!("{}@{}", id.name, id.version)
}

/// [Package URL](https://github.com/package-url/purl-spec): a `+` must be encoded.
fn package_url(id: &Id) -> String {
    format!("pkg:cargo/{}@{}", id.name, id.version.replace('+', "%2B"))
}

/// Crates from before 2018 write `MIT/Apache-2.0`, which is no SPDX expression.
fn licenses(expression: Option<&str>) -> Value {
    let expression =
        expression.map(|text| text.split('/').map(str::trim).collect::<Vec<_>>().join(" OR "));
    expression.map_or_else(|| json!([]), |text| json!([{ "expression": text }]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts;

    #[test]
    fn an_old_licence_becomes_an_expression() {
        let expression = |text| licenses(Some(text))[0]["expression"].clone();
        assert_eq!(expression("MIT/Apache-2.0"), "MIT OR Apache-2.0");
        assert_eq!(expression("MIT OR Apache-2.0"), "MIT OR Apache-2.0");
        assert_eq!(licenses(None), json!([]));
    }

    #[test]
    fn only_what_a_registry_has_gets_a_package_url() {
        let id = Id { name: "a".into(), version: "1.0.0+b".into() };
        let known = Crate { source: Some("registry".into()), ..Crate::default() };
        assert_eq!(component(&id, &known)["purl"], "pkg:cargo/a@1.0.0%2Bb");
        assert_eq!(component(&id, &Crate::default()).get("purl"), None);
    }

    #[test]
    fn the_module_is_told_by_its_hash_and_its_parts_by_who_uses_them() {
        let root = Id { name: "heartbeat-filter".into(), version: "1.2.3".into() };
        let leaf = Id { name: "leaf".into(), version: "2.0.0".into() };
        let uses = [leaf.clone()].into();
        let crates =
            BTreeMap::from([(root, Crate { uses, ..Crate::default() }), (leaf, Crate::default())]);
        let sbom = sbom(b"abc", &crates, &facts::sample());
        let module = &sbom["metadata"]["component"];
        assert_eq!(module["hashes"][0]["content"], sha256(b"abc"));
        assert_eq!(module["bom-ref"], "heartbeat-filter@1.2.3");
        let uses =
            json!({ "ref": module["bom-ref"], "dependsOn": ["leaf@2.0.0", "rust-std@1.89.0"] });
        assert!(sbom["dependencies"].as_array().unwrap().contains(&uses));
        let names: Vec<_> =
            sbom["components"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert_eq!(names, ["leaf", "rust-std"]);
    }
}
