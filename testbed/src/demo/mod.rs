//! The filter's main job, on a real Envoy with the shipped configuration.
//!
//! - [`show`] (`make demo`) sends probes, ordinary requests and payments,
//!   compares all that comes of it with what should, and prints both tables.
//! - [`stay`] (`make run`) leaves the same things running, with lines to try.
//!
//! What the demo sends and expects is data, in [`acts`]; [`play`] does it,
//! [`compare`] judges it, and [`render`] is the only one to care for looks.

mod acts;
mod compare;
mod counters;
mod guide;
mod play;
mod render;
mod signals;
mod stack;
mod stay;
mod step;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};

use self::compare::Line;
use self::counters::Counter;
use self::stack::Stack;
pub use self::stay::stay;
use crate::tools::Tools;

/// Plays every act, prints what came of it, and ends with 1 if a single line
/// is not as it should be.
pub async fn show(tools: &Tools) -> Result<ExitCode> {
    // An interrupted demo drops what it has started, temporary files and all.
    tokio::select! {
        biased;
        signal = signals::asked_to_stop() => {
            eprintln!("{}: stopped halfway", signal?);
            Ok(ExitCode::FAILURE)
        }
        verdicts = perform(tools) => Ok(exit_code(&verdicts?)),
    }
}

/// Returns for each line whether it is as it should be.
async fn perform(tools: &Tools) -> Result<Vec<bool>> {
    let stack = Stack::start(tools, None).await?;
    progress("send probes, ordinary requests and payments; an application that hangs takes 3 s");
    let acts = acts::all();
    let mut verdicts = Vec::new();
    print(&render::head())?;
    for act in &acts {
        let lines = play::act(&stack, act).await?;
        print(&render::act(act, &lines))?;
        verdicts.extend(lines.iter().map(Line::is_right));
    }
    let counters = counters::settle(&stack.envoy, &acts).await?;
    print(&render::counters(&counters))?;
    verdicts.extend(counters.iter().map(Counter::is_right));
    print(&render::closing(&verdicts))?;
    Ok(verdicts)
}

fn exit_code(verdicts: &[bool]) -> ExitCode {
    if verdicts.iter().all(|right| *right) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Says what is being done, aside from what is worth keeping.
fn progress(what: &str) {
    eprintln!("==> {what}");
}

/// Prints at once, so that the reader can follow; fails where nobody reads on.
fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("can't print")
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
