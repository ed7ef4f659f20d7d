//! The order of the rooms of the core: imports only go down the list.

// Its functions are those of tests, too.
#![allow(clippy::panic, clippy::string_slice, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of the core, the highest first. Rooms on one line don't see each other.
const LAYERS: [&[&str]; 11] = [
    &["background"],
    &["policy"],
    &["exchange", "config"],
    &["probe"],
    &["format"],
    &["evidence"],
    &["score"],
    &["facts", "counters"],
    &["guards", "matching", "callout"],
    &["http"],
    &["state", "grpc"],
];
/// What all rooms rest on.
const BASE: &str = "base";

fn layer_of(room: &str) -> Option<usize> {
    let named = LAYERS.iter().position(|rooms| rooms.contains(&room));
    named.or_else(|| (room == BASE).then_some(LAYERS.len()))
}

/// The source files of a crate that aren't tests.
fn sources(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let is_test = name == "tests" || name.ends_with("_tests") || name == "fake";
            match path.is_dir() {
                _ if is_test => {}
                true => folders.push(path),
                false if path.extension().is_some_and(|it| it == "rs") => files.push(path),
                false => {}
            }
        }
    }
    files.sort();
    files
}

/// Its code, without comments and without its inline tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// The module that a file is.
fn module(root: &Path, path: &Path) -> Vec<String> {
    let relative = path.strip_prefix(root).unwrap().with_extension("");
    let mut module: Vec<String> =
        relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// The paths behind `crate::` and `super::` in a file, as modules of the crate.
fn imports(module: &[String], code: &str) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    for (start, word) in code.match_indices("crate::").chain(code.match_indices("super::")) {
        let before = code[..start].chars().next_back();
        if before.is_some_and(|it| it.is_alphanumeric() || it == '_' || it == ':') {
            continue;
        }
        let mut prefix = if word == "crate::" { Vec::new() } else { module.to_vec() };
        let mut rest = &code[start..];
        rest = rest.strip_prefix("crate::").unwrap_or(rest);
        while let Some(behind) = rest.strip_prefix("super::") {
            prefix.pop();
            rest = behind;
        }
        expand(&prefix, rest, &mut found);
    }
    found
}

/// Adds the paths of a use tree: `a::{b, c::d}`.
fn expand(prefix: &[String], tree: &str, found: &mut BTreeSet<Vec<String>>) {
    let mut path = prefix.to_vec();
    let mut rest = tree;
    loop {
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut item = 0;
            for (at, letter) in list.char_indices() {
                match letter {
                    '{' => depth += 1,
                    '}' if depth > 0 => depth -= 1,
                    ',' | '}' if depth == 0 => {
                        expand(&path, list[item..at].trim(), found);
                        item = at + 1;
                        if letter == '}' {
                            return;
                        }
                    }
                    _ => {}
                }
            }
            return;
        }
        let end = rest.find(|it: char| !it.is_alphanumeric() && it != '_').unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        if !name.is_empty() && name != "self" {
            path.push(name.to_owned());
        }
        match behind.strip_prefix("::") {
            Some(behind) if !name.is_empty() => rest = behind,
            _ => break,
        }
    }
    found.insert(path);
}

fn core() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn imports_of_the_core_only_go_down() {
    let root = core();
    let mut faults = Vec::new();
    for path in sources(&root) {
        let module = module(&root, &path);
        let Some(room) = module.first() else { continue };
        let layer = layer_of(room).unwrap_or_else(|| panic!("{room} stands in no layer"));
        for import in imports(&module, &code(&path)) {
            let Some(other) = import.first() else { continue };
            let Some(below) = layer_of(other) else { continue };
            if other != room && below <= layer {
                faults.push(format!("{}: imports {}", module.join("::"), import.join("::")));
            }
        }
    }
    assert!(faults.is_empty(), "imports that don't go down:\n{}", faults.join("\n"));
}

#[test]
fn the_architecture_page_shows_the_order_of_the_rooms() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/architecture.md");
    let page = fs::read_to_string(page).unwrap();
    let rows = LAYERS.iter().map(|rooms| rooms.join(" | ")).chain([BASE.to_owned()]);
    let list = rows.collect::<Vec<_>>().join("\n");
    assert!(page.contains(&format!("```\n{list}\n```")), "it doesn't show\n{list}");
}
