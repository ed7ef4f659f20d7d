//! `heartbeatctl`: see [`heartbeat_cli`].

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use heartbeat_cli::arguments::Arguments;
use heartbeat_cli::outcome::Outcome;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Colours are for terminals, and for those who don't say NO_COLOR.
    let mut out = io::BufWriter::new(anstream::stdout().lock());
    let done = heartbeat_cli::run(&arguments, &mut out);
    let done = done.and_then(|outcome| out.flush().map(|()| outcome));
    done.unwrap_or_else(not_written).into()
}

/// Whoever reads no further, as `head` does, has what he wanted.
fn not_written(error: io::Error) -> Outcome {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Outcome::Fine;
    }
    eprintln!("error: the output can't be written: {error}");
    Outcome::Unreadable
}
