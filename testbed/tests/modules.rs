//! Who may import whom in the testbed.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../filter/core/tests/imports/mod.rs"]
mod imports;

use self::imports::{circles, graph};

/// The modules of the testbed, the highest first. Modules on one line don't see each other.
const LAYERS: [&[&str]; 6] = [
    &["bench", "demo", "fleet", "mesh_demo", "observability", "scenario"],
    &["mesh", "prometheus", "report"],
    &["envoy"],
    &["app"],
    &["apart", "browser", "client", "hosts", "manifest", "metrics", "registry"],
    &[
        "child",
        "clock",
        "grpc_list",
        "latin1",
        "open_files",
        "page",
        "screen",
        "signals",
        "size",
        "tools",
    ],
];

fn testbed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).into()
}

fn layer_of(module: &str) -> usize {
    let (top, _) = module.split_once("::").unwrap_or((module, ""));
    let layer = LAYERS.iter().position(|modules| modules.contains(&top));
    layer.unwrap_or_else(|| panic!("{top} stands in no layer"))
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let found = circles(&graph(&testbed().join("src")));
    assert!(found.is_empty(), "imports that are part of a circle:\n{}", found.join("\n"));
}

#[test]
fn imports_of_the_testbed_only_go_down() {
    let top = |module: &str| module.split("::").next().map(str::to_owned);
    let mut faults = Vec::new();
    for (module, others) in graph(&testbed().join("src")) {
        if module.is_empty() {
            continue;
        }
        for other in others {
            if top(&module) != top(&other) && layer_of(&other) <= layer_of(&module) {
                faults.push(format!("{module} imports {other}"));
            }
        }
    }
    assert!(faults.is_empty(), "imports that don't go down:\n{}", faults.join("\n"));
}

#[test]
fn the_page_for_contributors_shows_the_order_of_the_modules() {
    let page = fs::read_to_string(testbed().join("../CONTRIBUTING.md")).unwrap();
    let list = LAYERS.map(|modules| modules.join(" | ")).join("\n");
    assert!(page.contains(&format!("```\n{list}\n```")), "it doesn't show\n{list}");
}
