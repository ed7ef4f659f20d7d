//! All that a test needs: an application, a registry with the image, and Envoy Gateway
//! before both.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use testbed::app::Application;
use testbed::client::http::{self, Request, Response};
use testbed::registry::Registry;
use testbed::tools::Tools;

use crate::control::EnvoyGateway;
use crate::image::{self, Form, Place};
use crate::routes;

/// Where the gateway listens: base.yaml says so.
const LISTENER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8888);

/// How soon a change must be at work; the first time the module is fetched and compiled.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A new connection comes to any worker: so many in a row of one mind speak for all.
const CONNECTIONS: usize = 12;

/// An Envoy Gateway, its Envoy, and what is around them.
pub struct Bed {
    pub application: Application,
    pub registry: Registry,
    /// The image in the registry.
    pub image: Place,
    pub gateway: EnvoyGateway,
}

impl Bed {
    /// One whose Envoy Gateway hasn't been started yet.
    pub fn prepare(tools: &Tools, form: Form, proxy: &Value) -> Result<Self> {
        let application = Application::start(tools)?;
        let registry = Registry::open(tools.registry()?)?;
        let image = image::push(tools, &registry, form)?;
        let gateway = EnvoyGateway::prepare(tools, proxy)?;
        let address = application.addresses.http;
        let backend = json!({
            "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "Backend",
            "metadata": { "name": "payments", "namespace": "shop" },
            "spec": { "endpoints": [{ "ip": { "address": address.ip(), "port": address.port() } }] },
        });
        gateway.apply("backend", &backend.to_string())?;
        gateway.apply("everything", &routes::everything())?;
        Ok(Self { application, registry, image, gateway })
    }

    /// One that runs, without a policy.
    pub async fn start(tools: &Tools) -> Result<Self> {
        let mut bed = Self::prepare(tools, Form::Image, &json!({}))?;
        bed.gateway.start().await?;
        bed.answers("/orders/1", 200).await?;
        Ok(bed)
    }

    /// Sends a request on a connection of its own.
    pub async fn send(&self, request: &Request) -> Result<Response> {
        http::fetch(LISTENER, request).await
    }

    /// Sends a GET.
    pub async fn get(&self, path: &str) -> Result<Response> {
        self.send(&Request::new("GET", path)).await
    }

    /// Waits until a path is answered with a status, by all workers.
    pub async fn answers(&self, path: &str, status: u16) -> Result<()> {
        self.answers_to(&Request::new("GET", path), status).await
    }

    /// The same of a probe with `x-forwarded-for`.
    pub async fn answers_those_from(&self, addresses: &str, status: u16) -> Result<()> {
        let probe = Request::new("GET", "/lb-health").header("x-forwarded-for", addresses);
        self.answers_to(&probe, status).await
    }

    async fn answers_to(&self, request: &Request, status: u16) -> Result<()> {
        let start = Instant::now();
        let (mut last, mut row) = (String::new(), 0);
        while row < CONNECTIONS {
            match self.send(request).await {
                Ok(answer) if answer.status == status => row += 1,
                Ok(answer) => (last, row) = (format!("{} {}", answer.status, answer.text()), 0),
                Err(error) => (last, row) = (format!("{error:#}"), 0),
            }
            if start.elapsed() > TIMEOUT {
                let log = self.gateway.log()?;
                bail!("{request}: no {status} within {TIMEOUT:?}, but {last}\n{log}");
            }
            if row == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    /// A path is answered with that status for some time, by all workers.
    pub async fn goes_on_answering(&self, path: &str, status: u16) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            let answer = self.get(path).await?;
            ensure!(answer.status == status, "{path}: {} {}", answer.status, answer.text());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Waits until the log of Envoy Gateway or of Envoy has a text so often.
    pub async fn logs(&self, text: &str, times: usize) -> Result<()> {
        let start = Instant::now();
        loop {
            let log = self.gateway.log()?;
            if log.matches(text).count() >= times {
                return Ok(());
            }
            ensure!(start.elapsed() < TIMEOUT, "{text:?} isn't {times} times in:\n{log}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What Envoy's admin interface answers.
    pub async fn admin(&self, path: &str) -> Result<String> {
        let answer = http::fetch(self.gateway.admin()?, &Request::new("GET", path)).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.text());
        Ok(answer.text())
    }

    /// The names of the HTTP filters of the gateway's listener, in order.
    pub async fn filters(&self) -> Result<Vec<String>> {
        let dump = self.admin("/config_dump?resource=dynamic_listeners").await?;
        let dump: Value = serde_json::from_str(&dump).context("odd dump")?;
        let all = dump["configs"].as_array().into_iter().flatten();
        let mut ours = all.map(|it| &it["active_state"]["listener"]);
        let listener = ours.find(|it| it["name"] == "shop/public/http").context("no listener")?;
        let filters = listener["default_filter_chain"]["filters"]
            .as_array()
            .into_iter()
            .flatten()
            .find_map(|it| it["typed_config"]["http_filters"].as_array());
        let names = filters.context("no HTTP filters")?.iter().map(|it| it["name"].as_str());
        Ok(names.flatten().map(str::to_owned).collect())
    }

    /// Nothing that Envoy Gateway has sent was refused.
    pub async fn took_all(&self) -> Result<()> {
        let refused = self.admin("/stats?filter=update_rejected").await?;
        let faults: Vec<_> = refused.lines().filter(|line| !line.ends_with(": 0")).collect();
        ensure!(faults.is_empty(), "{}\n{}", faults.join(", "), self.gateway.log()?);
        Ok(())
    }
}
