//! Who may say what, and who may ask.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use testbed::client::connection::KeepAlive;
use testbed::client::http::{self, Request, Version};
use testbed::client::peer::Peer;
use testbed::client::tls::Identity;
use testbed::mesh::{self, Hub, Instances, Source, discovery, event, health_of};

use crate::stack::{assigned, assignment, config, is_well, lone_hub};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("credentials::a_source_cannot_speak_for_another", for_another),
        trial("credentials::who_may_read_may_not_post_and_the_other_way_round", readers),
        trial("credentials::a_certificate_says_which_source_posts", certificates),
        trial("credentials::nobody_routes_traffic_where_it_is_not_allowed", addresses),
    ]
}

async fn for_another() -> Result<()> {
    let instances = Instances::start().await?;
    let instance = instances.address(1);
    let hub = lone_hub(&[instance], &json!({}), |builder| builder).await?;
    let mut source = Source::new(1, hub.people);
    let mut forged = event(instance, "fail");
    forged["source"] = json!("b");
    let answer = source.post(&forged).await?;
    ensure!(answer.status == 403, "{} {}", answer.status, answer.text());
    forged["source"] = json!("a");
    let answer = source.post(&forged).await?;
    ensure!(answer.status == 202, "{} {}", answer.status, answer.text());
    assigned(&hub, instance, "UNHEALTHY").await?;
    is_well(&hub).await
}

async fn readers() -> Result<()> {
    let instances = Instances::start().await?;
    let instance = instances.address(1);
    let hub = lone_hub(&[instance], &json!({}), |builder| builder).await?;
    let as_reader = Request::new("POST", "/mesh/v1/health/events")
        .header("content-type", "application/json")
        .body(event(instance, "fail").to_string());
    let answer = http::fetch(hub.people, &as_reader).await?;
    ensure!(answer.status == 403, "a reader posts: {} {}", answer.status, answer.text());
    let from = Some(Source::address(1));
    let poster = Peer { address: hub.people, from, tls: None };
    let requests = ["", "/payments", "/subscribe?wait=1s"]
        .map(|path| Request::new("GET", &format!("/mesh/v1/health{path}")));
    let topology = Request::new("GET", "/mesh/v1/topology");
    for request in requests.iter().chain([&topology, &discovery("x", "payments", None)]) {
        let answer = http::fetch_as(Version::Http1, poster.clone(), request).await?;
        ensure!(answer.status == 403, "a source's {request}: {} {}", answer.status, answer.text());
    }
    let stranger = Source::new(99, hub.people).post(&event(instance, "fail")).await?;
    ensure!(stranger.status == 403, "a stranger posts: {}", stranger.status);
    let answer = assignment(&hub, "onlooker", None).await?;
    ensure!(health_of(&answer, &instance.to_string()).as_deref() == Some(""), "{}", answer.text());
    is_well(&hub).await
}

async fn certificates() -> Result<()> {
    let (tools, authority) = (crate::tools(), mesh::authority()?);
    let instances = Instances::start().await?;
    let instance = instances.address(1);
    let allow = json!({ "principals": ["spiffe://east/ns/mesh/*"] });
    let sources = json!([{ "name": "istio", "allow": allow, "trust": 0.9, "stale": "60s" }]);
    let config = config(&[instance], &json!({ "sources": null }));
    let mut config = config;
    config["sources"] = sources;
    let hub = Hub::start(mesh::envoy_of_hub(&tools, &authority, &config)?).await?;
    let post = Request::new("POST", "/mesh/v1/health/events")
        .header("content-type", "application/json")
        .body(event(instance, "fail").to_string());
    for (uri, expected) in [
        ("spiffe://east/ns/shop/sa/x", 403),
        ("spiffe://west/ns/mesh/sa/x", 403),
        ("spiffe://east/ns/mesh/sa/x", 202),
    ] {
        let tls = Some(authority.client(&Identity::Uri(uri.into()))?);
        for version in [Version::Http1, Version::Http2] {
            let peer = Peer { address: hub.mesh, from: None, tls: tls.clone() };
            let answer = KeepAlive::new(version, peer).send(&post).await?;
            ensure!(answer.status == expected, "{uri}: {} {}", answer.status, answer.text());
        }
    }
    let tls = Some(authority.client(&Identity::Anonymous)?);
    let peer = Peer { address: hub.mesh, from: None, tls };
    let answer = KeepAlive::new(Version::Http1, peer).send(&post).await;
    ensure!(answer.is_err(), "without a certificate: {answer:?}");
    assigned(&hub, instance, "UNHEALTHY").await?;
    is_well(&hub).await
}

async fn addresses() -> Result<()> {
    let instances = Instances::start().await?;
    let allowed = instances.address(1);
    let learn = json!([{ "addresses": ["127.128.0.0/24", "10.0.0.0/8"], "max": 100 }]);
    let service = json!({ "name": "payments", "members": null, "learn": learn });
    let hub = lone_hub(&[], &json!({ "services": [service] }), |builder| builder).await?;
    let mut source = Source::new(1, hub.people);
    source.says(allowed, "pass").await?;
    assigned(&hub, allowed, "").await?;
    let wrong = [
        "127.0.0.1:9901",
        "169.254.169.254:80",
        "192.0.2.1:80",
        "[::1]:80",
        "0.0.0.0:80",
        "[::ffff:169.254.169.254]:80",
        "127.128.1.1:80",
        "localhost:80",
        "10.0.0.1",
    ];
    for address in wrong {
        let mut by_id = event(allowed, "pass");
        by_id["instance_id"] = json!(address);
        let mut by_address = event(allowed, "pass");
        by_address["instance_id"] = json!("somebody");
        by_address["address"] = json!(address);
        for event in [by_id, by_address] {
            let answer = source.post(&event).await?;
            let says: Value = serde_json::from_slice(&answer.body)?;
            ensure!(
                answer.status == 202 && says["accepted"] == 0,
                "{address}: {} {}",
                answer.status,
                answer.text()
            );
        }
    }
    let answer = assignment(&hub, "onlooker", None).await?;
    let known = answer.text().matches("socket_address").count();
    ensure!(known == 1, "{known} instances: {}", answer.text());
    is_well(&hub).await
}
