//! What the file for Istio makes of pods. The Kubernetes API is a stand-in, and so is the
//! proxy: a stock Envoy, which serves the same page at the port that a sidecar's has the name
//! of.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testbed::app::Application;
use testbed::envoy::PluginConfig;
use testbed::prometheus::scraped;
use testbed::tools;

use crate::arrived::Attributes;
use crate::sink::Sink;
use crate::{Test, config, eventually, found, kubernetes};

pub fn trials() -> Vec<Test> {
    vec![("istio::a_pod_is_the_service_that_its_traces_name", || crate::alone(pods()))]
}

/// A pod as an API server shows it, with a sidecar.
fn pod(name: &str, owner: Option<(&str, &str)>, proxy: SocketAddr, metadata: &Value) -> Value {
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "namespace": "shop", "uid": format!("uid-of-{name}"), "resourceVersion": "1" },
        "spec": { "nodeName": "node-1", "containers": [
            { "name": "app", "image": "app", "ports": [{ "name": "http", "containerPort": 8080 }] },
            { "name": "istio-proxy", "image": "proxyv2",
              "ports": [{ "name": "http-envoy-prom", "containerPort": proxy.port(), "protocol": "TCP" }] },
        ] },
        "status": { "phase": "Running", "podIP": proxy.ip(), "podIPs": [{ "ip": proxy.ip() }] },
    });
    for (key, value) in metadata.as_object().into_iter().flatten() {
        pod["metadata"][key] = value.clone();
    }
    if let Some((kind, name)) = owner {
        pod["metadata"]["ownerReferences"] = json!([
            { "apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "u", "controller": true },
        ]);
    }
    pod
}

/// Labels of Envoy's own metrics have other names there; the filter's have the same.
/// <https://github.com/istio/istio/blob/1.27.0/tools/packaging/common/envoy_bootstrap.json>
fn stats_as_in_istio() -> Result<Value> {
    let path = tools::envoy_configs().join("static/envoy.yaml");
    let shipped: Value = serde_saphyr::from_str(&std::fs::read_to_string(path)?)?;
    let filters = shipped["stats_config"]["stats_tags"].as_array().cloned().unwrap_or_default();
    let envoys = [
        json!({ "tag_name": "cluster_name", "regex": r"^cluster\.((.+?)\.)" }),
        json!({ "tag_name": "response_code_class", "regex": r"_rq(_(\dxx))$" }),
    ];
    let tags: Vec<_> = filters.into_iter().chain(envoys).collect();
    Ok(json!({ "stats_config": { "use_all_default_tags": false, "stats_tags": tags } }))
}

async fn pods() -> Result<()> {
    let tools = crate::tools();
    let sink = Sink::start(&tools).await?;
    let application = Application::start(&tools)?;
    let envoy = scraped::envoy(&tools)?
        .application("app", &application.addresses)
        .plugin_config(PluginConfig::Text(scraped::plugin_config()?.to_string()))
        .patch(&stats_as_in_istio()?)
        .start()
        .await?;
    let pods = |name, owner, metadata| pod(name, owner, envoy.admin, metadata);
    let named = json!({ "labels": { "app": "x", "app.kubernetes.io/name": "payments" } });
    let released = json!({ "labels": {
        "app.kubernetes.io/name": "x", "app.kubernetes.io/instance": "payments-eu" } });
    let annotated = json!({
        "labels": { "app.kubernetes.io/name": "x", "app.kubernetes.io/instance": "x" },
        "annotations": {
            "resource.opentelemetry.io/service.name": "ledger",
            "resource.opentelemetry.io/service.instance.id": "ledger-1",
        },
    });
    let of_deployment = Some(("ReplicaSet", "orders-v1-5d9c7b8f4"));
    let api = kubernetes::serve(vec![
        pods("payments-5d9c7b8f4-x2v7k", Some(("ReplicaSet", "payments-v2-5d9c7b8f4")), &named),
        pods("orders-v1-5d9c7b8f4-abcde", of_deployment, &json!({})),
        pods("stock-0", Some(("StatefulSet", "stock")), &json!({})),
        pods("alone", None, &json!({})),
        pods("payments-eu-0", Some(("StatefulSet", "x")), &released),
        pods("books", None, &annotated),
    ])
    .await?;
    let _collector = config::start_in_istio(&tools, api, sink.address).await?;
    let expected = [
        ("payments-5d9c7b8f4-x2v7k", "payments", None),
        ("orders-v1-5d9c7b8f4-abcde", "orders-v1", None),
        ("stock-0", "stock", None),
        ("alone", "alone", None),
        ("payments-eu-0", "payments-eu", None),
        ("books", "ledger", Some("ledger-1")),
    ];
    eventually(async || {
        let points = sink.of("heartbeat_build_info");
        let found: BTreeMap<_, _> =
            points.iter().map(|it| (it.resource.get("k8s.pod.name"), &it.resource)).collect();
        let mut faults = Vec::new();
        for (pod, service, instance) in expected {
            let pod = pod.to_owned();
            match found.get(&Some(&pod)) {
                None => faults.push(format!("nothing of {pod}")),
                Some(resource) => faults.extend(wrong(resource, &pod, service, instance)),
            }
        }
        Ok(faults)
    })
    .await?;
    labels_are_stock_envoys(&sink).await?;
    let resources: std::collections::BTreeSet<_> =
        sink.points().into_iter().map(|point| point.resource).collect();
    ensure!(resources.len() == expected.len(), "{resources:#?}");
    Ok(())
}

async fn labels_are_stock_envoys(sink: &Sink) -> Result<()> {
    let names = [
        ("envoy_cluster_membership_total", &["envoy_cluster_name"][..]),
        ("envoy_cluster_upstream_rq", &["envoy_cluster_name", "envoy_response_code_class"]),
    ];
    for (metric, labels) in names {
        found(metric, || sink.of(metric).pop()).await?;
        for point in sink.of(metric) {
            let keys: Vec<_> = point.attributes.keys().collect();
            ensure!(keys == labels, "{metric}: {:?}", point.attributes);
            let class = point.attributes.get("envoy_response_code_class");
            ensure!(class.is_none_or(|class| class.len() == 1), "{metric}: {class:?}");
        }
    }
    Ok(())
}

fn wrong(
    resource: &Attributes,
    pod: &str,
    service: &str,
    instance: Option<&str>,
) -> Option<String> {
    let (uid, container) = (format!("uid-of-{pod}"), format!("shop.{pod}.istio-proxy"));
    let mut expected = BTreeMap::from([
        ("service.name", service),
        ("service.namespace", "shop"),
        ("service.instance.id", instance.unwrap_or(&container)),
        ("k8s.namespace.name", "shop"),
        ("k8s.pod.name", pod),
        ("k8s.pod.uid", &uid),
        ("k8s.container.name", "istio-proxy"),
        ("k8s.node.name", "node-1"),
        ("url.scheme", "http"),
    ]);
    // Whatever owns the pod.
    let owners = ["k8s.replicaset.name", "k8s.statefulset.name"];
    for owner in owners {
        if let Some(name) = resource.get(owner) {
            expected.insert(owner, name);
        }
    }
    let found: BTreeMap<_, _> = resource.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    (found != expected).then(|| format!("{found:#?}\ninstead of\n{expected:#?}"))
}
