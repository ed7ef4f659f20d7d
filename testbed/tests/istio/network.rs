//! Networks of the tests' own. Istio's ports, which are always the same, are free there, and
//! pods have addresses.

use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Set in a process that has a network of its own.
const MARK: &str = "HEARTBEAT_OWN_NETWORK";

/// What makes namespaces. Mounts get one, too: pods have some of their own.
const NAMESPACES: [&str; 2] = ["--net", "--mount"];

/// The node's address in the network of pods.
pub const NODE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

/// More addresses of the node: every further control plane needs one.
pub const NODE_TOO: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 0, 2), Ipv4Addr::new(10, 77, 0, 3)];

/// Starts this program anew in a network of its own, where that is allowed; that says
/// whether it has one then.
pub fn own() -> Result<bool> {
    if std::env::var_os(MARK).is_some() {
        run(Command::new("ip").args(["link", "set", "lo", "up"]))?;
        for address in [NODE].into_iter().chain(NODE_TOO) {
            run(Command::new("ip").args([
                "address",
                "add",
                &format!("{address}/32"),
                "dev",
                "lo",
            ]))?;
        }
        // From one pod to another.
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
        return Ok(true);
    }
    let mut allowed = Command::new("unshare");
    allowed.args(NAMESPACES).args(["ip", "link"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !allowed.status().is_ok_and(|status| status.success()) {
        return Ok(false);
    }
    let mut again = Command::new("unshare");
    again.args(NAMESPACES).arg(std::env::current_exe()?).args(std::env::args_os().skip(1));
    Err(again.env(MARK, "1").exec()).context("can't start anew in a network of its own")
}

/// Runs a program to its end, which must be a good one.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("can't run {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).context("not UTF-8")
}
