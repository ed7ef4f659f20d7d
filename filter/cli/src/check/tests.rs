//! What is found: in the files of `tests/files`, in what is shipped, and in the pages.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use testbed::example::Example;
use testbed::page;

use super::finding::{Rule, Severity};
use crate::arguments;
use crate::outcome::Outcome;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_pre_commit_hook_is_a_command_line_that_is_understood() {
    let hooks = fs::read_to_string(root().join(".pre-commit-hooks.yaml")).unwrap();
    let entry = hooks.lines().find_map(|line| line.trim().strip_prefix("entry: ")).unwrap();
    let words = entry.split(' ').chain(["a.yaml", "b.json"]);
    arguments::Arguments::try_parse_from(words).unwrap();
}

/// What a call comes to and says, without colours.
fn call(arguments: &[&str], files: &[PathBuf]) -> (Outcome, String) {
    let files = files.iter().map(|path| path.to_str().unwrap());
    let words = ["heartbeatctl", "check"].into_iter().chain(arguments.iter().copied()).chain(files);
    let arguments = arguments::Arguments::parse_from(words);
    let mut out = Vec::new();
    let outcome = crate::run(&arguments, &mut out).unwrap();
    (outcome, anstream::adapter::strip_str(str::from_utf8(&out).unwrap()).to_string())
}

fn file(rule: Rule, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(rule.id()).join(name)
}

/// A text in a file that ends when the folder does.
fn written(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

/// `BLESS=1` writes down what is found, to be read before it is kept.
#[test]
fn each_finding_is_made_in_the_file_that_has_it() {
    for rule in Rule::ALL {
        let path = file(rule, "found.yaml");
        let (_, said) = call(&[], std::slice::from_ref(&path));
        let said = said.replace(path.to_str().unwrap(), "found.yaml");
        let expected = file(rule, "found.txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &said).unwrap();
        }
        assert_eq!(said, fs::read_to_string(&expected).unwrap(), "{}", rule.id());
        let (_, json) = call(&["--format", "json"], &[path]);
        let json: Value = serde_json::from_str(&json).unwrap();
        let findings = json["files"][0]["findings"].as_array().unwrap();
        assert!(findings.iter().any(|it| it["rule"] == rule.id()), "{}: {json}", rule.id());
    }
}

#[test]
fn no_finding_is_made_in_the_file_that_has_none() {
    for rule in Rule::ALL {
        let (outcome, said) = call(&["--strict"], &[file(rule, "fine.yaml")]);
        assert!(said.ends_with(": 0 errors, 0 warnings\n"), "{}: {said}", rule.id());
        assert_eq!(outcome, Outcome::Fine);
    }
}

#[test]
fn the_page_knows_every_finding_and_shows_what_is_said() {
    let page = fs::read_to_string(root().join("docs/heartbeatctl.md")).unwrap();
    for rule in Rule::ALL {
        let severity = match rule.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let row = format!("\n| `{}` | {severity} | ", rule.id());
        assert!(page.contains(&row), "no row{row}");
    }
    let said = fs::read_to_string(file(Rule::Configuration, "found.txt")).unwrap();
    let shown = said.replace("found.yaml", "envoy.yaml");
    assert!(page.contains(&format!("$ heartbeatctl check envoy.yaml\n{shown}")), "{shown}");
}

#[test]
fn the_exit_code_says_the_worst_of_it() {
    let call = |arguments: &[&str], files: &[&str]| {
        let paths = files.iter().map(|path| Path::new(path).to_owned()).collect::<Vec<_>>();
        call(arguments, &paths).0
    };
    let found = |rule: Rule| file(rule, "found.yaml").to_str().unwrap().to_owned();
    let (fine, warns, mistaken, unreadable) = (
        file(Rule::Note, "fine.yaml").to_str().unwrap().to_owned(),
        found(Rule::FailOpen),
        found(Rule::Cluster),
        found(Rule::Unreadable),
    );
    assert_eq!(call(&[], &[&fine]), Outcome::Fine);
    assert_eq!(call(&[], &[&fine, &warns]), Outcome::Fine);
    assert_eq!(call(&["--strict"], &[&fine, &warns]), Outcome::Mistakes);
    assert_eq!(call(&[], &[&mistaken, &warns]), Outcome::Mistakes);
    assert_eq!(call(&[], &[&unreadable, &mistaken]), Outcome::Unreadable);
    assert_eq!(call(&[], &["/nowhere.yaml"]), Outcome::Unreadable);
}

#[test]
fn every_shipped_file_passes() {
    let mut files = Vec::new();
    for folder in ["static", "istio", "gateway", "mesh"] {
        files.extend(below(&root().join("envoy-config").join(folder), "yaml"));
    }
    let (outcome, said) = call(&["--format", "json"], &files);
    assert_eq!(outcome, Outcome::Fine, "{said}");
    let said: Value = serde_json::from_str(&said).unwrap();
    let reports = said["files"].as_array().unwrap();
    let findings = reports.iter().flat_map(|it| it["findings"].as_array().unwrap());
    // The module's own notes are of what those files mean to do.
    let others: Vec<&Value> = findings.filter(|it| it["rule"] != "note").collect();
    assert!(others.is_empty(), "{others:?}");
    let read: u64 = reports.iter().map(|it| it["configurations"].as_u64().unwrap()).sum();
    assert!(read > 10, "only {read} configurations were found");
}

#[test]
fn every_yaml_and_json_of_the_pages_passes() {
    let folder = tempfile::tempdir().unwrap();
    let mut pages = below(&root().join("docs"), "md");
    pages.push(root().join("README.md"));
    let mut read = 0;
    for path in pages {
        let page = fs::read_to_string(&path).unwrap();
        for block in page::blocks(&page) {
            let name = match &*block.language {
                "yaml" => "block.yaml",
                "json" if is_configuration(&block.text) => "block.json",
                _ => continue,
            };
            let (outcome, said) = call(&[], &[written(&folder, name, &block.text)]);
            let at = format!("{} line {}", path.display(), block.line);
            assert_eq!(outcome, Outcome::Fine, "{at}: {said}");
            read += usize::from(!said.contains("\n0 configurations"));
        }
    }
    assert!(read > 20, "only {read} blocks with configurations were found");
}

fn is_configuration(json: &str) -> bool {
    Example::of(&serde_json::from_str(json).unwrap()) != Example::Event
}

/// The files below a folder with that ending.
fn below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(below(&path, ending));
        } else if path.extension().is_some_and(|it| it == ending) {
            found.push(path);
        }
    }
    found
}

#[test]
fn annotations_escape_what_a_workflow_would_take_for_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "a,b.json", r#"{ "probes": [], "10%\nof": 1 }"#);
    let (_, said) = call(&["--format", "github"], &[path]);
    let (properties, message) =
        said.trim_end().strip_prefix("::error ").unwrap().split_once("::").unwrap();
    assert!(properties.contains("a%2Cb.json,line=1,col=17,title="), "{properties}");
    assert!(message.starts_with("10%25%0Aof: unknown key"), "{message}");
}

#[test]
fn what_a_terminal_takes_for_an_order_is_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "a.json", "{ \"probes\": [], \"\\u001b[2J\": 1 }");
    let (_, said) = call(&[], &[path]);
    assert!(said.contains(r"\u{1b}[2J: unknown key"), "{said}");
}

#[test]
fn sarif_names_the_rule_the_place_and_the_level_of_each_finding() {
    let path = file(Rule::FailOpen, "found.yaml");
    let (_, said) = call(&["--format", "sarif"], std::slice::from_ref(&path));
    let sarif: Value = serde_json::from_str(&said).unwrap();
    let run = &sarif["runs"][0];
    let result = &run["results"][0];
    let rule = result["ruleIndex"].as_u64().unwrap() as usize;
    assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], result["ruleId"]);
    assert_eq!(result["ruleId"], "fail-open");
    assert_eq!(result["level"], "warning");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], path.to_str().unwrap());
    let (_, text) = call(&[], &[path]);
    let region = &place["region"];
    let position = format!(":{}:{}:", region["startLine"], region["startColumn"]);
    assert!(text.lines().next().unwrap().contains(&position), "{text}");
}

/// 0.2 s of a core where it is optimised as it is shipped; here it isn't.
#[test]
fn five_megabytes_take_seconds_at_most() {
    let bootstrap = fs::read_to_string(root().join("envoy-config/static/sidecar.yaml")).unwrap();
    let (before, clusters) = bootstrap.split_once("  clusters:\n").unwrap();
    let mut large = format!("{before}  clusters:\n");
    while large.len() < 5_000_000 {
        large.push_str(clusters);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "large.yaml", &large);
    let begun = cpu_time();
    let (outcome, said) = call(&[], &[path]);
    let took = cpu_time() - begun;
    assert_eq!(
        (outcome, &*said),
        (Outcome::Fine, "1 configuration in 1 file: 0 errors, 0 warnings\n")
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// That of this thread: other tests run beside it.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
