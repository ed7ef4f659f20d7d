//! What is written on the terminal.

use std::io::Write;

use anyhow::{Context, Result};

/// Says what is being done, aside from what is worth keeping.
pub fn progress(what: &str) {
    eprintln!("==> {what}");
}

/// Prints at once, so that the reader can follow; fails where nobody reads on.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("can't print")
}
