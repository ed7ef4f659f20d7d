//! A running istiod.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use testbed::child::Child;
use testbed::client::http::{self, Request};
use testbed::tools::Tools;

/// How long it may take until it serves.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What stock Envoy lacks is switched off, and what only serves other parts of Istio.
const ENVIRONMENT: [(&str, &str); 6] = [
    // The filters istio.metadata_exchange and istio.alpn.
    ("PILOT_ENABLE_METADATA_EXCHANGE", "false"),
    ("PILOT_ENABLE_ALPN_FILTER", "false"),
    ("ENABLE_LEADER_ELECTION", "false"),
    ("PILOT_ENABLE_GATEWAY_API", "false"),
    ("INJECT_ENABLED", "false"),
    ("VALIDATION_WEBHOOK_CONFIG_NAME", ""),
];

/// Where no agent fetches certificates.
const UNSIGNED: [(&str, &str); 2] = [("ENABLE_CA_SERVER", "false"), ("XDS_AUTH", "false")];

/// The mesh's configuration: an access log, so that there is one to filter, and somebody to
/// ask who may come in.
const MESH: &str = "enableAutoMtls: false
extensionProviders:
  - name: envoy
    envoyFileAccessLog: { path: /dev/stdout }
  - name: authorizer
    envoyExtAuthzHttp: { service: authorizer.shop.example, port: 15300, pathPrefix: /authz }
defaultConfig: { discoveryAddress: '127.0.0.1:15010', controlPlaneAuthPolicy: NONE }
";

/// An istiod that signs certificates.
pub struct Signing<'a> {
    /// Where agents ask for them.
    pub address: Ipv4Addr,
    /// What the identities begin with that it signs.
    pub trust_domain: &'a str,
    /// Trust domains of others that may come in.
    pub others: &'a [&'a str],
    /// Its authority, in the files that Istio has for it.
    pub authority: TempDir,
}

/// An istiod that has no resources but what [`Istiod::apply`] brings; it dies when this is
/// dropped.
pub struct Istiod {
    /// Where it speaks xDS, without TLS.
    pub xds: SocketAddr,
    api: SocketAddr,
    _child: Child,
    _home: TempDir,
    _authority: Option<TempDir>,
}

impl Istiod {
    /// Starts it and waits until it serves; no sidecar demands mutual TLS.
    pub async fn start(tools: &Tools) -> Result<Self> {
        let istiod = Self::launch(tools, MESH, None).await?;
        istiod.apply(include_str!("base.yaml")).await?;
        Ok(istiod)
    }

    /// Starts one that signs certificates for agents, who must say who they are.
    pub async fn signing(tools: &Tools, signing: Signing<'_>) -> Result<Self> {
        let Signing { trust_domain, others, .. } = signing;
        let mesh = format!(
            "trustDomain: {trust_domain}\ntrustDomainAliases: {}\n\
             extensionProviders: [{{ name: envoy, envoyFileAccessLog: {{ path: /dev/stdout }} }}]\n\
             defaultConfig: {{ discoveryAddress: 'istiod.istio-system.svc:15012' }}\n",
            json!(others)
        );
        Self::launch(tools, &mesh, Some(signing)).await
    }

    async fn launch(tools: &Tools, config: &str, signing: Option<Signing<'_>>) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("testbed-istiod-").tempdir()?;
        let mesh = home.path().join("mesh.yaml");
        std::fs::write(&mesh, config)?;
        let log = home.path().join("istiod.log");
        let output = std::fs::File::create(&log)?;
        let [xds, http, api] = [free()?, free()?, free()?];
        let mut command = Command::new(tools.istiod()?);
        command.current_dir(home.path()).envs(ENVIRONMENT).arg("-mesh").arg(mesh);
        for (flag, address) in [("-grpc", xds), ("-http", http), ("-api", api)] {
            command.args([flag, &address.to_string()]);
        }
        if let Some(Signing { address, authority, .. }) = &signing {
            command
                .env("ROOT_CA_DIR", authority.path())
                .args(["-secure", &format!("{address}:15012")]);
        } else {
            command.envs(UNSIGNED);
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
        let authority = signing.map(|signing| signing.authority);
        Ok(Self { xds, api, _child: child, _home: home, _authority: authority })
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
