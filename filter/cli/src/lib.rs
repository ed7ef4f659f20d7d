//! What the modules would say of a configuration, on the laptop of those who write it.
//!
//! The readers are those of the modules themselves, so that their errors are the same. This
//! crate finds configurations in files of every form that they are shipped in, and knows
//! where in them each value stands.

pub mod arguments;
mod check;
mod columns;
mod completions;
mod explain;
mod metrics;
pub mod outcome;
mod reading;
mod schema;
mod series;
pub mod source;

use std::io::{self, Write};

use clap::CommandFactory;

use arguments::{Arguments, Command};
use outcome::Outcome;

/// Does what the command line says, and writes what there is to say of it.
///
/// # Errors
/// It can't be written.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Outcome> {
    match &arguments.command {
        Command::Check(files) => check::run(files, out),
        Command::Explain(request) => explain::run(request, out),
        Command::Metrics(of) => metrics::run(of, out),
        Command::Schema(of) => schema::print(of, out),
        Command::Completions(of) => completions::print(of, Arguments::command(), out),
    }
}
