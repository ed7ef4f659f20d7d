//! Which modules of a crate a source file imports, read from its text.

// Its functions are those of tests, and no test needs them all.
#![allow(dead_code, clippy::string_slice, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The source files of a crate that aren't tests.
pub fn sources(root: &Path) -> Vec<PathBuf> {
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
pub fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// The module that a file is.
pub fn module(root: &Path, path: &Path) -> Vec<String> {
    let relative = path.strip_prefix(root).unwrap().with_extension("");
    let mut module: Vec<String> =
        relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// The modules and items that a file names: what stands behind `crate::`, `super::`, `self::`
/// or a module that it declares, as paths from the crate's root.
pub fn imports(module: &[String], code: &str) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    for word in ["crate::", "super::", "self::"] {
        for start in paths_behind(code, word) {
            let mut rest = &code[start..];
            let mut prefix = module.to_vec();
            if let Some(behind) = rest.strip_prefix("crate::") {
                prefix.clear();
                rest = behind;
            }
            rest = rest.strip_prefix("self::").unwrap_or(rest);
            while let Some(behind) = rest.strip_prefix("super::") {
                prefix.pop();
                rest = behind;
            }
            expand(&prefix, rest, &mut found);
        }
    }
    for child in children(code) {
        let prefix = format!("{child}::");
        for start in paths_behind(code, &prefix) {
            expand(module, &code[start..], &mut found);
        }
    }
    found
}

/// Where paths begin with `word`.
fn paths_behind<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(start, _)| start).filter(|start| {
        let before = code[..*start].chars().next_back();
        !before.is_some_and(|it| it.is_alphanumeric() || it == '_' || it == ':')
    })
}

/// The modules that a file declares.
fn children(code: &str) -> impl Iterator<Item = &str> {
    code.lines().filter_map(|line| {
        let (visibility, name) = line.trim().strip_suffix(';')?.split_once("mod ")?;
        (visibility.is_empty() || visibility.starts_with("pub")).then_some(name)
    })
}

/// Which files of a crate import which: each module with those that it names something of.
/// The crate's root counts for nothing, as it only lists its modules.
pub fn graph(root: &Path) -> Graph {
    let files: BTreeMap<Vec<String>, PathBuf> =
        sources(root).into_iter().map(|path| (module(root, &path), path)).collect();
    let mut graph = Graph::new();
    for (module, path) in &files {
        let named = imports(module, &code(path)).into_iter().filter_map(|mut path| {
            // Behind the module's path stand its items.
            while !files.contains_key(&path) {
                path.pop()?;
            }
            Some(path)
        });
        let others = named.filter(|other| !other.is_empty() && other != module);
        graph.insert(module.join("::"), others.map(|other| other.join("::")).collect());
    }
    graph
}

/// Modules, and those that each imports.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// The imports that are part of a circle.
pub fn circles(graph: &Graph) -> Vec<String> {
    let edges = graph.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to)));
    edges
        .filter(|(from, to)| reaches(graph, to, from))
        .map(|(from, to)| format!("{from} imports {to}"))
        .collect()
}

fn reaches(graph: &Graph, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(module) = next.pop() {
        if module == to {
            return true;
        }
        if seen.insert(module) {
            next.extend(graph.get(module).into_iter().flatten().map(String::as_str));
        }
    }
    false
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
