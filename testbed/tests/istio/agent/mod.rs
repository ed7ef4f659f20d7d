//! Istio's agent, and the pod that it runs in, as the injector makes it of the shipped
//! Deployment: traffic comes in by iptables, certificates from istiod, and the module from a
//! registry.

mod everything;
mod hub;
mod image;
mod injected;
mod mesh;
mod metrics;
mod pod;
mod principals;
mod probers;

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::app::Application;
use testbed::child::Child;
use testbed::client::http::{self, Request, Response};
use testbed::registry::Registry;
use testbed::tools::Tools;

pub use self::everything::{published, together};
pub use self::image::{digests, failures, outages};
use self::injected::Injected;
pub use self::injected::istioctl;
use self::mesh::{Mesh, Root};
pub use self::metrics::labels;
use self::pod::{CONTROL, Pod};
pub use self::principals::two_trust_domains;
pub use self::probers::{left_alone, rewritten};
use crate::network::{NODE, run};
use crate::workload;

/// How soon a change must be at work, and a pod must be ready.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A new connection comes to any worker: so many in a row of one mind speak for all.
const CONNECTIONS: usize = 12;

/// Where the registry is.
const REGISTRY: &str = "10.77.0.1:5000";

/// The port of the shipped Deployment's probes.
const PROBES: u16 = 8086;

/// A pod of a Deployment, with the agent, Envoy and the application in it.
struct Workload {
    pod: Pod,
    injected: Injected,
    application: Application,
    _agent: Child,
}

impl Workload {
    /// Starts one and waits until its proxy is ready.
    async fn start(
        tools: &Tools,
        mesh: &Mesh,
        deployment: &Value,
        identity: Identity,
    ) -> Result<Self> {
        let Identity { name, account, number } = identity;
        let injected = Injected::new(tools, deployment, &mesh.trust_domain)?;
        let pod = Pod::start(tools, name, account, number, mesh.address)?;
        mesh.istiod.apply(&pod.resource(injected.template())).await?;
        redirect(tools, &pod, &injected)?;
        let application = pod.application(tools, PROBES)?;
        let agent = agent(tools, &pod, &injected, mesh)?;
        let workload = Self { pod, injected, application, _agent: agent };
        let ready = Request::new("GET", "/healthz/ready");
        let start = Instant::now();
        while !workload.ask(15021, ready.clone()).await.is_ok_and(|answer| answer.status == 200) {
            ensure!(start.elapsed() < TIMEOUT, "not ready:\n{}", workload.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(workload)
    }

    /// Sends a request from the node, as kubelet does, on a connection of its own.
    async fn ask(&self, port: u16, request: Request) -> Result<Response> {
        http::fetch((self.pod.address, port).into(), &request).await
    }

    /// Waits until a path is answered with a status, by all workers.
    async fn answers(&self, path: &str, status: u16) -> Result<Response> {
        let start = Instant::now();
        let (mut last, mut row) = (String::new(), 0);
        loop {
            match self.ask(PROBES, Request::new("GET", path)).await {
                Ok(answer) if answer.status == status => {
                    row += 1;
                    if row == CONNECTIONS {
                        return Ok(answer);
                    }
                }
                Ok(answer) => (last, row) = (format!("{} {}", answer.status, answer.text()), 0),
                Err(error) => (last, row) = (format!("{error:#}"), 0),
            }
            ensure!(start.elapsed() < TIMEOUT, "{path}: no {status}, but {last}\n{}", self.log());
            if row == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Envoy's admin interface, which only the pod itself reaches.
    async fn admin(&self, path: &str) -> Result<String> {
        let admin = ([127, 0, 0, 1], 15000).into();
        Ok(self.pod.fetch(admin, Request::new("GET", path)).await?.text())
    }

    /// Nothing that istiod has sent was refused.
    async fn took_all(&self) -> Result<()> {
        let refused = self.admin("/stats?filter=update_rejected").await?;
        let faults: Vec<_> = refused.lines().filter(|line| !line.ends_with(": 0")).collect();
        ensure!(faults.is_empty(), "{}\n{}", faults.join(", "), self.log());
        Ok(())
    }

    /// The end of what the agent and Envoy have said.
    fn log(&self) -> String {
        let log = self.pod.log("agent.log");
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

/// Whose pod it is.
#[derive(Clone, Copy)]
struct Identity {
    name: &'static str,
    account: &'static str,
    /// Of its network.
    number: u8,
}

/// The shipped Deployment's.
const PAYMENTS: Identity = Identity { name: "payments-0", account: "default", number: 1 };

/// Has the pod's traffic redirected, as the init container does.
fn redirect(tools: &Tools, pod: &Pod, injected: &Injected) -> Result<()> {
    let container = injected.container("istio-init")?;
    let arguments = container["args"].as_array().context("no arguments")?;
    let iptables = tools.iptables()?;
    let libraries = iptables.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    let mut command = pod.command(tools.istio("pilot-agent")?);
    command.args(arguments.iter().filter_map(Value::as_str));
    command.env("PATH", format!("{}:/usr/bin:/bin", iptables.join("usr/sbin").display()));
    command.env("XTABLES_LIBDIR", libraries.join("xtables")).env("LD_LIBRARY_PATH", libraries);
    run(&mut command).map(drop)
}

/// Starts the agent, and Envoy by it, as the injected container does. It runs as root, by
/// whom its files are; iptables knows it by its group.
fn agent(tools: &Tools, pod: &Pod, injected: &Injected, mesh: &Mesh) -> Result<Child> {
    let write = |path: &str, text: &str| -> Result<()> {
        let path = pod.home().join(path);
        std::fs::create_dir_all(path.parent().context("no folder")?)?;
        Ok(std::fs::write(path, text)?)
    };
    let template = std::fs::read_to_string(tools.istio("envoy_bootstrap.json")?)?;
    write("var/lib/istio/envoy/envoy_bootstrap_tmpl.json", &template)?;
    write("var/run/secrets/istio/root-cert.pem", &mesh.root)?;
    write("var/run/secrets/tokens/istio-token", &format!("shop/{}/{}", pod.account, pod.name))?;
    write("etc/istio/pod/labels", &injected.downward("labels"))?;
    write("etc/istio/pod/annotations", &injected.downward("annotations"))?;
    write("etc/istio/proxy/.keep", "")?;

    let container = injected.container("istio-proxy")?;
    let environment = injected.environment(pod)?;
    let expanded = |argument: &str| {
        let known = environment.iter();
        known.fold(argument.to_owned(), |text, (name, value)| {
            text.replace(&format!("$({name})"), value)
        })
    };
    let mut command = pod.command("setpriv");
    command.args(["--regid", "1337", "--clear-groups"]).arg(tools.istio("pilot-agent")?);
    let arguments = container["args"].as_array().context("no arguments")?;
    command.args(arguments.iter().filter_map(Value::as_str).map(expanded));
    // There is no cloud whose metadata it could ask for.
    command.envs(environment.clone()).env("CLOUD_PLATFORM", "none");
    pod.spawn(&mut command, "agent.log")
}

/// The shipped Deployment; the port by which the application is made to misbehave isn't the
/// sidecar's business.
fn deployment() -> Result<Value> {
    let mut deployment = workload::shipped("istio/deployment.yaml", "Deployment")?;
    let annotations = &mut deployment["spec"]["template"]["metadata"]["annotations"];
    let ports = (PROBES + CONTROL).to_string();
    annotations["traffic.sidecar.istio.io/excludeInboundPorts"] = json!(ports);
    Ok(deployment)
}

/// A mesh of its own with what stands beside the plugin in the shipped files.
async fn mesh(tools: &Tools) -> Result<Mesh> {
    mesh_of(tools, &Root::new()?, NODE, "cluster.local", &[]).await
}

async fn mesh_of(
    tools: &Tools,
    root: &Root,
    address: Ipv4Addr,
    trust_domain: &str,
    others: &[&str],
) -> Result<Mesh> {
    let mesh = Mesh::start(tools, root, address, trust_domain, others).await?;
    let service = workload::shipped("istio/deployment.yaml", "Service")?;
    mesh.istiod.apply(&service.to_string()).await?;
    let way = workload::shipped("istio/sidecar.yaml", "ServiceEntry")?;
    mesh.istiod.apply(&way.to_string()).await?;
    Ok(mesh)
}

/// The registry with what `make image` has packed; and what it says of where that is.
fn registry(tools: &Tools) -> Result<(Registry, Pushed)> {
    let registry = Registry::at(tools.registry()?, "0.0.0.0:5000")?;
    let dist = tools.module()?.parent().context("no folder")?.to_owned();
    let mut push = Command::new(tools.testbed().with_file_name("heartbeat-image"));
    push.arg("push").arg("--images").arg(dist.join("image"));
    let said = run(push.arg("127.0.0.1:5000/heartbeat-filter:0.1.0"))?;
    let digest = |kind: &str| {
        let mut lines = said.lines().filter(|line| line.contains("heartbeat-filter"));
        let line = lines.find(|line| line.starts_with(kind));
        let digest = line.and_then(|line| line.rsplit_once("@sha256:"));
        digest.map(|(_, digest)| digest.trim().to_owned()).with_context(|| said.clone())
    };
    let pushed = Pushed { image: digest("image")?, artifact: digest("artifact")? };
    Ok((registry, pushed))
}

/// The digests of the filter's manifests.
struct Pushed {
    image: String,
    artifact: String,
}

/// The shipped plugin, from the registry there is here.
fn plugin(reference: &str, sha256: Option<&str>) -> Result<Value> {
    let mut plugin = workload::shipped("istio/sidecar.yaml", "WasmPlugin")?;
    plugin["spec"]["url"] = json!(format!("oci://{REGISTRY}/heartbeat-filter{reference}"));
    match sha256 {
        Some(digest) => plugin["spec"]["sha256"] = json!(digest),
        None => drop(plugin["spec"].as_object_mut().map(|spec| spec.remove("sha256"))),
    }
    Ok(plugin)
}
