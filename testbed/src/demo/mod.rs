//! The filter's main job, on a real Envoy with the shipped configuration.
//!
//! - [`show`] (`make demo`) sends probes, ordinary requests and payments,
//!   compares all that comes of it with what should, prints both tables, and
//!   leaves a [`report`] with pictures of it.
//! - [`stay`] (`make run`) leaves the same things running, with lines to try.
//!
//! What the demo sends and expects is data, in [`acts`]; [`play`] does it,
//! [`compare`] judges it, and [`render`] is the only one to care for looks. The
//! last act, an [`outage`], is no list of steps. What the shipped configuration
//! is given for all that is in [`config`].

mod acts;
mod answer;
mod compare;
mod config;
mod counters;
mod guide;
mod outage;
mod play;
mod render;
mod stack;
mod stay;
mod step;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use self::compare::Line;
use self::counters::Counter;
use self::stack::Stack;
pub use self::stay::stay;
use crate::envoy::Envoy;
use crate::report::{self, About, Recorder};
use crate::screen::{print, progress};
use crate::signals::asked_to_stop;
use crate::tools::{self, Tools};

/// Where the report goes, below the workspace.
const REPORT: &str = "dist/demo-report.html";

/// From act to act, so that the report tells them apart.
const PAUSE: Duration = Duration::from_millis(400);

/// Plays every act, prints what came of it, and ends with 1 if a single line
/// is not as it should be.
pub async fn show(tools: &Tools) -> Result<ExitCode> {
    // An interrupted demo drops what it has started, temporary files and all.
    tokio::select! {
        biased;
        signal = asked_to_stop() => {
            eprintln!("{}: stopped halfway", signal?);
            Ok(ExitCode::FAILURE)
        }
        verdicts = perform(tools) => Ok(exit_code(&verdicts?)),
    }
}

/// Returns for each line whether it is as it should be.
async fn perform(tools: &Tools) -> Result<Vec<bool>> {
    let mut stack = Stack::start(tools, None).await?;
    progress("send probes, ordinary requests and payments; all acts together take 13 s");
    let mut recorder = Recorder::start(stack.envoy.admin);
    let acts = acts::all();
    let mut verdicts = Vec::new();
    print(&render::head())?;
    for act in &acts {
        recorder.act(act.heading);
        let lines = play::act(&stack, act, &mut recorder).await?;
        print(&render::act(act, &lines))?;
        verdicts.extend(lines.iter().map(Line::is_right));
        tokio::time::sleep(PAUSE).await;
    }
    // Before the last act: how often that raises them is not known beforehand.
    let counters = counters::settle(&stack.envoy, &acts).await?;

    let act = outage::act();
    recorder.act(act.heading);
    let lines = outage::play(&mut stack, tools, &mut recorder).await?;
    print(&render::act(&act, &lines))?;
    verdicts.extend(lines.iter().map(Line::is_right));

    print(&render::counters(&counters))?;
    verdicts.extend(counters.iter().map(Counter::is_right));
    let report = tools::workspace().join(REPORT);
    report::write(&recorder.finish(about(&stack.envoy).await?).await?, &report)?;
    print(&render::closing(&verdicts, &report))?;
    Ok(verdicts)
}

async fn about(envoy: &Envoy) -> Result<About> {
    let info: Value = serde_json::from_str(&envoy.admin_get("/server_info").await?)?;
    // Revision, version, state, build type and TLS library.
    let version = info["version"].as_str().and_then(|text| text.split('/').nth(1));
    Ok(About {
        envoy: version.unwrap_or_default().into(),
        business: config::BUSINESS.map(String::from).into(),
    })
}

fn exit_code(verdicts: &[bool]) -> ExitCode {
    if verdicts.iter().all(|right| *right) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_wrong_line_fails_the_demo() {
        assert_eq!(exit_code(&[true, true]), ExitCode::SUCCESS);
        assert_eq!(exit_code(&[true, false, true]), ExitCode::FAILURE);
    }
}
