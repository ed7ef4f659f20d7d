//! `make demo-mesh` shows what it says, all is as it should be, and its report is whole.

use std::process::Command;

#[test]
fn the_demo_of_the_hub_is_right_and_leaves_a_whole_report() {
    let home = tempfile::tempdir().unwrap();
    let report = home.path().join("report.html");
    let demo = || {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_testbed"));
        demo.arg("demo-mesh").arg("--report").arg(&report).output().unwrap()
    };
    let mut output = demo();
    if !output.status.success() {
        // Time is short on a busy machine.
        eprintln!("tried again:\n{}", String::from_utf8_lossy(&output.stdout));
        output = demo();
    }
    let (told, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{errors}");
    assert!(told.contains("All 12 lines are as they should be."), "{told}");

    let page = std::fs::read_to_string(&report).unwrap();
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(&page, options).unwrap();
    let pictures = document.descendants().filter(|node| node.attribute("role") == Some("img"));
    assert_eq!(pictures.count(), 3, "convergence, verdicts and trust");
    assert!(!page.contains("class=\"absent\""), "nothing to show of something");
    let rows = document.descendants().filter(|node| node.attribute("scope") == Some("row"));
    assert!(rows.count() >= 12, "an event is missing");
}
