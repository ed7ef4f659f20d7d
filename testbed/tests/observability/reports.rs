//! The pages that `testbed report` makes of what Prometheus knows.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use testbed::{page, tools};

use crate::shared::Shared;

/// The Prometheus that the documentation asks.
const SHOWN: &str = "http://127.0.0.1:9090";

pub fn trial(shared: &Shared) -> Trial {
    let shared = shared.clone();
    crate::trial("each_report_of_the_documentation_is_written_as_it_says", move || {
        let url = shared.stack()?.prometheus.url();
        let page = std::fs::read_to_string(tools::workspace().join("docs/observability.md"))?;
        let blocks = page::blocks(&page);
        let lines =
            blocks.iter().filter(|it| it.language == "console").flat_map(|it| it.text.lines());
        let asked: Vec<_> =
            lines.filter_map(|line| line.strip_prefix("$ target/debug/testbed ")).collect();
        ensure!(asked.len() == 3, "the documentation has lost its reports: {asked:?}");
        let home = tempfile::tempdir()?;
        asked.iter().try_for_each(|line| write(line, &url, home.path()))?;
        for (file, end) in [
            ("dist/topology.html", "</html>"),
            ("topology.svg", "</svg>"),
            ("dist/dashboard.html", "</html>"),
        ] {
            let text = std::fs::read_to_string(home.path().join(file))?;
            ensure!(text.trim_end().ends_with(end), "{file} isn't whole");
        }
        Ok(())
    })
}

fn write(line: &str, url: &str, home: &Path) -> Result<()> {
    ensure!(line.contains(SHOWN), "it asks nobody: {line}");
    let arguments = line.replace(SHOWN, url);
    let mut command = Command::new(env!("CARGO_BIN_EXE_testbed"));
    let output = command.args(arguments.split_whitespace()).current_dir(home).output()?;
    ensure!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
