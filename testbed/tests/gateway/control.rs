//! A running Envoy Gateway, standalone: its resources are files, and it starts Envoy itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::child::Child;
use testbed::client::http::{self, Request};
use testbed::tools::Tools;

/// Where the Envoy that it starts trusts Envoy Gateway from: in standalone mode, too.
pub const CERTIFICATES: &str = "/certs";

/// The name of Envoy Gateway to Envoy, when that fetches a module: in standalone mode, too.
pub const NAME: &str = "envoy-gateway.envoy-gateway-system.svc.cluster.local";

/// Where it says whether it is ready.
const READY: ([u8; 4], u16) = ([127, 0, 0, 1], 8081);

/// How long it may take until it is, and until Envoy has ended.
const TIMEOUT: Duration = Duration::from_secs(60);

/// An Envoy Gateway; it and its Envoy die when this is dropped.
pub struct EnvoyGateway {
    program: PathBuf,
    child: Option<Child>,
    home: TempDir,
}

impl EnvoyGateway {
    /// Prepares one that will start this Envoy, which gets what `proxy` says beside that.
    pub fn prepare(tools: &Tools, proxy: &Value) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("testbed-envoy-gateway-").tempdir()?;
        for folder in ["resources", "config", "data", "state", "run"] {
            fs::create_dir(home.path().join(folder))?;
        }
        let gateway = Self { program: tools.envoy_gateway()?.to_owned(), child: None, home };
        gateway.make_certificates()?;
        gateway.place_envoy(tools.envoy()?, proxy)?;
        fs::write(gateway.path("gateway.yaml"), gateway.configuration().to_string())?;
        gateway.apply("base", include_str!("base.yaml"))?;
        Ok(gateway)
    }

    /// Starts it and waits until it reads the resources.
    pub async fn start(&mut self) -> Result<()> {
        let log = fs::File::create(self.path("log"))?;
        let mut command = Command::new(&self.program);
        command.arg("server").arg("--config-path").arg(self.path("gateway.yaml"));
        command.env("HOME", self.home.path()).current_dir(self.home.path());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = self.child.insert(Child::spawn(&mut command)?);
        let start = Instant::now();
        let ready = Request::new("GET", "/readyz");
        while !http::fetch(READY.into(), &ready).await.is_ok_and(|answer| answer.status == 200) {
            let fault = || fs::read_to_string(self.home.path().join("log")).unwrap_or_default();
            ensure!(child.exited()?.is_none(), "Envoy Gateway ended:\n{}", fault());
            ensure!(start.elapsed() < TIMEOUT, "Envoy Gateway isn't ready:\n{}", fault());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Ends it, and its Envoy; its resources stay.
    pub fn stop(&mut self) -> Result<()> {
        self.child.take().map_or(Ok(()), |child| child.stop(TIMEOUT))?;
        fs::remove_dir_all(self.path("run"))?;
        fs::create_dir(self.path("run")).map_err(Into::into)
    }

    /// Applies resources, in YAML, in the place of those of the same name.
    pub fn apply(&self, name: &str, resources: &str) -> Result<()> {
        // It must never read half a file.
        let (hidden, file) = (self.resources(&format!(".{name}")), self.resources(name));
        fs::write(&hidden, resources)?;
        fs::rename(hidden, file).map_err(Into::into)
    }

    /// Removes the resources that were applied under that name.
    pub fn remove(&self, name: &str) -> Result<()> {
        fs::remove_file(self.resources(name)).map_err(Into::into)
    }

    /// What it has logged, and its Envoy.
    pub fn log(&self) -> Result<String> {
        let mut log = fs::read_to_string(self.path("log"))?;
        for run in fs::read_dir(self.path("state/envoy-runs")).into_iter().flatten() {
            log += &fs::read_to_string(run?.path().join("stderr.log")).unwrap_or_default();
        }
        Ok(log)
    }

    /// Where its Envoy's admin interface is, once that runs.
    pub fn admin(&self) -> Result<std::net::SocketAddr> {
        let run = fs::read_dir(self.path("run"))?.next().context("Envoy doesn't run yet")?;
        let address = fs::read_to_string(run?.path().join("admin-address.txt"))?;
        address.trim().parse().context("Envoy has no admin interface yet")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn resources(&self, name: &str) -> PathBuf {
        self.path("resources").join(name).with_extension("yaml")
    }

    fn configuration(&self) -> Value {
        json!({
            "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "EnvoyGateway",
            "gateway": { "controllerName": "gateway.envoyproxy.io/gatewayclass-controller" },
            "provider": { "type": "Custom", "custom": {
                "resource": { "type": "File", "file": { "paths": [self.path("resources")] } },
                "infrastructure": { "type": "Host", "host": {
                    "configHome": self.path("config"), "dataHome": self.path("data"),
                    "stateHome": self.path("state"), "runtimeDir": self.path("run"),
                } },
            } },
            "extensionApis": { "enableBackend": true },
        })
    }

    /// Those of the control plane, and what Envoy needs of them to fetch a module.
    fn make_certificates(&self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.args(["certgen", "--local", "--config-home"]).arg(self.path("config"));
        let output = command.output().context("can't run Envoy Gateway")?;
        ensure!(output.status.success(), "certgen: {}", String::from_utf8_lossy(&output.stderr));
        let of_envoy = self.path("config/certs/envoy");
        fs::copy(of_envoy.join("ca.crt"), Path::new(CERTIFICATES).join("ca.crt"))
            .with_context(|| format!("can't write to {CERTIFICATES}"))?;
        let base64 = |file: &str| -> Result<String> {
            Ok(BASE64_STANDARD.encode(fs::read(of_envoy.join(file))?))
        };
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": { "name": "envoy", "namespace": "envoy-gateway-system" },
            "data": { "tls.crt": base64("tls.crt")?, "tls.key": base64("tls.key")? },
        });
        self.apply("secret", &secret.to_string())
    }

    /// Puts Envoy where one that was downloaded would be.
    fn place_envoy(&self, envoy: &Path, proxy: &Value) -> Result<()> {
        let output = Command::new(envoy).arg("--version").output()?;
        let version = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = version.split('/').nth(1).context("Envoy doesn't say its version")?;
        let folder = self.path("data/envoy-versions").join(version).join("bin");
        fs::create_dir_all(&folder)?;
        std::os::unix::fs::symlink(envoy.canonicalize()?, folder.join("envoy"))?;
        let mut spec = proxy.clone();
        spec["provider"] = json!({ "type": "Host", "host": { "envoyVersion": version } });
        let proxy = json!({
            "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "EnvoyProxy",
            "metadata": { "name": "stock", "namespace": "envoy-gateway-system" },
            "spec": spec,
        });
        self.apply("proxy", &proxy.to_string())
    }
}
