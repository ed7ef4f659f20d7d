//! The network of the tests' own machine: a node, on which pods have addresses.

use std::net::Ipv4Addr;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use testbed::tools::Tools;

/// The node's address in the network of pods.
pub const NODE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

/// More addresses of the node: every further control plane needs one.
pub const NODE_TOO: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 0, 2), Ipv4Addr::new(10, 77, 0, 3)];

/// Makes this machine, which is the tests' own, the node of a cluster. Why there can be no
/// pods, if so.
pub fn become_node(tools: &Tools) -> Result<Option<String>> {
    // Istio's rules know the agent by its group: only a real root may give it one.
    let group =
        Command::new("setpriv").args(["--regid", "1337", "--clear-groups", "true"]).output();
    if !group.is_ok_and(|output| output.status.success()) {
        return Ok(Some("no root, or no setpriv".into()));
    }
    if tools.iptables().is_err() {
        return Ok(Some("no iptables (scripts/iptables.sh)".into()));
    }
    for address in [NODE].into_iter().chain(NODE_TOO) {
        run(Command::new("ip").args(["address", "add", &format!("{address}/32"), "dev", "lo"]))?;
    }
    // From one pod to another.
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
    Ok(None)
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
