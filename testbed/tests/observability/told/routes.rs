//! The configuration through amtool.

use std::process::Command;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use testbed::prometheus::shipped;

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("amtool_takes_the_alertmanager_example", || {
            amtool(&["check-config", "alertmanager.yml"])
        }),
        crate::trial("each_severity_is_routed_to_its_receivers_and_to_the_chats", || {
            for (severity, receivers) in [
                ("critical", "slack,wecom,pager"),
                ("warning", "slack,wecom,tickets"),
                ("unheard-of", "slack,wecom,tickets"),
            ] {
                let routes = ["config", "routes", "test", "--config.file=alertmanager.yml"];
                let receivers = format!("--verify.receivers={receivers}");
                let label = format!("severity={severity}");
                amtool(&[&routes[..], &[&receivers, &label]].concat())?;
            }
            Ok(())
        }),
    ]
}

/// Runs it in the folder of the shipped files.
fn amtool(arguments: &[&str]) -> Result<()> {
    let path = std::path::absolute(crate::tools().prometheus("amtool")?)?;
    let output = Command::new(path).args(arguments).current_dir(shipped()).output()?;
    let (text, errors) = (output.stdout, output.stderr);
    let all = String::from_utf8_lossy(&text) + String::from_utf8_lossy(&errors);
    ensure!(output.status.success(), "amtool {}:\n{all}", arguments.join(" "));
    Ok(())
}
