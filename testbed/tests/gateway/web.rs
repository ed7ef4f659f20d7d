//! A web server: Python's.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use testbed::child::Child;
use testbed::tools::Tools;

/// A server that lives as long as this.
pub struct Server {
    /// Its root.
    pub url: String,
    _child: Child,
}

impl Server {
    /// Serves the files of a folder.
    pub fn start(tools: &Tools, folder: &Path) -> Result<Self> {
        let mut command = Command::new(tools.python()?);
        command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]);
        command.arg(folder).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = Child::spawn(&mut command)?;
        let mut said = String::new();
        BufReader::new(child.take_stdout().context("no output")?).read_line(&mut said)?;
        let url = said.split_once('(').and_then(|(_, rest)| rest.split_once("/)"));
        let url = url.with_context(|| format!("it says no URL, but {said:?}"))?.0.to_owned();
        Ok(Self { url, _child: child })
    }
}
