//! The load generator: nghttp2's h2load, a process of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::plan::{HttpVersion, Request};
use super::stats::quantile;

/// Runs h2load.
#[derive(Debug)]
pub struct LoadGenerator {
    program: PathBuf,
    /// Bodies to send, and its log.
    home: TempDir,
}

/// How long requests took, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Latencies {
    /// Half of them took less.
    pub p50: f64,
    /// All but a hundredth of them did.
    pub p99: f64,
}

impl LoadGenerator {
    /// Finds the program: `HEARTBEAT_H2LOAD`, or `h2load` on the path.
    pub fn find() -> Result<Self> {
        let program = std::env::var_os("HEARTBEAT_H2LOAD").map_or("h2load".into(), PathBuf::from);
        let version = Command::new(&program).arg("--version").output();
        version.with_context(|| {
            format!("no load generator {}: Debian has it in nghttp2-client", program.display())
        })?;
        Ok(Self { program, home: tempfile::tempdir()? })
    }

    /// Sends so many requests, over a few connections, each of which has one or some
    /// under way all the time. An answer that isn't 2xx is an error.
    pub fn run(&self, to: SocketAddr, request: &Request, count: u64) -> Result<Latencies> {
        let log = self.home.path().join("requests.tsv");
        // It adds to what is there.
        let _ = std::fs::remove_file(&log);
        let mut command = Command::new(&self.program);
        command.arg(format!("--requests={count}")).arg("--log-file").arg(&log);
        command.args(match request.protocol {
            HttpVersion::Http1 => {
                ["--no-tls-proto=http/1.1", "--clients=8", "--max-concurrent-streams=1"]
            }
            HttpVersion::Http2 => {
                ["--no-tls-proto=h2c", "--clients=4", "--max-concurrent-streams=2"]
            }
        });
        for (name, value) in request.headers {
            command.arg("--header").arg(format!("{name}: {value}"));
        }
        if let Some(body) = request.body {
            let path = self.home.path().join("body");
            std::fs::write(&path, body)?;
            command.arg("--data").arg(path);
        }
        let output = command.arg(format!("http://{to}{}", request.path)).output()?;
        let says = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "h2load failed:\n{says}");
        ensure!(succeeded(&says) == Some(count), "not all {count} requests got a 2xx:\n{says}");
        latencies(&log)
    }
}

/// How many answers were 2xx, in what h2load prints.
fn succeeded(says: &str) -> Option<u64> {
    let line = says.lines().find_map(|line| line.strip_prefix("status codes: "))?;
    line.split_once(" 2xx")?.0.parse().ok()
}

/// Reads h2load's log: when a request began, its status, how long it took.
fn latencies(log: &Path) -> Result<Latencies> {
    let text = std::fs::read_to_string(log).with_context(|| format!("no {}", log.display()))?;
    let took = |line: &str| line.split('\t').nth(2)?.trim().parse::<f64>().ok();
    let mut all: Vec<f64> = text.lines().filter_map(took).collect();
    all.sort_by(f64::total_cmp);
    let at = |share| quantile(&all, share).context("h2load has logged nothing");
    Ok(Latencies { p50: at(0.5)?, p99: at(0.99)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_h2load_prints_is_understood() {
        let says = "requests: 7 total\nstatus codes: 5 2xx, 0 3xx, 2 4xx, 0 5xx\ntraffic: 1KB";
        assert_eq!(succeeded(says), Some(5));
        assert_eq!(succeeded("finished"), None);
    }

    #[test]
    fn its_log_tells_latencies() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines: String = (1..=101).map(|us| format!("1700000000\t200\t{us}\n")).collect();
        std::fs::write(file.path(), lines).unwrap();
        let Latencies { p50, p99 } = latencies(file.path()).unwrap();
        assert_eq!((p50, p99), (51.0, 100.0));
    }
}
