//! What an MQTT broker carries reaches the hub, whatever becomes of the broker, of the hub
//! and of the devices.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::json;
use testbed::client::tls::Authority;
use testbed::mesh::{self, Bridge, Broker, Device, Hub, Place, Source};

use crate::polls::instance;
use crate::stack::{config, eventually, judged, lone_hub};
use crate::trial;

/// A broker or a hub that comes back is found again within this.
pub const BACK: Duration = Duration::from_secs(15);

pub fn trials() -> Vec<Trial> {
    let tools = crate::tools();
    let missing = tools.mosquitto("mosquitto").is_err();
    if missing {
        eprintln!("skipped: no mosquitto (scripts/mosquitto.sh): bridges::*");
    }
    let trials = [
        trial("bridges::a_device_that_vanishes_is_dead_by_its_last_will", last_will),
        trial("bridges::a_broker_that_is_gone_for_a_while_is_found_again", broker_gone),
        trial("bridges::what_is_said_while_the_hub_is_gone_is_posted_after", hub_gone),
        trial("bridges::garbage_is_left_out_and_harms_nobody", garbage),
        trial("bridges::nobody_speaks_for_another_where_topics_say_who_it_is", topics),
        trial("bridges::what_was_retained_is_taken_where_that_is_wanted", retained),
        trial("bridges::it_shows_its_certificate_to_the_broker_and_the_hub", certificates),
        trial("bridges::what_it_holds_is_posted_before_it_ends", ends),
    ];
    let body = trial("bridges::the_hub_takes_the_body_of_the_rule_for_emqx", emqx);
    trials.into_iter().map(|it| it.with_ignored_flag(missing)).chain([body]).collect()
}

/// A hub that a bridge from 127.0.0.1 speaks to as `edge`, of one instance.
struct Stage {
    broker: Broker,
    hub: Hub,
}

impl Stage {
    async fn start() -> Result<Self> {
        let allow = json!({ "cidrs": ["127.0.0.1/32"], "address": "trusted" });
        let sources = json!([{ "name": "edge", "allow": allow, "trust": 0.9, "stale": "60s" }]);
        let config = config(&[instance()], &json!({ "sources": sources }));
        Ok(Self {
            broker: Broker::start(&crate::tools())?,
            hub: lone_hub(&[instance()], &config, |builder| builder).await?,
        })
    }

    async fn bridge(&self, more: &[&str]) -> Result<Bridge> {
        let port = self.broker.address.port().to_string();
        let hub = format!("http://{}", self.hub.people);
        let fixed = ["--broker", "127.0.0.1", "--broker-port", &port, "--topic", "health/+"];
        let own = ["--instance-from-topic", "--hub", &hub];
        let bridge = Bridge::start(&crate::tools(), &[&fixed[..], &own, more].concat())?;
        logs(&bridge, "subscribed to health/+").await?;
        Ok(bridge)
    }

    fn says(&self, status: &str) -> Result<()> {
        self.broker.publish(&topic(), &json!({ "status": status }).to_string(), false)
    }
}

/// A broker and a hub that want certificates, and a bridge that has one.
struct Certified {
    authority: Authority,
    broker: Broker,
}

impl Certified {
    fn new() -> Result<Self> {
        let authority = mesh::authority()?;
        authority.certify("edge", &["spiffe://edge/bridge"])?;
        // The bridge asks for the hub by a name that it can look up.
        authority.certify("hub", &["localhost"])?;
        let broker = Broker::over_tls(&crate::tools(), &authority, "edge")?;
        Ok(Self { authority, broker })
    }

    async fn hub_at(&self, place: Place) -> Result<Hub> {
        let allow = json!({ "principals": ["spiffe://edge/*"] });
        let sources = json!([{ "name": "edge", "allow": allow, "stale": "60s" }]);
        let config = config(&[instance()], &json!({ "sources": sources }));
        let builder = mesh::envoy_of_hub(&crate::tools(), &self.authority, &config)?;
        Hub::start_at(builder, place).await
    }

    async fn bridge(&self, hub: Place) -> Result<Bridge> {
        let file = |name: &str| self.authority.path(name).display().to_string();
        let (ca, cert, key) = (file("ca"), file("edge.cert"), file("edge.key"));
        let port = self.broker.address.port().to_string();
        let url = format!("https://localhost:{}", hub.mesh().port());
        let to_broker = ["--broker", "localhost", "--broker-port", &port, "--broker-tls"];
        let its = ["--broker-ca", &ca, "--broker-cert", &cert, "--broker-key", &key];
        let messages = ["--topic", "health/+", "--instance-from-topic"];
        let to_hub = ["--hub", &url, "--hub-ca", &ca, "--hub-cert", &cert, "--hub-key", &key];
        let all = [&to_broker[..], &its, &messages, &to_hub].concat();
        let bridge = Bridge::start(&crate::tools(), &all)?;
        logs(&bridge, "subscribed to health/+").await?;
        Ok(bridge)
    }

    fn says(&self, status: &str) -> Result<()> {
        self.broker.publish(&topic(), &json!({ "status": status }).to_string(), false)
    }
}

fn topic() -> String {
    format!("health/{}", instance())
}

pub async fn logs(bridge: &Bridge, line: &str) -> Result<()> {
    let said = eventually(BACK, async || {
        let log = bridge.log()?;
        ensure!(log.contains(line), "the bridge doesn't say {line:?}:\n{log}");
        Ok(())
    });
    said.await.map(drop)
}

async fn last_will() -> Result<()> {
    let stage = Stage::start().await?;
    let _bridge = stage.bridge(&[]).await?;
    let device = Device::connect(&stage.broker, &topic(), r#"{"status":"fail"}"#)?;
    stage.says("pass")?;
    judged(&stage.hub, instance(), "alive").await?;
    // The will was written before that word, and is news all the same.
    device.vanish()?;
    judged(&stage.hub, instance(), "dead").await?;
    let leaving = Device::connect(&stage.broker, &topic(), r#"{"status":"draining"}"#)?;
    stage.says("pass")?;
    judged(&stage.hub, instance(), "degraded").await?;
    leaving.vanish()?;
    judged(&stage.hub, instance(), "draining").await
}

async fn broker_gone() -> Result<()> {
    let mut stage = Stage::start().await?;
    let bridge = stage.bridge(&[]).await?;
    stage.says("pass")?;
    judged(&stage.hub, instance(), "alive").await?;
    stage.broker.kill()?;
    logs(&bridge, "connection lost").await?;
    stage.broker.restart()?;
    // It has subscribed anew.
    let subscribed = eventually(BACK, async || {
        ensure!(stage.broker.is_subscribed("health/+")?, "{}", bridge.log()?);
        Ok(())
    });
    subscribed.await?;
    stage.says("fail")?;
    judged(&stage.hub, instance(), "dead").await
}

async fn hub_gone() -> Result<()> {
    let (stage, place) = (Certified::new()?, Place::choose()?);
    let hub = stage.hub_at(place).await?;
    let bridge = stage.bridge(place).await?;
    stage.says("pass")?;
    judged(&hub, instance(), "alive").await?;
    drop(hub);
    stage.says("pass")?;
    logs(&bridge, "Error: ").await?;
    stage.says("fail")?;
    let back = stage.hub_at(place).await?;
    let heard = eventually(BACK, async || {
        let answer = back.get(&format!("/mesh/v1/health/payments/{}", instance())).await?;
        ensure!(answer.text().contains("\"dead\""), "{}\n{}", answer.text(), bridge.log()?);
        Ok(())
    });
    heard.await.map(drop)
}

async fn garbage() -> Result<()> {
    let stage = Stage::start().await?;
    let bridge = stage.bridge(&["--report", "1"]).await?;
    let deep = "[".repeat(8000);
    let long = format!(r#"{{"status":"pass","x":"{}"}}"#, "y".repeat(9000));
    let bad = ["", "no json", "[]", "17", "null", "{", r#"{"status":NaN}"#, &deep, &long];
    for payload in bad {
        stage.broker.publish(&topic(), payload, false)?;
    }
    stage.broker.publish("health/of an odd name", r#"{"status":"pass"}"#, false)?;
    stage.broker.publish(&topic(), r#"{"status":"sideways"}"#, false)?;
    stage.broker.publish(&topic(), r#"{"status":"pass","latency_p95_ms":1e999}"#, false)?;
    stage.says("fail")?;
    judged(&stage.hub, instance(), "dead").await?;
    logs(&bridge, "no JSON").await?;
    logs(&bridge, " refused").await?;
    let log = bridge.log()?;
    ensure!(!log.contains("Traceback"), "{log}");
    crate::stack::is_well(&stage.hub).await
}

async fn topics() -> Result<()> {
    let stage = Stage::start().await?;
    let bridge = stage.bridge(&[]).await?;
    stage.says("pass")?;
    judged(&stage.hub, instance(), "alive").await?;
    let lie = json!({ "instance_id": instance().to_string(), "status": "fail" }).to_string();
    stage.broker.publish("health/10.0.0.1:1", &lie, false)?;
    logs(&bridge, "on the topic of another").await?;
    judged(&stage.hub, instance(), "alive").await
}

async fn retained() -> Result<()> {
    let stage = Stage::start().await?;
    stage.broker.publish(&topic(), r#"{"status":"fail"}"#, true)?;
    let mut bridge = stage.bridge(&["--report", "1"]).await?;
    logs(&bridge, "1 retained").await?;
    judged(&stage.hub, instance(), "unknown").await?;
    bridge.stop(BACK)?;
    let _bridge = stage.bridge(&["--retained", "take"]).await?;
    judged(&stage.hub, instance(), "dead").await
}

async fn certificates() -> Result<()> {
    let (stage, place) = (Certified::new()?, Place::choose()?);
    let hub = stage.hub_at(place).await?;
    let _bridge = stage.bridge(place).await?;
    stage.says("fail")?;
    judged(&hub, instance(), "dead").await
}

async fn ends() -> Result<()> {
    let stage = Stage::start().await?;
    let mut bridge = stage.bridge(&["--linger", "60"]).await?;
    stage.says("fail")?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    judged(&stage.hub, instance(), "unknown").await?;
    let status = bridge.stop(Duration::from_secs(10))?;
    ensure!(status.success(), "{status}: {}", bridge.log()?);
    judged(&stage.hub, instance(), "dead").await
}

async fn emqx() -> Result<()> {
    let path = testbed::tools::envoy_configs().join("mesh/bridges/emqx.conf");
    let rule = std::fs::read_to_string(path)?;
    let body = rule.lines().find_map(|line| line.trim().strip_prefix("body = "));
    // A string of HOCON is one of JSON.
    let body: String = serde_json::from_str(body.context("the action has no body")?)?;
    let filled = [
        ("${instance}", instance().to_string()),
        ("${at}", "1753000000000000001".into()),
        ("${status}", "fail".into()),
    ];
    let body = filled.iter().fold(body, |body, (name, value)| body.replace(name, value));
    let hub = lone_hub(&[instance()], &json!({}), |builder| builder).await?;
    let answer = Source::new(1, hub.people).post(&serde_json::from_str(&body)?).await?;
    ensure!(answer.text() == r#"{"accepted":1,"refused":[]}"#, "{}", answer.text());
    judged(&hub, instance(), "dead").await
}
