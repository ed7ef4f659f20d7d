//! Scenarios of the shipped resources, as they are run elsewhere in an Envoy with a static
//! configuration, in one that istiod configures.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::app::Addresses;
use testbed::envoy::{Envoy, PluginConfig};
use testbed::scenario::{self, Scenario};
use testbed::tools::{self, Tools};

use crate::gateway;
use crate::istiod::{self, Istiod};
use crate::proxy::{Proxy, Role};
use crate::sidecar::{Form, LISTENER};
use crate::workload;

/// A scenario, and what it is about.
pub struct Case {
    /// The file in testbed/scenarios.
    file: &'static str,
    /// The scenario's name.
    pub name: &'static str,
    role: Role,
    /// In envoy-config/istio: what is applied; a file without a plugin beside that of the
    /// sidecar.
    resource: &'static str,
}

/// Every one.
pub const ALL: [Case; 5] = [
    Case {
        file: "istio/shipped.yaml",
        name: "the_sidecar_answers_probes_and_lets_traffic_pass",
        role: Role::Sidecar,
        resource: "telemetry.yaml",
    },
    Case {
        file: "istio/shipped.yaml",
        name: "the_gateway_answers_the_load_balancer_from_what_it_knows",
        role: Role::Gateway,
        resource: "gateway.yaml",
    },
    Case {
        file: "shipped.yaml",
        name: "the_telemetry_for_istio_keeps_probes_out_of_the_log",
        role: Role::Sidecar,
        resource: "telemetry.yaml",
    },
    Case {
        file: "shipped.yaml",
        name: "the_envoyfilter_for_istio_answers_before_the_authorizer",
        role: Role::Sidecar,
        resource: "before-ext-authz.yaml",
    },
    Case {
        file: "grpc_replies.yaml",
        name: "the_envoyfilter_for_istio_brings_a_responder",
        role: Role::Sidecar,
        resource: "grpc-responder.yaml",
    },
];

impl Case {
    /// Runs it.
    pub async fn run(&self, tools: &Tools) -> Result<()> {
        let path = tools::scenarios().join(self.file);
        let all = scenario::read(&std::fs::read_to_string(&path)?)?;
        let found = all.into_iter().find(|it| it.name == self.name);
        let scenario = found.with_context(|| format!("no {} in {}", self.name, path.display()))?;
        // The istiod must live as long as the scenario.
        let istiod = Istiod::start(tools).await?;
        scenario::run_in(&scenario, tools, async |applications| {
            let application = applications.get("app").context("no application")?;
            if let Some(authorizer) = applications.get("dependency") {
                istiod.apply(&authorized(authorizer.http)).await?;
            }
            match self.role {
                Role::Gateway => self.gateway(tools, &istiod, application).await,
                Role::Sidecar => self.sidecar(tools, &istiod, &scenario, application).await,
            }
        })
        .await
    }

    async fn gateway(
        &self,
        tools: &Tools,
        istiod: &Istiod,
        application: &Addresses,
    ) -> Result<Envoy> {
        let address = SocketAddr::from(([127, 0, 0, 3], istiod::free()?.port()));
        istiod.apply(&gateway::route(address, application.http)).await?;
        istiod.apply(&self.shipped(tools, application)?).await?;
        ready(Proxy::start(tools, istiod, Role::Gateway, address).await?).await
    }

    async fn sidecar(
        &self,
        tools: &Tools,
        istiod: &Istiod,
        scenario: &Scenario,
        application: &Addresses,
    ) -> Result<Envoy> {
        istiod.apply(&workload::inbound(&LISTENER.ip().to_string(), application.http)?).await?;
        istiod.apply(&workload::grpc_port(application.grpc)).await?;
        let resource = self.shipped(tools, application)?;
        // It has the filter in it.
        if !resource.contains("shop.heartbeat-first") {
            let mut plugin = Form::WasmPlugin.shipped(tools)?;
            if let PluginConfig::Text(text) = scenario.plugin_config() {
                // The way that the shipped plugin has to the application.
                let way = r#""cluster":"outbound|8086||payments.heartbeat.internal""#;
                let text = text.replace(r#""cluster":"app""#, way);
                *Form::WasmPlugin.config(&mut plugin) = serde_json::from_str(&text)?;
            }
            istiod.apply(&plugin.to_string()).await?;
        }
        istiod.apply(&resource).await?;
        ready(Proxy::start(tools, istiod, Role::Sidecar, LISTENER).await?).await
    }

    fn shipped(&self, tools: &Tools, application: &Addresses) -> Result<String> {
        let file = format!("istio/{}", self.resource);
        workload::all(&file, application.http, tools.module()?)
    }
}

/// The proxy's Envoy, once it has all that it is to have.
async fn ready(proxy: Proxy) -> Result<Envoy> {
    proxy.opens().await?;
    proxy.took_all().await?;
    let Proxy { mut envoy, address } = proxy;
    envoy.http = address;
    Ok(envoy)
}

/// Somebody who is asked whether a request may pass.
fn authorized(authorizer: SocketAddr) -> String {
    let policy: Value = json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": { "name": "asked", "namespace": "shop" },
        "spec": { "action": "CUSTOM", "provider": { "name": "authorizer" }, "rules": [{}] },
    });
    format!("{}\n---\n{policy}\n", workload::service("authorizer", 15300, authorizer))
}
