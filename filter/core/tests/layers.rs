//! The order of the rooms of the core, of the hub and of the command line: imports only go down the list.

// Its functions are those of tests, too.
#![allow(clippy::panic, clippy::unwrap_used)]

mod imports;

use std::fs;
use std::path::{Path, PathBuf};

use self::imports::{circles, code, graph, imports, module, sources};

/// The rooms of the core, the highest first. Rooms on one line don't see each other.
const LAYERS: [&[&str]; 13] = [
    &["inspect"],
    &["background"],
    &["policy"],
    &["exchange", "config"],
    &["probe"],
    &["format", "publish"],
    &["evidence"],
    &["score"],
    &["facts", "counters"],
    &["guards", "matching", "callout"],
    &["clients", "schema"],
    &["http"],
    &["state", "grpc", "reader"],
];
/// What all rooms rest on.
const BASE: &str = "base";

/// The rooms of the hub's decisions, which rest on the lower ones of the core.
const MESH: [&[&str]; 10] = [
    &["plan"],
    &["worker"],
    &["owner"],
    &["config"],
    &["asking", "backend", "metrics"],
    &["table"],
    &["api", "assignment", "records", "shared", "webhook"],
    &["snapshot", "changes"],
    &["event", "source", "trust", "arrivals", "recovery", "publish"],
    &["fusion", "pack"],
];

/// The rooms of the command line.
const CLI: [&[&str]; 6] = [
    &["arguments"],
    &["check", "completions", "explain", "metrics", "schema"],
    &["reading"],
    &["source"],
    &["columns", "series"],
    &["outcome"],
];

fn layer_of(layers: &[&[&str]], room: &str) -> Option<usize> {
    let named = layers.iter().position(|rooms| rooms.contains(&room));
    named.or_else(|| (room == BASE).then_some(layers.len()))
}

/// The core, and the crate that it rests on, which has the lower rooms.
fn crates() -> [PathBuf; 2] {
    let filter = Path::new(env!("CARGO_MANIFEST_DIR"));
    [filter.join("src"), filter.join("../common/src")]
}

fn mesh() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../mesh/src")
}

fn cli() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/src")
}

/// The imports below some roots that don't go down the list.
fn imports_that_run_up(roots: &[PathBuf], layers: &[&[&str]]) -> String {
    let mut faults = Vec::new();
    let files = roots.iter().flat_map(|root| {
        let paths = sources(root);
        paths.into_iter().map(move |path| (root, path))
    });
    for (root, path) in files {
        let module = module(root, &path);
        let Some(room) = module.first() else { continue };
        let layer = layer_of(layers, room).unwrap_or_else(|| panic!("{room} stands in no layer"));
        for import in imports(&module, &code(&path)) {
            let Some(other) = import.first() else { continue };
            let Some(below) = layer_of(layers, other) else { continue };
            if other != room && below <= layer {
                faults.push(format!("{}: imports {}", module.join("::"), import.join("::")));
            }
        }
    }
    faults.join("\n")
}

#[test]
fn imports_of_the_core_only_go_down() {
    let faults = imports_that_run_up(&crates(), &LAYERS);
    assert!(faults.is_empty(), "imports that don't go down:\n{faults}");
}

#[test]
fn imports_of_the_hub_only_go_down() {
    let faults = imports_that_run_up(&[mesh()], &MESH);
    assert!(faults.is_empty(), "imports that don't go down:\n{faults}");
}

#[test]
fn imports_of_the_command_line_only_go_down() {
    let faults = imports_that_run_up(&[cli()], &CLI);
    assert!(faults.is_empty(), "imports that don't go down:\n{faults}");
}

/// The modules that are part of a circle. Those below a module share what stands in it.
fn circles_below(root: &Path) -> Vec<String> {
    let mut modules = graph(root);
    for (module, others) in &mut modules {
        others.retain(|other| !module.starts_with(&format!("{other}::")));
    }
    assert!(modules.len() > 1, "{modules:?}");
    circles(&modules)
}

#[test]
fn the_modules_of_the_core_of_the_hub_and_of_the_command_line_import_each_other_in_no_circle() {
    for root in crates().into_iter().chain([mesh(), cli()]) {
        let found = circles_below(&root);
        assert!(found.is_empty(), "imports that are part of a circle:\n{}", found.join("\n"));
    }
}

/// What stands around the core: what both modules know of Envoy, and the two themselves.
#[test]
fn no_files_of_the_host_and_of_either_module_import_each_other_in_a_circle() {
    for name in ["host", "plugin", "hub"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src");
        let found = circles_below(&root);
        assert!(found.is_empty(), "imports that are part of a circle:\n{}", found.join("\n"));
    }
}

#[test]
fn the_architecture_page_shows_the_order_of_the_rooms() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/architecture.md");
    let page = fs::read_to_string(page).unwrap();
    let rows = |layers: &[&[&str]]| -> Vec<String> {
        layers.iter().map(|rooms| rooms.join(" | ")).collect()
    };
    let core = [rows(&LAYERS), vec![BASE.to_owned()]].concat().join("\n");
    for list in [core, rows(&MESH).join("\n"), rows(&CLI).join("\n")] {
        assert!(page.contains(&format!("```\n{list}\n```")), "it doesn't show\n{list}");
    }
}
