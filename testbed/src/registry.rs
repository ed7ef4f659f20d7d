//! A real registry of images on loopback: CNCF's.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::child::Child;

/// A registry that lives as long as this.
pub struct Registry {
    /// Its host and port.
    pub address: String,
    program: PathBuf,
    process: Option<Child>,
    folder: TempDir,
}

impl Registry {
    /// One that takes everything from everyone.
    pub fn open(program: &Path) -> Result<Self> {
        Self::new(program, "127.0.0.1:0", None)
    }

    /// The same at this host and port, for those who aren't on this machine's loopback.
    pub fn at(program: &Path, address: &str) -> Result<Self> {
        Self::new(program, address, None)
    }

    /// One that knows a single user, `name:bcrypt` as htpasswd writes it.
    pub fn for_user(program: &Path, htpasswd: &str) -> Result<Self> {
        Self::new(program, "127.0.0.1:0", Some(htpasswd))
    }

    fn new(program: &Path, address: &str, htpasswd: Option<&str>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("testbed-registry-").tempdir()?;
        let path = |name: &str| folder.path().join(name);
        let mut config = format!(
            "version: 0.1\n\
             log: {{ level: info, accesslog: {{ disabled: true }} }}\n\
             storage: {{ filesystem: {{ rootdirectory: {} }} }}\n",
            path("content").display()
        );
        if let Some(user) = htpasswd {
            fs::write(path("htpasswd"), user)?;
            let users = path("htpasswd");
            writeln!(config, "auth: {{ htpasswd: {{ realm: test, path: {} }} }}", users.display())?;
        }
        fs::write(path("config.yml"), config)?;
        let address = address.to_owned();
        let mut registry = Self { address, program: program.to_owned(), process: None, folder };
        registry.start()?;
        Ok(registry)
    }

    /// Ends it; what it has stays.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again where it was.
    pub fn start(&mut self) -> Result<()> {
        // It tells its port in its log, which goes to standard error.
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" serve \"$1\" 2>&1"]).arg(&self.program);
        command.arg(self.folder.path().join("config.yml"));
        command.env("REGISTRY_HTTP_ADDR", &self.address);
        let mut process = Child::spawn(command.stdout(Stdio::piped()))?;
        let mut log = BufReader::new(process.take_stdout().context("no output")?);
        let address = address(&mut log)?;
        if self.address.ends_with(":0") {
            self.address = address;
        }
        // Somebody must read on, or it would block when the pipe is full.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        self.process = Some(process);
        Ok(())
    }
}

fn address(log: &mut impl BufRead) -> Result<String> {
    let mut seen = String::new();
    while log.read_line(&mut seen)? > 0 {
        let rest = seen.split_once("listening on ").map(|(_, rest)| rest);
        let end =
            |character: char| !(character.is_ascii_digit() || ['.', ':'].contains(&character));
        if let Some(address) = rest.and_then(|rest| rest.split(end).next()) {
            return Ok(address.to_owned());
        }
    }
    bail!("the registry ended:\n{seen}")
}
