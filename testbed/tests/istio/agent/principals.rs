//! Mutual TLS as Istio makes it, between two meshes that trust each other.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testbed::client::http::Request;
use testbed::tools::Tools;

use super::mesh::Root;
use super::{Identity, PAYMENTS, PROBES, Workload, deployment, mesh_of, plugin, registry};
use crate::network::{NODE, NODE_TOO};
use crate::workload;

/// The address of the application's Service; nobody has it.
const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);

/// `allow.principals` knows who asks by the certificate that istiod has signed, in either
/// trust domain; where mutual TLS is STRICT, the probes' port takes plain HTTP, and no other.
pub async fn two_trust_domains(tools: &Tools) -> Result<()> {
    let (_registry, pushed) = registry(tools)?;
    let root = Root::new()?;
    let east = mesh_of(tools, &root, NODE, "cluster.local", &["west.example"]).await?;
    let [west, north] = NODE_TOO;
    let west = mesh_of(tools, &root, west, "west.example", &["cluster.local"]).await?;
    let north = mesh_of(tools, &root, north, "north.example", &["cluster.local"]).await?;
    let mut plugin = plugin(":0.1.0", Some(&pushed.image))?;
    plugin["spec"]["pluginConfig"]["probes"] = json!([
        { "name": "liveness", "match": { "path": "/livez" } },
        { "name": "private", "match": { "path": "/private" }, "action": "respond",
          "allow": { "principals": [
              "spiffe://cluster.local/ns/shop/sa/prober", "spiffe://west.example/ns/shop/*",
              "spiffe://north.example/ns/shop/*",
          ] } },
    ]);
    east.istiod.apply(&plugin.to_string()).await?;
    let strict = workload::shipped("istio/peer-authentication.yaml", "PeerAuthentication")?;
    east.istiod.apply(&strict.to_string()).await?;
    let payments = Workload::start(tools, &east, &deployment()?, PAYMENTS).await?;
    let _orders = payments.pod.application(tools, 8080)?;
    for mesh in [&east, &west, &north] {
        mesh.istiod.apply(&payments.pod.resource(payments.injected.template())).await?;
        mesh.istiod.apply(&service(payments.pod.address)).await?;
    }

    // Kubelet has no certificate, whatever it says of itself.
    payments.answers("/livez", 200).await?;
    payments.answers("/private", 404).await?;
    let claim = "URI=spiffe://cluster.local/ns/shop/sa/prober";
    let claiming = Request::new("GET", "/private").header("x-forwarded-client-cert", claim);
    ensure!(payments.ask(PROBES, claiming).await?.status == 404, "a header was believed");
    let plain = payments.ask(8080, Request::new("GET", "/orders/1")).await;
    ensure!(plain.is_err(), "STRICT takes plain HTTP: {plain:?}");

    for (mesh, account, number, [private, orders]) in [
        (&east, "prober", 2, [200, 200]),
        (&east, "other", 3, [404, 200]),
        (&west, "prober", 4, [200, 200]),
        // The same authority is behind it, but nobody here trusts that domain.
        (&north, "prober", 5, [503, 503]),
    ] {
        let identity = Identity { name: "client", account, number };
        let client = Workload::start(tools, mesh, &client(account)?, identity).await?;
        let of = format!("spiffe://{}/ns/shop/sa/{account}", mesh.trust_domain);
        let answer = ask(&client, PROBES, "/private").await?;
        ensure!(answer.0 == private, "{of} gets {answer:?}\n{}", client.log());
        let answer = ask(&client, 80, "/orders/1").await?;
        ensure!(answer.0 == orders, "{of} gets {answer:?} by mutual TLS\n{}", client.log());
        client.took_all().await?;
    }
    payments.took_all().await
}

/// What an application in a pod gets when it asks another.
async fn ask(client: &Workload, port: u16, path: &str) -> Result<(u16, String)> {
    let host = format!("payments.shop.svc.cluster.local:{port}");
    let request = Request::new("GET", path).header("host", &host);
    let answer = client.pod.fetch((SERVICE, port).into(), request).await?;
    Ok((answer.status, answer.text()))
}

/// A Deployment of those who ask.
fn client(account: &str) -> Result<Value> {
    let mut deployment = deployment()?;
    deployment["metadata"]["name"] = json!("client");
    let labels = json!({ "app": "client", "sidecar.istio.io/inject": "true" });
    deployment["spec"]["selector"] = json!({ "matchLabels": { "app": "client" } });
    deployment["spec"]["template"]["metadata"]["labels"] = labels;
    deployment["spec"]["template"]["spec"]["serviceAccountName"] = json!(account);
    Ok(deployment)
}

/// The shipped Service, with an address of its own, and where it leads.
fn service(to: Ipv4Addr) -> String {
    let mut service = workload::shipped("istio/deployment.yaml", "Service").unwrap_or_default();
    service["spec"]["clusterIP"] = json!(SERVICE.to_string());
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": { "name": "payments-1", "namespace": "shop",
            "labels": { "kubernetes.io/service-name": "payments" } },
        "addressType": "IPv4",
        "endpoints": [{ "addresses": [to.to_string()], "conditions": { "ready": true },
            "targetRef": { "kind": "Pod", "name": "payments-0", "namespace": "shop" } }],
        "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" },
            { "name": "http-health", "port": PROBES, "protocol": "TCP" }],
    });
    format!("{service}\n---\n{slice}")
}
