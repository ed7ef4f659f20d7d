//! What a person can try on a running stack.

use std::net::SocketAddr;

use crate::app::Addresses;

/// Lines for a shell, each below what it does.
pub fn lines(http: SocketAddr, admin: SocketAddr, application: &Addresses) -> String {
    let control = application.control;
    let behave = |behaviour| {
        format!(
            "curl -X PUT http://{control}/behaviour -H 'content-type: application/json' \
             -d '{behaviour}'"
        )
    };
    [
        ("A probe: its answer is annotated.", format!("curl -i http://{http}/health")),
        ("A gRPC probe, where that tool is installed.", format!("# grpc_health_probe -addr={http}")),
        (
            "Readiness: the proxy answers by what its checks have found out.",
            format!("curl -i http://{http}/readyz"),
        ),
        ("An ordinary request: it is left alone.", format!("curl -i http://{http}/orders/17")),
        (
            "A payment: it is counted.",
            format!("curl -i -X POST -H 'x-payment-id: p-1' http://{http}/pay"),
        ),
        (
            "The counters.",
            format!(
                "curl -s 'http://{admin}/stats/prometheus?usedonly' | grep -E '^(heartbeat_probe_total|payment)'"
            ),
        ),
        (
            "What the application has seen of it all, markers included.",
            format!("curl -s http://{control}/seen"),
        ),
        (
            "Now /health hangs: the probe above is answered after 3 s.",
            behave(r#"{"paths":{"/health":{"hang":true}}}"#),
        ),
        ("Now it fails.", behave(r#"{"paths":{"/health":{"status":500}}}"#)),
        ("All is well again.", behave("{}")),
    ]
    .map(|(what, line)| format!("# {what}\n  {line}\n"))
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_can_read_it() {
        let [http, admin, other] = [1, 2, 3].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let application = Addresses { http: other, grpc: other, control: other };
        let status = std::process::Command::new("sh")
            .args(["-n", "-c", &lines(http, admin, &application)])
            .status()
            .unwrap();
        assert!(status.success());
    }
}
