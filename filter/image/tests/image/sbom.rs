//! The lists of what is in the modules.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use heartbeat_image::blob::sha256;
use heartbeat_image::product::{self, FILTER, HUB, Product};
use serde_json::Value;
use testbed::tools::Tools;

use crate::{complaint, dist, module, output};

/// Holds a file against CycloneDX's own schema, with its strict variant: a key that
/// the schema doesn't know is an error.
const VALIDATE: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
errors = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(str(errors) if errors else 0)
";

#[test]
fn each_holds_to_the_schema() {
    for product in product::ALL {
        output(validate().arg(dist().join(product.sbom)));
    }
}

#[test]
fn the_schema_refuses_what_it_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bom.json");
    let mut sbom = sbom(&FILTER);
    sbom["components"][0]["licence"] = "MIT".into();
    fs::write(&path, sbom.to_string()).unwrap();
    assert!(complaint(validate().arg(path)).contains("licence"));
}

#[test]
fn each_tells_which_module_it_is_of() {
    for product in product::ALL {
        let sbom = sbom(product);
        let component = &sbom["metadata"]["component"];
        assert_eq!(component["hashes"][0]["content"], sha256(&module(product)));
        assert_eq!(component["name"], product.name);
        assert_eq!(component["version"], env!("CARGO_PKG_VERSION"));
    }
}

#[test]
fn each_lists_what_is_in_its_module_and_nothing_else() {
    for (product, own, others) in
        [(&FILTER, "heartbeat-core", "heartbeat-mesh"), (&HUB, "heartbeat-mesh", "heartbeat-core")]
    {
        let sbom = sbom(product);
        let components = sbom["components"].as_array().unwrap();
        let names: BTreeSet<_> =
            components.iter().map(|one| one["name"].as_str().unwrap()).collect();
        for there in [own, "heartbeat-common", "heartbeat-host", "prost", "rust-std", "serde_json"]
        {
            assert!(names.contains(there), "{there} is missing");
        }
        // Macros run in the compiler; the rest belongs to the testbed and the build.
        for elsewhere in
            [others, "prost-derive", "serde_derive", "syn", "testbed", "tokio", "walrus"]
        {
            assert!(!names.contains(elsewhere), "{elsewhere} is not in {}", product.module);
        }
    }
}

#[test]
fn every_component_is_licensed_and_every_foreign_one_can_be_found() {
    let components = product::ALL.map(|product| sbom(product)["components"].clone());
    for component in components.iter().flat_map(|all| all.as_array().unwrap()) {
        let name = component["name"].as_str().unwrap();
        assert!(component["licenses"][0]["expression"].is_string(), "{name}");
        let foreign = !name.starts_with("heartbeat-");
        assert_eq!(component["purl"].is_string(), foreign, "{name}");
        let from_registry = foreign && name != "rust-std";
        assert_eq!(component["hashes"].is_array(), from_registry, "{name}");
    }
}

#[test]
fn every_dependency_is_a_component() {
    for product in product::ALL {
        let sbom = sbom(product);
        let mut known: BTreeSet<_> = sbom["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["bom-ref"].clone().to_string())
            .collect();
        known.insert(sbom["metadata"]["component"]["bom-ref"].to_string());
        let dependencies = sbom["dependencies"].as_array().unwrap();
        assert_eq!(dependencies.len(), known.len());
        for dependency in dependencies {
            assert!(known.contains(&dependency["ref"].to_string()));
            for used in dependency["dependsOn"].as_array().into_iter().flatten() {
                assert!(known.contains(&used.to_string()), "{used}");
            }
        }
    }
}

fn sbom(product: &Product) -> Value {
    serde_json::from_slice(&fs::read(dist().join(product.sbom)).unwrap()).unwrap()
}

fn validate() -> Command {
    let mut command = Command::new(Tools::from_env("").python().unwrap());
    command.args(["-c", VALIDATE]);
    command
}
