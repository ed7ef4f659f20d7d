//! Those who are told when verdicts change, and targets that don't take it well.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use rustix::process::Signal;
use serde_json::{Value, json};
use testbed::mesh::{self, Hub, Receiver, Source, event};
use testbed::tools;

use crate::ownership::updated;
use crate::stack::{SOON, assigned, config, eventually, is_well, judged, nowhere};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("webhooks::a_change_is_told_signed_and_verified", told),
        trial("webhooks::a_target_that_hangs_holds_up_nobody_and_learns_what_it_missed", hangs),
        trial("webhooks::what_a_target_answers_is_heeded", answers),
        trial("webhooks::a_target_that_refuses_connections_gets_all_once_it_listens", refuses),
        trial("webhooks::changes_come_in_their_order_however_a_target_answers", order),
        trial("webhooks::another_configuration_goes_on_with_what_was_not_told", taken_over),
        trial("webhooks::slack_and_pulsar_get_what_they_document", formats),
        trial(
            "webhooks::targets_that_hang_or_are_slow_for_long_cost_bounded_memory_and_delay_nobody",
            memory,
        ),
        trial("webhooks::the_lines_of_the_page_verify_a_signature", page),
        trial("webhooks::a_variable_that_is_not_there_is_named_at_load", no_variable),
    ]
}

/// More than one word takes to arrive on a busy machine.
const LATER: Duration = Duration::from_secs(10);
const KEY: &str = "a key that nobody knows";

fn member(number: u8) -> SocketAddr {
    SocketAddr::from(([127, 128, 1, number], 80))
}

/// A webhook called like its cluster; `more` changes it.
fn webhook(name: &str, more: &Value) -> Value {
    let mut webhook = json!({ "name": name, "cluster": name, "path": "/hook", "timeout": "500ms",
                              "backoff": "100ms", "sign_with": "HOOK_KEY",
                              "headers": { "authorization": "Bearer ${HOOK_TOKEN}" } });
    testbed::envoy::merge::merge(&mut webhook, more);
    webhook
}

fn config_of(webhooks: &[Value], members: u8) -> Value {
    let members: Vec<_> = (1..=members).map(member).collect();
    config(&members, &json!({ "webhooks": webhooks }))
}

/// A hub with so many members and these webhooks, whose clusters lead to these addresses.
async fn hub(webhooks: &[Value], targets: &[(&str, SocketAddr)], members: u8) -> Result<Hub> {
    let authority = mesh::authority()?;
    let config = config_of(webhooks, members);
    let builder = mesh::envoy_of_hub(&crate::tools(), &authority, &config)?
        .listeners_in_file(true)
        .drain_time(Duration::from_secs(1));
    let variables = json!({ "HOOK_KEY": KEY, "HOOK_TOKEN": "t" });
    let mut builder = mesh::with_variables(builder, &variables);
    for (name, address) in targets {
        let address = json!({ "address": address.ip(), "port_value": address.port() });
        builder = builder.patch(&json!({ "static_resources": { "clusters": [{
            "name": name, "connect_timeout": "0.5s",
            "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [{
                "endpoint": { "address": { "socket_address": address } } }] }] } }] } }));
    }
    Hub::start(builder).await
}

/// Has an instance be alive and draining by turns, `times` times.
async fn flip(hub: &Hub, instance: SocketAddr, times: usize) -> Result<()> {
    let mut source = Source::new(1, hub.people);
    for number in 0..times {
        source.says(instance, if number.is_multiple_of(2) { "draining" } else { "pass" }).await?;
    }
    Ok(())
}

async fn has_taken(receiver: &Receiver, count: usize) -> Result<Vec<Value>> {
    let taken = eventually(LATER, async || {
        let changes = receiver.changes();
        ensure!(changes.len() >= count, "{} of {count}: {changes:?}", changes.len());
        Ok(())
    });
    taken.await?;
    Ok(receiver.changes())
}

/// Fails where a change of an instance doesn't go on from the one before.
fn is_in_order(changes: &[Value]) -> Result<()> {
    for (before, after) in changes.iter().zip(changes.iter().skip(1)) {
        ensure!(before["verdict"] == after["previous"], "{after} after {before}");
        ensure!(before["id"].as_u64() < after["id"].as_u64(), "{after} after {before}");
    }
    Ok(())
}

fn says(hub: &Hub, line: &str) -> Result<usize> {
    Ok(hub.envoy.log()?.matches(line).count())
}

async fn counted(hub: &Hub, webhook: &str, result: &str) -> Result<f64> {
    let series =
        format!(r#"heartbeat_mesh_webhook_total{{webhook="{webhook}",result="{result}"}}"#);
    let metrics = hub.envoy.prometheus().await?;
    Ok(metrics.get(&series)?.unwrap_or_default())
}

async fn told() -> Result<()> {
    let receiver = Receiver::start(&crate::tools(), KEY)?;
    let more = json!({ "verdicts": ["dead"] });
    let webhooks = [webhook("all", &json!({})), webhook("deaths", &more)];
    let deaths = Receiver::start(&crate::tools(), "another key")?;
    let targets = [("all", receiver.address), ("deaths", deaths.address)];
    let hub = hub(&webhooks, &targets, 2).await?;
    let mut source = Source::new(1, hub.people);
    source.says(member(1), "draining").await?;
    has_taken(&receiver, 1).await?;
    source.says(member(1), "fail").await?;
    let changes = has_taken(&receiver, 2).await?;
    is_in_order(&changes)?;
    let change = &changes[1];
    for (key, value) in [
        ("service", json!("payments")),
        ("instance", json!(member(1).to_string())),
        ("verdict", json!("dead")),
        ("previous", json!("draining")),
        ("alive", json!(false)),
        ("confidence", json!(1.0)),
    ] {
        ensure!(change[key] == value, "{key} of {change}");
    }
    ensure!(change["sources"][0]["says"] == "dead", "{change}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos();
    let age = now - u128::from(change["since_ns"].as_u64().context("no time")?);
    ensure!(age < LATER.as_nanos(), "{age} ns old");
    for delivery in receiver.deliveries() {
        ensure!(delivery["verified"] == true, "{delivery}");
        ensure!(delivery["path"] == "/hook", "{delivery}");
        let headers = &delivery["headers"];
        ensure!(headers["authorization"] == "Bearer t", "{headers}");
        ensure!(headers["content-type"] == "application/json", "{headers}");
        ensure!(headers["x-heartbeat-delivery"] == delivery["body"]["delivery"], "{delivery}");
    }
    has_taken(&deaths, 1).await?;
    ensure!(deaths.changes().len() == 1, "{:?}", deaths.changes());
    ensure!(deaths.deliveries()[0]["verified"] == false, "the key is another");
    ensure!(counted(&hub, "all", "delivered").await? == 2.0);
    ensure!(says(&hub, "webhook ")? == 0, "{}", hub.envoy.log()?);
    is_well(&hub).await
}

async fn hangs() -> Result<()> {
    let (hanging, well) =
        (Receiver::start(&crate::tools(), KEY)?, Receiver::start(&crate::tools(), KEY)?);
    let few = json!({ "queue": 5, "retries": 1000 });
    let webhooks = [webhook("hangs", &few), webhook("well", &json!({}))];
    let targets = [("hangs", hanging.address), ("well", well.address)];
    let hub = hub(&webhooks, &targets, 2).await?;
    hanging.signal(Signal::STOP)?;
    flip(&hub, member(1), 40).await?;
    // Endpoints go out as if nobody hung.
    let mut slowest = Duration::ZERO;
    for (status, health) in [("draining", "DRAINING"), ("pass", "")].repeat(5) {
        Source::new(1, hub.people).says(member(2), status).await?;
        slowest = slowest.max(assigned(&hub, member(2), health).await?);
    }
    ensure!(slowest < Duration::from_millis(400), "an assignment took {slowest:?}");
    has_taken(&well, 50).await?;
    let of_one = |number| {
        let instance = member(number).to_string();
        let changes = well.changes().into_iter().filter(|it| it["instance"] == instance.as_str());
        changes.collect::<Vec<_>>()
    };
    ensure!(of_one(1).len() == 40 && of_one(2).len() == 10, "{:?}", well.changes());
    is_in_order(&of_one(1))?;
    is_in_order(&of_one(2))?;
    ensure!(counted(&hub, "hangs", "dropped").await? >= 30.0);
    ensure!(counted(&hub, "well", "dropped").await? == 0.0);
    eventually(SOON, async || {
        ensure!(says(&hub, r#"webhook "hangs": a delivery failed: no answer in time"#)? == 1);
        Ok(())
    })
    .await?;
    ensure!(says(&hub, r#"webhook "hangs": "#)? <= 3, "{}", hub.envoy.log()?);

    hanging.signal(Signal::CONT)?;
    eventually(LATER * 2, async || {
        let missed: f64 =
            hanging.deliveries().iter().filter_map(|it| it["body"]["missed"].as_f64()).sum();
        let dropped = counted(&hub, "hangs", "dropped").await?;
        ensure!(missed >= dropped, "{missed} of {dropped} are said to be missed");
        ensure!(counted(&hub, "hangs", "delivered").await? + dropped == 50.0);
        Ok(())
    })
    .await?;
    ensure!(says(&hub, r#"webhook "hangs": it takes deliveries again"#)? == 1);
    is_well(&hub).await
}

async fn answers() -> Result<()> {
    let mut receiver = Receiver::start(&crate::tools(), KEY)?;
    let hub = hub(&[webhook("pager", &json!({}))], &[("pager", receiver.address)], 1).await?;
    // Both are the last word, and the target isn't asked again.
    for (status, refused) in [(302, 2.0), (404, 4.0)] {
        receiver.answers(&json!({ "status": status, "headers": { "location": "/else" } }))?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        flip(&hub, member(1), 1).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let deliveries = receiver.deliveries();
        let of_this = |it: &&Value| {
            it["status"] == status && it["body"]["changes"][0]["verdict"] == "draining"
        };
        let count = deliveries.iter().filter(of_this).count();
        ensure!(count == 1, "{status}: {count} deliveries");
        flip(&hub, member(1), 2).await?;
        eventually(SOON, async || {
            ensure!(counted(&hub, "pager", "refused").await? == refused);
            Ok(())
        })
        .await?;
    }
    ensure!(says(&hub, r#"webhook "pager": a delivery failed: it answered 302"#)? == 1);

    let before = receiver.deliveries().len();
    receiver.answers(&json!({ "status": 429, "headers": { "retry-after": "2" } }))?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    flip(&hub, member(1), 1).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    receiver.answers(&json!({ "status": 200 }))?;
    eventually(LATER, async || {
        ensure!(receiver.deliveries().len() >= before + 2, "it isn't tried again");
        Ok(())
    })
    .await?;
    let deliveries = receiver.deliveries().split_off(before);
    let at = |place: usize| deliveries[place]["at"].as_f64().unwrap_or_default();
    let pause = at(1) - at(0);
    ensure!((1.9..4.0).contains(&pause), "tried again after {pause} s");
    ensure!(deliveries[0]["body"] == deliveries[1]["body"], "{deliveries:?}");
    ensure!(deliveries[1]["body"]["missed"].as_u64() >= Some(2), "{}", deliveries[1]);

    Source::new(1, hub.people).says(member(1), "pass").await?;
    has_taken(&receiver, 2).await?;
    for broken in [json!({ "status": 500 }), json!({ "status": 0 })] {
        let taken = receiver.changes().len();
        receiver.answers(&broken)?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        flip(&hub, member(1), 2).await?;
        tokio::time::sleep(Duration::from_millis(400)).await;
        receiver.answers(&json!({ "status": 200 }))?;
        has_taken(&receiver, taken + 2).await?;
    }
    is_well(&hub).await
}

async fn refuses() -> Result<()> {
    let address = nowhere()?;
    let hub = hub(&[webhook("pager", &json!({}))], &[("pager", address)], 1).await?;
    flip(&hub, member(1), 4).await?;
    eventually(SOON, async || {
        let log = hub.envoy.log()?;
        let said = r#"webhook "pager": a delivery failed: "#;
        ensure!(log.contains(said), "{log}");
        Ok(())
    })
    .await?;
    let receiver = Receiver::start_at(&crate::tools(), KEY, address)?;
    let changes = has_taken(&receiver, 4).await?;
    is_in_order(&changes)?;
    eventually(SOON, async || {
        ensure!(says(&hub, "it takes deliveries again")? == 1);
        Ok(())
    })
    .await?;
    is_well(&hub).await
}

async fn order() -> Result<()> {
    let mut receiver = Receiver::start(&crate::tools(), KEY)?;
    let quick = webhook("pager", &json!({ "backoff": "20ms", "retries": 1000 }));
    let hub = hub(&[quick], &[("pager", receiver.address)], 1).await?;
    for round in 0..20 {
        let status = if round % 3 == 0 { 200 } else { [500, 503, 0][round % 3] };
        receiver
            .answers(&json!({ "status": status, "delay": f64::from(round as u8 % 4) / 50.0 }))?;
        flip(&hub, member(1), 10).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    receiver.answers(&json!({ "status": 200 }))?;
    let changes = has_taken(&receiver, 200).await?;
    ensure!(changes.len() == 200, "{} changes", changes.len());
    is_in_order(&changes)?;
    is_well(&hub).await
}

async fn taken_over() -> Result<()> {
    let mut receiver = Receiver::start(&crate::tools(), KEY)?;
    let webhooks = [webhook("pager", &json!({ "retries": 1000 }))];
    let hub = hub(&webhooks, &[("pager", receiver.address)], 1).await?;
    receiver.answers(&json!({ "status": 503 }))?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    flip(&hub, member(1), 3).await?;
    judged(&hub, member(1), "draining").await?;
    let mut second = config_of(&webhooks, 1);
    second["hold"] = json!("3s");
    hub.envoy.set_listeners(&updated(&hub.envoy.listeners()?, Some(&second)))?;
    eventually(LATER, async || {
        ensure!(says(&hub, "at work for 1 service")? >= 2, "{}", hub.envoy.log()?);
        Ok(())
    })
    .await?;
    receiver.answers(&json!({ "status": 200 }))?;
    let changes = has_taken(&receiver, 3).await?;
    is_in_order(&changes)?;
    ensure!(changes.len() == 3, "{changes:?}");
    // What has changed since comes, too.
    eventually(LATER, async || {
        let answer = Source::new(1, hub.people).post(&event(member(1), "pass")).await?;
        ensure!(answer.status == 202, "{}", answer.text());
        Ok(())
    })
    .await?;
    let changes = has_taken(&receiver, 4).await?;
    is_in_order(&changes)?;
    is_well(&hub).await
}

async fn formats() -> Result<()> {
    let (slack, pulsar) =
        (Receiver::start(&crate::tools(), KEY)?, Receiver::start(&crate::tools(), KEY)?);
    let topic = "/topics/persistent/public/default/mesh.health.canonical";
    let webhooks = [
        webhook("slack", &json!({ "format": "slack", "path": "/services/${HOOK_TOKEN}" })),
        webhook("pulsar", &json!({ "format": "pulsar", "path": topic })),
    ];
    let targets = [("slack", slack.address), ("pulsar", pulsar.address)];
    let hub = hub(&webhooks, &targets, 1).await?;
    flip(&hub, member(1), 1).await?;
    for receiver in [&slack, &pulsar] {
        eventually(LATER, async || {
            ensure!(!receiver.deliveries().is_empty(), "nothing has come");
            Ok(())
        })
        .await?;
    }
    let message = &slack.deliveries()[0];
    ensure!(message["path"] == "/services/t", "{message}");
    let body = message["body"].as_object().context("no object")?;
    ensure!(body.len() == 1, "{body:?}");
    let text = body["text"].as_str().context("no text")?;
    ensure!(text.contains("→ *draining* (a: draining)"), "{text}");
    // What its classes ProducerMessages and ProducerMessage have, and no other field.
    let batch = &pulsar.deliveries()[0];
    ensure!(batch["path"] == topic, "{batch}");
    let body = batch["body"].as_object().context("no object")?;
    ensure!(body.keys().all(|key| ["producerName", "messages"].contains(&key.as_str())));
    let message = body["messages"][0].as_object().context("no message")?;
    ensure!(message.keys().all(|key| ["key", "payload"].contains(&key.as_str())), "{message:?}");
    ensure!(message["key"] == format!("payments/{}", member(1)), "{message:?}");
    let payload: Value = serde_json::from_str(message["payload"].as_str().context("no string")?)?;
    ensure!(payload["verdict"] == "draining", "{payload}");
    is_well(&hub).await
}

async fn memory() -> Result<()> {
    const MEMBERS: u8 = 50;
    let start = || Receiver::start(&crate::tools(), KEY);
    let (hanging, mut slow, well) = (start()?, start()?, start()?);
    // Just in time, each time.
    slow.answers(&json!({ "status": 200, "delay": 0.4 }))?;
    let deaths = json!({ "verdicts": ["dead"] });
    let webhooks =
        [webhook("hangs", &json!({})), webhook("slow", &json!({})), webhook("well", &deaths)];
    let targets = [("hangs", hanging.address), ("slow", slow.address), ("well", well.address)];
    let hub = hub(&webhooks, &targets, MEMBERS + 1).await?;
    hanging.signal(Signal::STOP)?;
    let mut source = Source::new(1, hub.people);
    let mut round = async |number: usize| {
        let status = if number.is_multiple_of(2) { "draining" } else { "pass" };
        let events: Vec<_> = (1..=MEMBERS).map(|it| event(member(it), status)).collect();
        let answer = source.post(&Value::Array(events)).await?;
        ensure!(answer.status == 202, "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok(())
    };
    // Until the queues are full, and everything else as large as it gets.
    for number in 0..100 {
        round(number).await?;
    }
    let (before, start) = (hub.envoy.memory()?, Instant::now());
    let (mut other, mut longest) = (Source::new(2, hub.people), Duration::ZERO);
    for number in 0..400 {
        round(number).await?;
        if number % 100 == 99 {
            // Another target hears of it as if nobody hung or were slow.
            let told = well.changes().len();
            let said = Instant::now();
            other.says(member(MEMBERS + 1), "fail").await?;
            has_taken(&well, told + 1).await?;
            longest = longest.max(said.elapsed());
            other.says(member(MEMBERS + 1), "pass").await?;
            judged(&hub, member(MEMBERS + 1), "alive").await?;
        }
    }
    ensure!(longest < Duration::from_secs(1), "another target was told after {longest:?}");
    let grown = hub.envoy.memory()?.saturating_sub(before);
    ensure!(grown < 8 * 1024 * 1024, "{grown} bytes more after 20,000 changes");
    println!("{grown} bytes more after 20,000 changes in {:?}", start.elapsed());
    ensure!(counted(&hub, "hangs", "dropped").await? > 20_000.0);
    ensure!(counted(&hub, "slow", "dropped").await? > 10_000.0);
    ensure!(counted(&hub, "well", "dropped").await? == 0.0);
    is_well(&hub).await
}

/// What the page has a receiver do, by the same test case as the module signs.
async fn page() -> Result<()> {
    let page = std::fs::read_to_string(tools::workspace().join("docs/mesh/webhooks.md"))?;
    let (_, rest) = page.split_once("```python\n").context("the page has no Python")?;
    let (lines, _) = rest.split_once("```").context("it never ends")?;
    // RFC 4231, test case 2.
    let digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let tried = format!(
        "{lines}\nbody = b'what do ya want for nothing?'\n\
         assert is_from_the_hub(b'Jefe', body, 'sha256={digest}')\n\
         assert not is_from_the_hub(b'Jefe', body + b' ', 'sha256={digest}')\n\
         assert not is_from_the_hub(b'another', body, 'sha256={digest}')\n"
    );
    let tools = crate::tools();
    let done = std::process::Command::new(tools.python()?).arg("-c").arg(tried).output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

async fn no_variable() -> Result<()> {
    let webhook = webhook("pager", &json!({ "sign_with": "NOBODY_HAS_SET_IT" }));
    let failed = match hub(&[webhook], &[("pager", nowhere()?)], 1).await {
        Ok(hub) => hub.envoy.log()?,
        Err(error) => format!("{error:#}"),
    };
    let named =
        r#"webhooks[0].sign_with: "NOBODY_HAS_SET_IT" needs NOBODY_HAS_SET_IT, which isn't set"#;
    ensure!(failed.contains(named), "{failed}");
    Ok(())
}
