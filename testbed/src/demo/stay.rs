//! `make run`: the stack that stays up.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};

use super::guide;
use super::stack::Stack;
use crate::envoy::Ports;
use crate::screen::{print, progress};
use crate::signals::asked_to_stop;
use crate::tools::Tools;

/// The ports that the shipped configuration names.
const PORTS: Ports = Ports { http: 10_000, admin: 9901 };

/// How often Envoy and the application are checked.
const WATCH: Duration = Duration::from_millis(200);

/// How long a signal may lag behind its effects: Ctrl-C in a terminal reaches
/// Envoy and the application as well, perhaps sooner.
const SIGNAL_LAG: Duration = Duration::from_millis(300);

/// The last lines of Envoy's log that are shown when it has died.
const LOG_LINES: usize = 20;

/// Starts the stack, says what to try, and stays until it is asked to stop, or
/// fails as soon as a part of the stack dies by itself.
pub async fn stay(tools: &Tools) -> Result<ExitCode> {
    let stop = asked_to_stop();
    tokio::pin!(stop);
    let signal = tokio::select! {
        biased;
        signal = &mut stop => signal?,
        died = serve(tools) => match tokio::time::timeout(SIGNAL_LAG, stop).await {
            Ok(signal) => signal?,
            Err(_) => {
                let Err(death) = died;
                return Err(death);
            }
        },
    };
    progress(&format!("{signal}: Envoy and the application are stopped"));
    Ok(ExitCode::SUCCESS)
}

/// Ends only when something can't be started or has died.
async fn serve(tools: &Tools) -> Result<Infallible> {
    let mut stack = Stack::start(tools, Some(PORTS)).await?;
    print(&welcome(&stack))?;
    loop {
        tokio::time::sleep(WATCH).await;
        if let Some(status) = stack.envoy.exited()? {
            let log = stack.envoy.log()?;
            let lines: Vec<_> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
            bail!("Envoy has died ({status}); the end of its log:\n{last}");
        }
        if let Some(status) = stack.application.exited()? {
            bail!("the demo application has died ({status})");
        }
    }
}

fn welcome(stack: &Stack) -> String {
    let (envoy, application) = (&stack.envoy, &stack.application.addresses);
    let places = [
        ("Envoy", format!("http://{}{}", envoy.http, instead_of(PORTS.http, envoy.http))),
        (
            "its admin port",
            format!("http://{}{}", envoy.admin, instead_of(PORTS.admin, envoy.admin)),
        ),
        ("its log", envoy.log_path().display().to_string()),
        ("the application", format!("http://{}, gRPC on {}", application.http, application.grpc)),
        ("its control port", format!("http://{}", application.control)),
    ];
    let places = places.map(|(what, place)| format!("{what:18}{place}\n")).concat();
    let lines = guide::lines(envoy.http, envoy.admin, application);
    format!("\n{places}\n{lines}\nCtrl-C stops it all.\n")
}

fn instead_of(preferred: u16, got: SocketAddr) -> String {
    if got.port() == preferred { String::new() } else { format!("  (port {preferred} is taken)") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_port_than_the_usual_is_explained() {
        let got = SocketAddr::from(([127, 0, 0, 1], 10_000));
        assert_eq!(instead_of(10_000, got), "");
        assert_eq!(instead_of(9901, got), "  (port 9901 is taken)");
    }
}
