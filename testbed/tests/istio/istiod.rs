//! A running istiod.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use testbed::child::Child;
use testbed::client::http::{self, Request};
use testbed::tools::Tools;

/// How long it may take until it serves.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What stock Envoy lacks is switched off, and what only serves other parts of Istio.
const ENVIRONMENT: [(&str, &str); 8] = [
    // The filters istio.metadata_exchange and istio.alpn.
    ("PILOT_ENABLE_METADATA_EXCHANGE", "false"),
    ("PILOT_ENABLE_ALPN_FILTER", "false"),
    // No agent fetches certificates here.
    ("ENABLE_CA_SERVER", "false"),
    ("XDS_AUTH", "false"),
    ("ENABLE_LEADER_ELECTION", "false"),
    ("PILOT_ENABLE_GATEWAY_API", "false"),
    ("INJECT_ENABLED", "false"),
    ("VALIDATION_WEBHOOK_CONFIG_NAME", ""),
];

/// The mesh's configuration: an access log, so that there is one to filter.
const MESH: &str = "enableAutoMtls: false
extensionProviders:
  - name: envoy
    envoyFileAccessLog: { path: /dev/stdout }
defaultConfig: { discoveryAddress: '127.0.0.1:15010', controlPlaneAuthPolicy: NONE }
";

/// An istiod that has no resources but what [`Istiod::apply`] brings; it dies when this is
/// dropped.
pub struct Istiod {
    /// Where it speaks xDS, without TLS.
    pub xds: SocketAddr,
    api: SocketAddr,
    _child: Child,
    _home: TempDir,
}

impl Istiod {
    /// Starts it and waits until it serves; no sidecar demands mutual TLS.
    pub async fn start(tools: &Tools) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("testbed-istiod-").tempdir()?;
        let mesh = home.path().join("mesh.yaml");
        std::fs::write(&mesh, MESH)?;
        let log = home.path().join("istiod.log");
        let output = std::fs::File::create(&log)?;
        let [xds, http, api] = [free()?, free()?, free()?];
        let mut command = Command::new(tools.istiod()?);
        command.current_dir(home.path()).envs(ENVIRONMENT).arg("-mesh").arg(mesh);
        for (flag, address) in [("-grpc", xds), ("-http", http), ("-api", api)] {
            command.args([flag, &address.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let mut child = Child::spawn(&mut command)?;
        let start = Instant::now();
        let ready = Request::new("GET", "/ready");
        while !http::fetch(http, &ready).await.is_ok_and(|answer| answer.status == 200)
            || http::fetch(api, &Request::new("GET", "/")).await.is_err()
        {
            let fault = || std::fs::read_to_string(&log).unwrap_or_default();
            ensure!(child.exited()?.is_none(), "istiod ended:\n{}", fault());
            ensure!(start.elapsed() < TIMEOUT, "istiod doesn't serve:\n{}", fault());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let istiod = Self { xds, api, _child: child, _home: home };
        istiod.apply(include_str!("base.yaml")).await?;
        Ok(istiod)
    }

    /// Applies resources, in YAML.
    pub async fn apply(&self, resources: &str) -> Result<()> {
        self.change("PUT", resources).await
    }

    /// Removes resources.
    pub async fn remove(&self, resources: &str) -> Result<()> {
        self.change("DELETE", resources).await
    }

    async fn change(&self, method: &str, resources: &str) -> Result<()> {
        let answer = http::fetch(self.api, &Request::new(method, "/").body(resources)).await?;
        ensure!(answer.status == 200, "{method}: {}", answer.text());
        Ok(())
    }
}

/// A port that nobody has, at the moment.
pub fn free() -> Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    Ok(listener.local_addr()?)
}
