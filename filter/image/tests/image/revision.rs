//! scripts/revision.sh: what the source says it is.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::{complaint, output, root};

#[test]
fn the_version_is_the_workspaces() {
    let mut script = Command::new(root().join("scripts/revision.sh"));
    assert_eq!(output(script.arg("version")).trim(), env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_commit_is_named_and_what_is_on_top_of_it_makes_it_dirty() {
    let project = project();
    git(project.path(), &["init", "--quiet"]);
    git(project.path(), &["add", "."]);
    git(project.path(), &["commit", "--quiet", "--message", "first"]);
    let head = git(project.path(), &["rev-parse", "HEAD"]);
    assert_eq!(ask(project.path(), "revision"), head);
    assert_eq!(ask(project.path(), "epoch"), "1700000000");

    fs::write(project.path().join("new.rs"), "").unwrap();
    assert_eq!(ask(project.path(), "revision"), format!("{head}-dirty"));
}

#[test]
fn without_git_nothing_is_known() {
    let project = project();
    assert_eq!(ask(project.path(), "revision"), "unknown");
    assert_eq!(ask(project.path(), "epoch"), "0");
}

#[test]
fn somebody_elses_repository_around_it_is_not_its_own() {
    let project = project();
    let outer = tempfile::tempdir().unwrap();
    git(outer.path(), &["init", "--quiet"]);
    git(outer.path(), &["commit", "--quiet", "--allow-empty", "--message", "theirs"]);
    let inner = outer.path().join("inner");
    fs::rename(project.keep(), &inner).unwrap();
    assert_eq!(ask(&inner, "revision"), "unknown");
}

#[test]
fn a_source_date_overrides_the_commits() {
    let project = project();
    let mut script = script(project.path());
    let epoch = output(script.arg("epoch").env("SOURCE_DATE_EPOCH", "42"));
    assert_eq!(epoch.trim(), "42");
}

#[test]
fn an_unknown_question_is_refused() {
    let complaint = complaint(script(project().path()).arg("colour"));
    assert!(complaint.contains("usage"), "{complaint}");
}

/// The least that the script needs.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("scripts")).unwrap();
    for file in ["Cargo.toml", "scripts/revision.sh", "scripts/lib.sh"] {
        fs::copy(root().join(file), folder.path().join(file)).unwrap();
    }
    folder
}

fn ask(project: &Path, what: &str) -> String {
    output(script(project).arg(what)).trim().to_owned()
}

fn script(project: &Path) -> Command {
    let mut command = Command::new(project.join("scripts/revision.sh"));
    command.env_remove("SOURCE_DATE_EPOCH");
    command
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
    let mut command = Command::new("git");
    command.args(identity).args(arguments).current_dir(folder);
    command.env("GIT_COMMITTER_DATE", "1700000000 +0000");
    output(&mut command).trim().to_owned()
}
