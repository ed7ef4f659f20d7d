//! The command line of the crate grpc_health_probe.

use std::time::Instant;

use anyhow::{Result, bail};
use tokio::process::Command;

use super::call::{Answer, Call, TIMEOUT, screaming};
use super::command::output;
use crate::client::peer::Peer;
use crate::client::tls::SERVER;
use crate::tools::Tools;

/// Makes a Check with grpc_health_probe.
pub async fn by_probe(tools: &Tools, peer: &Peer, call: &Call) -> Result<Answer> {
    let start = Instant::now();
    let deadline = call.deadline.unwrap_or(TIMEOUT).as_millis().to_string();
    let mut command = Command::new(tools.grpc_health_probe()?);
    // Its default service is two quotation marks, which no server knows.
    command.args(["--service", &call.service, "--rpc-timeout", &deadline, "--addr"]);
    match &peer.tls {
        None => command.arg(format!("http://{}", peer.address)),
        Some(tls) => command
            .arg(format!("https://{}", peer.address))
            .args(["--tls", "--tls-server-name", SERVER, "--tls-ca-cert"])
            .arg(&tls.authority),
    };
    let output = output(&mut command, "grpc_health_probe").await?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let Some(answer) = answer(output.status.code(), stdout.trim()) else {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("grpc_health_probe failed ({}):\n{stdout}{errors}", output.status);
    };
    Ok(Answer { elapsed: start.elapsed(), ..answer })
}

/// What it says by its exit status and its words. It has words of its own for
/// a few codes only; any other is `RPC_FAILURE`.
fn answer(exit: Option<i32>, stdout: &str) -> Option<Answer> {
    let serving = |status: &str| Answer {
        code: "OK".into(),
        statuses: vec![screaming(status)],
        ..Answer::default()
    };
    let failed = |code: &str, message: &str| Answer {
        code: code.into(),
        message: message.into(),
        ..Answer::default()
    };
    let unhealthy = || stdout.strip_prefix("service unhealthy (responded with ")?.strip_suffix(')');
    match exit? {
        0 => stdout.strip_prefix("status: ").map(serving),
        2 => Some(failed("CONNECTION_FAILURE", stdout)),
        3 if stdout.starts_with("error: this server does not implement") => {
            Some(failed("UNIMPLEMENTED", stdout))
        }
        3 if stdout.starts_with("timeout: ") => Some(failed("DEADLINE_EXCEEDED", stdout)),
        3 => Some(failed("RPC_FAILURE", stdout.strip_prefix("error: health rpc failed: ")?)),
        4 => unhealthy().map(serving),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_exit_status_and_its_words_are_understood() {
        for (exit, stdout, expected) in [
            (0, "status: Serving", ("OK", "", "SERVING")),
            (2, "error: failed", ("CONNECTION_FAILURE", "error: failed", "")),
            (
                3,
                "error: health rpc failed: unknown service",
                ("RPC_FAILURE", "unknown service", ""),
            ),
            (3, "timeout: late", ("DEADLINE_EXCEEDED", "timeout: late", "")),
            (4, "service unhealthy (responded with ServiceUnknown)", ("OK", "", "SERVICE_UNKNOWN")),
        ] {
            let answer = answer(Some(exit), stdout).unwrap();
            let status = answer.statuses.concat();
            assert_eq!((&*answer.code, &*answer.message, &*status), expected, "{stdout}");
        }
        let unimplemented = "error: this server does not implement the grpc health protocol";
        assert_eq!(answer(Some(3), unimplemented).unwrap().code, "UNIMPLEMENTED");
    }

    #[test]
    fn what_it_never_says_is_no_answer() {
        for (exit, stdout) in
            [(Some(0), ""), (Some(1), ""), (Some(3), "?"), (Some(4), "?"), (None, "")]
        {
            assert!(answer(exit, stdout).is_none(), "{exit:?} {stdout}");
        }
    }
}
