//! The page that describes the format, held against the format.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;

use super::role::Role;
use super::*;

const PAGE: &str = include_str!("../../scenarios/README.md");

/// Keys that no type is named after.
const READ_BY_HAND: [&str; 5] = ["background", "table", "cells", "columns", "otherwise"];

/// The YAML on the page.
fn examples() -> Vec<&'static str> {
    let blocks = PAGE.split("```yaml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

/// An example, made whole where it shows a part of a file only.
fn whole(example: &str) -> String {
    if example.starts_with("scenarios:") {
        return example.to_owned();
    }
    if example.starts_with("- name:") {
        return format!("scenarios:\n{example}");
    }
    let steps: Vec<_> = example.lines().map(|line| format!("  {line}")).collect();
    format!("scenarios:\n- name: steps\n  dependency: {{}}\n  steps:\n{}", steps.join("\n"))
}

/// Whatever the page shows as code, word by word.
fn words() -> BTreeSet<String> {
    let inline = Regex::new("`([^`\n]+)`").unwrap();
    let inline = inline.captures_iter(PAGE).map(|found| found.extract::<1>().1[0]);
    let code = examples().into_iter().chain(inline);
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.flat_map(|text| text.split(move |letter| !is_part(letter))).map(str::to_owned).collect()
}

/// The keys of the types that are read from a file of scenarios, as their sources have them.
fn keys_in(source: &str) -> Vec<(String, String)> {
    let read = Regex::new(
        r"(?ms)^#\[derive\([^)]*\bDeserialize\b[^)]*\)\]\n((?:#\[[^\n]*\n)*)(?:pub )?struct (\w+)[^\n;]* \{\n(.*?)^\}",
    );
    let item = Regex::new(r"^    (?:pub(?:\(\w+\))? )?(?:r#)?(\w+): ").unwrap();
    let renamed = Regex::new(r#"(?:rename|alias) = "(\w+)""#).unwrap();
    let mut keys = Vec::new();
    for found in read.unwrap().captures_iter(source) {
        let (_, [of_type, kind, fields]) = found.extract();
        if of_type.contains("try_from") {
            continue;
        }
        let mut attributes = String::new();
        for line in fields.lines() {
            if line.trim_start().starts_with("#[serde") {
                attributes.push_str(line);
            }
            let Some(field) = item.captures(line) else { continue };
            let attributes = std::mem::take(&mut attributes);
            if attributes.contains("flatten") || attributes.contains("skip)") {
                continue;
            }
            let mut names: Vec<_> =
                renamed.captures_iter(&attributes).map(|it| it[1].to_owned()).collect();
            if !attributes.contains("rename") {
                names.push(field[1].to_owned());
            }
            keys.extend(names.into_iter().map(|name| (kind.to_owned(), name)));
        }
    }
    keys
}

/// Every key of the format.
fn keys() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut keys = BTreeSet::from(READ_BY_HAND.map(str::to_owned));
    let mut note = |kind: &str, key: String| match kind {
        // Their keys begin with the application that they are about.
        "Arrivals" => keys.extend(Role::ALL.map(|role| format!("{}_{key}", role.key()))),
        _ => drop(keys.insert(key)),
    };
    for entry in root.join("scenario").read_dir().unwrap() {
        let source = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        keys_in(&source).into_iter().for_each(|(kind, key)| note(&kind, key));
    }
    let application = std::fs::read_to_string(root.join("app/behaviour.rs")).unwrap();
    let deviations = keys_in(&application).into_iter().filter(|(kind, _)| kind == "Deviation");
    deviations.for_each(|(kind, key)| note(&kind, key));
    keys
}

#[test]
fn every_example_of_the_manual_is_read() {
    for example in examples() {
        let read = read(&whole(example)).map(|all| all.len());
        assert!(read.as_ref().is_ok_and(|count| *count > 0), "{read:?}:\n{example}");
    }
}

#[test]
fn the_manual_names_every_key() {
    let (words, keys) = (words(), keys());
    for known in ["name", "grpc_services", "app_pace", "at_least", "restart_dependency", "stall"] {
        assert!(keys.contains(known), "{known} isn't found in the sources");
    }
    let missing: Vec<_> = keys.iter().filter(|key| !words.contains(*key)).collect();
    assert!(missing.is_empty(), "the manual doesn't name {missing:?}");
}

#[test]
fn the_table_of_the_manual_is_eight_scenarios() {
    let table = examples().into_iter().find(|example| example.contains("  table:")).unwrap();
    let all = read(&whole(table)).unwrap();
    let names: Vec<_> = all.iter().map(|scenario| &*scenario.name).collect();
    // The words of an axis that say what they stand for come in alphabetical order.
    assert_eq!(names[..2], ["probe_cache_check_there", "probe_cache_check_gone"]);
    assert_eq!((names.len(), names[4]), (8, "probe_forward_check_there"));
}
