//! What becomes of requests where a plugin fails, by its `failStrategy`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::app::Application;
use testbed::client::connection::KeepAlive;
use testbed::client::http::{Request, Version};
use testbed::tools::Tools;

use crate::istiod::Istiod;
use crate::proxy::{Pod, Proxy, TIMEOUT};
use crate::sidecar::{Form, LISTENER};
use crate::workload;

const STRATEGIES: [&str; 3] = ["FAIL_CLOSE", "FAIL_OPEN", "FAIL_RELOAD"];

/// Envoy doesn't start a module again sooner than after a second, less what its timers are
/// early.
const PAUSE: Duration = Duration::from_millis(900);

/// An application behind istiod, and a folder for modules.
struct Stage {
    istiod: Istiod,
    home: TempDir,
    _application: Application,
}

impl Stage {
    async fn set(tools: &Tools) -> Result<Self> {
        let application = Application::start(tools)?;
        let istiod = Istiod::start(tools).await?;
        let address = LISTENER.ip().to_string();
        istiod.apply(&workload::inbound(&address, application.addresses.http)?).await?;
        // For its access log.
        istiod.apply(&workload::shipped("istio/telemetry.yaml", "Telemetry")?.to_string()).await?;
        let home = tempfile::Builder::new().prefix("testbed-modules-").tempdir()?;
        Ok(Self { istiod, home, _application: application })
    }

    /// A sidecar with one worker: what that one makes of a request is all that there is.
    async fn sidecar(&self, tools: &Tools) -> Result<Proxy> {
        let pod = Pod::labelled(json!({ "app": "payments" }), LISTENER);
        Proxy::start_in(tools, &self.istiod, &pod, |it| it.workers(1)).await
    }

    fn file(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.home.path().join(name);
        std::fs::write(&path, bytes)?;
        Ok(path)
    }
}

/// The shipped plugin under a name of its own, so that Envoy knows nothing of it yet.
fn plugin(tools: &Tools, name: &str, strategy: &str) -> Result<Value> {
    let mut plugin = Form::WasmPlugin.shipped(tools)?;
    plugin["metadata"]["name"] = json!(name);
    plugin["spec"]["failStrategy"] = json!(strategy);
    Ok(plugin)
}

/// A plugin that Envoy refuses and has no older form of: every request gets 500, whatever
/// the strategy, until it is mended or taken away. So in a sidecar that runs, and in one
/// that starts.
pub async fn refused(tools: &Tools) -> Result<()> {
    let stage = Stage::set(tools).await?;
    let garbage = stage.file("garbage.wasm", b"this is no module")?;
    let faults: [(&str, &dyn Fn(&mut Value)); 3] = [
        ("a-key-that-nobody-knows", &|it| *Form::WasmPlugin.config(it) = json!({ "probs": [] })),
        ("no-file", &|it| workload::take_from_file(it, Path::new("/nowhere/heartbeat.wasm"))),
        ("no-wasm", &|it| workload::take_from_file(it, &garbage)),
    ];
    let proxy = stage.sidecar(tools).await?;
    proxy.answers("/orders/1", 200).await?;
    for (fault, spoil) in faults {
        for strategy in STRATEGIES {
            let name = format!("{fault}-{}", strategy.to_lowercase().replace('_', "-"));
            let good = plugin(tools, &name, strategy)?;
            let mut bad = good.clone();
            spoil(&mut bad);
            stage.istiod.apply(&bad.to_string()).await?;
            proxy.answers("/orders/1", 500).await.with_context(|| name.clone())?;
            if strategy == "FAIL_RELOAD" {
                stage.istiod.apply(&good.to_string()).await?;
                proxy.answers("/readyz", 200).await.with_context(|| format!("{name} mended"))?;
            }
            stage.istiod.remove(&good.to_string()).await?;
            proxy.answers("/orders/1", 200).await.with_context(|| format!("{name} gone"))?;
        }
    }
    // No filter's configuration was found.
    let log = proxy.envoy.log()?;
    ensure!(
        log.contains(r#""GET /orders/1 HTTP/1.1" 500 NFCF "#),
        "the access log says less\n{log}"
    );
    proxy.envoy.stop()?;

    for (fault, spoil) in faults {
        let mut bad = plugin(tools, fault, "FAIL_OPEN")?;
        spoil(&mut bad);
        stage.istiod.apply(&bad.to_string()).await?;
        let proxy = stage.sidecar(tools).await?;
        proxy.answers("/orders/1", 500).await.with_context(|| format!("{fault} at start"))?;
        proxy.envoy.stop()?;
        stage.istiod.remove(&bad.to_string()).await?;
    }
    Ok(())
}

/// A connection, and so one worker, to a sidecar with a module that traps.
struct Client {
    connection: KeepAlive,
}

impl Client {
    fn of(proxy: &Proxy) -> Self {
        Self { connection: KeepAlive::new(Version::Http1, proxy.address.into()) }
    }

    async fn get(&mut self, path: &str) -> Result<u16> {
        Ok(self.connection.send(&Request::new("GET", path)).await?.status)
    }

    /// Sends the request that the module traps on.
    async fn trap(&mut self) -> Result<u16> {
        let request = Request::new("GET", "/orders/1").header("x-trap", "yes");
        Ok(self.connection.send(&request).await?.status)
    }
}

/// A module that traps at one request, behind ours, which has a VM of its own and goes on.
pub async fn trapped(tools: &Tools) -> Result<()> {
    let stage = Stage::set(tools).await?;
    let module = stage.file("trap.wasm", &wat::parse_str(include_str!("trap.wat"))?)?;
    let ours = plugin(tools, "heartbeat", "FAIL_RELOAD")?;
    stage.istiod.apply(&ours.to_string()).await?;
    for strategy in STRATEGIES {
        let traps = trapping(tools, "traps", strategy, &module)?;
        stage.istiod.apply(&traps.to_string()).await?;
        let proxy = stage.sidecar(tools).await?;
        proxy.answers("/readyz", 200).await?;
        let mut client = Client::of(&proxy);
        ensure!(client.get("/orders/1").await? == 200, "{strategy}: before");
        let start = Instant::now();
        ensure!(client.trap().await? == 503, "{strategy}: what traps");
        let says = |what: &str| format!("{strategy}: {what} {:?} after the trap", start.elapsed());
        match strategy {
            "FAIL_OPEN" => {
                ensure!(client.get("/orders/1").await? == 200, says("the next request"));
                ensure!(client.trap().await? == 200, says("the module is still there"));
            }
            "FAIL_CLOSE" => {
                while start.elapsed() < 2 * PAUSE {
                    ensure!(client.get("/orders/1").await? == 503, says("another request passed"));
                    // What ours answers doesn't come that far, and what it passes on does.
                    ensure!(client.get("/readyz").await? == 200, says("ours is affected"));
                    ensure!(client.get("/livez").await? == 503, says("a probe passed"));
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            _ => {
                while client.get("/orders/1").await? == 503 {
                    ensure!(client.get("/readyz").await? == 200, says("ours is affected"));
                    ensure!(start.elapsed() < TIMEOUT, says("it isn't back"));
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                ensure!(start.elapsed() > PAUSE, says("it is back too early"));
                ensure!(client.trap().await? == 503, says("it isn't there again"));
            }
        }
        proxy.envoy.stop()?;
        stage.istiod.remove(&traps.to_string()).await?;
    }
    Ok(())
}

/// Two plugins of one module share a VM: what becomes of it is for each to take in its own
/// way.
pub async fn shared(tools: &Tools) -> Result<()> {
    let stage = Stage::set(tools).await?;
    let module = stage.file("trap.wasm", &wat::parse_str(include_str!("trap.wat"))?)?;
    for (name, strategy) in [("opens", "FAIL_OPEN"), ("closes", "FAIL_CLOSE")] {
        let traps = trapping(tools, name, strategy, &module)?;
        stage.istiod.apply(&traps.to_string()).await?;
    }
    let proxy = stage.sidecar(tools).await?;
    proxy.answers("/orders/1", 200).await?;
    let mut client = Client::of(&proxy);
    ensure!(client.trap().await? == 503, "nothing traps");
    let status = client.get("/orders/1").await?;
    ensure!(status == 503, "the other plugin has a VM of its own: {status}");
    proxy.envoy.stop()
}

/// A plugin behind ours that traps.
fn trapping(tools: &Tools, name: &str, strategy: &str, module: &Path) -> Result<Value> {
    let mut plugin = plugin(tools, name, strategy)?;
    workload::take_from_file(&mut plugin, module);
    plugin["spec"]["phase"] = json!("AUTHZ");
    *Form::WasmPlugin.config(&mut plugin) = json!({});
    Ok(plugin)
}
