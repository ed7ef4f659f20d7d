//! A machine of its own, for programs that want fixed ports, a folder in `/` or a name for
//! this host: namespaces of Linux for mounts, the network and processes. Nothing of it
//! outlives the program, and nothing outside is touched.

use std::env;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::child::Child;

/// Set for the program that runs there.
const INSIDE: &str = "HEARTBEAT_APART";

/// What the program finds there beside what the machine has.
#[derive(Clone, Copy, Debug)]
pub struct Apart<'a> {
    /// Names of hosts that lead to `127.0.0.1`; all that `/etc/hosts` has.
    pub names: &'a [&'a str],
    /// Empty folders in `/`, such as `/certs`.
    pub folders: &'a [&'a str],
}

/// Where a program is.
#[derive(Debug)]
pub enum Place {
    /// Apart: it may go on.
    Inside,
    /// Outside; it has run apart, and that is how it ended.
    Outside(ExitCode),
    /// Outside, and this is why there is no other place for it.
    Nowhere(String),
}

/// Runs this very program, with its arguments, once more: apart.
pub fn enter(apart: Apart<'_>) -> Result<Place> {
    if env::var_os(INSIDE).is_some() {
        return Ok(Place::Inside);
    }
    let probe = unshare().arg("true").stderr(Stdio::piped()).output();
    match probe {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Ok(Place::Nowhere(format!("no namespaces for this user ({said})")));
        }
        Err(error) => return Ok(Place::Nowhere(format!("no unshare ({error})"))),
    }
    let folder = tempfile::Builder::new().prefix("testbed-apart-").tempdir()?;
    let mut command = unshare();
    command.args(["sh", "-c", include_str!("apart.sh"), "apart.sh"]).arg(folder.path());
    command.args([apart.names.join(" "), apart.folders.join(" ")]);
    command.arg(env::current_exe().context("which program is this?")?).args(env::args_os().skip(1));
    let status = Child::spawn(command.env(INSIDE, "1"))?.wait()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(Place::Outside(code.map_or(ExitCode::FAILURE, ExitCode::from)))
}

/// Root may make namespaces; others may where they are root of a namespace of users.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net", "--pid", "--fork", "--kill-child"]);
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command
}
