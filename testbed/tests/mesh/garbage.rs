//! What no sender means well: each gets the status that says so, and the hub goes on.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use testbed::client::connection::Connection;
use testbed::client::http::{self, Request, Response, Version};
use testbed::client::peer::Peer;
use testbed::mesh::{ASSIGNMENT, Hub, Instances, Source, discovery, discovery_of, event};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::stack::{SOON, assigned, assignment, eventually, is_well, lone_hub};
use crate::trial;

/// What a hub may grow by while it is fed with garbage, in bytes: the buffers of what is
/// being read, and what an allocator keeps of them.
const GROWTH: u64 = 24 << 20;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("garbage::a_body_that_is_no_event_is_refused_with_its_reason", unreadable),
        trial("garbage::an_event_that_breaks_a_rule_is_refused_by_itself", broken_rules),
        trial("garbage::a_body_that_is_too_long_or_never_ends_is_cut_off", endless),
        trial("garbage::many_unknown_instances_fill_nothing", many_instances),
        trial("garbage::a_request_for_nothing_is_refused_after_a_second", no_discovery),
        trial("garbage::a_client_that_refuses_an_assignment_is_held", refused_assignments),
        trial("garbage::requests_are_held_up_to_a_number_and_let_go", waiters),
    ]
}

/// A hub of one instance.
async fn hub(patch: &Value) -> Result<(Instances, SocketAddr, Hub)> {
    let instances = Instances::start().await?;
    let instance = instances.address(1);
    let hub = lone_hub(&[instance], patch, |builder| builder).await?;
    Ok((instances, instance, hub))
}

async fn post(hub: &Hub, kind: &str, body: impl Into<Vec<u8>>) -> Result<Response> {
    let request =
        Request::new("POST", "/mesh/v1/health/events").header("content-type", kind).body(body);
    let peer = Peer { address: hub.people, from: Some(Source::address(1)), tls: None };
    http::fetch_as(Version::Http1, peer, &request).await
}

/// The answer is of this status and, where it isn't 202, an error that says why.
fn is_refused(answer: &Response, status: u16, what: &str) -> Result<()> {
    ensure!(answer.status == status, "{what}: {} {}", answer.status, answer.text());
    let body: Value = serde_json::from_slice(&answer.body)
        .with_context(|| format!("{what}: {}", answer.text()))?;
    ensure!(body["error"].as_str().is_some_and(|error| error.len() > 3), "{what}: {body}");
    Ok(())
}

async fn unreadable() -> Result<()> {
    let (_instances, instance, hub) = hub(&json!({})).await?;
    let good = event(instance, "pass").to_string();
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let within_field = |field: &str, value: &str| format!("{{\"{field}\":{value},{}", &good[1..]);
    let objects = "{\"a\":".repeat(20_000);
    let json_bodies: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("text", b"healthy".to_vec()),
        ("half an event", good.as_bytes()[..40].to_vec()),
        ("two events one after another", [good.as_bytes(), good.as_bytes()].concat()),
        ("deep nesting", nested(100_000).into()),
        ("objects in objects", within_field("x", &objects).into()),
        ("a number too great for any", within_field("latency_p95_ms", "1e999999").into()),
        ("a raw NUL", good.replace("pass", "pa\0ss").into()),
        (
            "invalid UTF-8",
            [good.as_bytes()[..20].to_vec(), vec![0xff, 0xfe], good.as_bytes()[20..].to_vec()]
                .concat(),
        ),
        ("a lone surrogate", within_field("service", "\"\\ud800\"").into()),
        ("a number", b"7".to_vec()),
    ];
    for (what, body) in json_bodies {
        let answer = post(&hub, "application/json", body).await?;
        is_refused(&answer, 400, what)?;
    }
    // What nobody knows is ignored, however it is nested; what must be a word is none.
    for (field, says) in [("x", "\"accepted\":1"), ("status", "must be")] {
        let body = within_field(field, &nested(50_000));
        let answer = post(&hub, "application/json", body).await?;
        ensure!(answer.text().contains(says), "nesting in {field}: {}", answer.text());
    }
    let batch = Value::from(vec![event(instance, "pass"); 501]);
    is_refused(&post(&hub, "application/json", batch.to_string()).await?, 413, "501 events")?;
    let answer = post(&hub, "application/x-protobuf", vec![0x0a, 0xff, 0xff, 0xff, 0x7f]).await?;
    is_refused(&answer, 400, "a message longer than itself")?;
    is_refused(&post(&hub, "text/plain", good.clone()).await?, 415, "text/plain")?;
    let answer = post(&hub, "application/x-ndjson", format!("{good}\n\n{good}\n")).await?;
    ensure!(answer.status == 202, "NDJSON: {} {}", answer.status, answer.text());
    is_well(&hub).await
}

async fn broken_rules() -> Result<()> {
    let (_instances, instance, hub) = hub(&json!({})).await?;
    let with = |field: &str, value: Value| {
        let mut event = event(instance, "fail");
        event[field] = value;
        event
    };
    let wrong = [
        ("instance_id", json!("x".repeat(129))),
        ("instance_id", json!("10.0.0.1:80\0")),
        ("instance_id", json!("")),
        ("instance_id", json!("10.0.0.1 80")),
        ("instance_id", json!("ü")),
        ("instance_id", json!(7)),
        ("timestamp_ns", json!(0)),
        ("timestamp_ns", json!(-1)),
        ("timestamp_ns", json!("18446744073709551616")),
        ("timestamp_ns", json!(1.5)),
        ("timestamp_ns", json!(1e30)),
        ("timestamp_ns", json!({})),
        ("probe_method", json!("guess")),
        ("latency_p95_ms", json!(1e18)),
        ("latency_p95_ms", json!(-0.1)),
        ("http_status_code", json!(99)),
        ("http_status_code", json!(9_223_372_036_854_775_808_u64)),
        ("status", json!("PASS")),
        ("service", json!("nobody")),
        ("error_rate", json!(1.01)),
    ];
    let events: Vec<_> = wrong.iter().map(|(field, value)| with(field, value.clone())).collect();
    let answer = post(&hub, "application/json", Value::from(events).to_string()).await?;
    ensure!(answer.status == 202, "{} {}", answer.status, answer.text());
    let body: Value = serde_json::from_slice(&answer.body)?;
    let refused = body["refused"].as_array().context("nothing is refused")?;
    let said: Vec<_> =
        refused.iter().map(|it| (it["index"].as_u64(), it["field"].as_str())).collect();
    let expected: Vec<_> =
        wrong.iter().enumerate().map(|(at, (field, _))| (Some(at as u64), Some(*field))).collect();
    ensure!(body["accepted"] == 0 && said == expected, "{body:#}");
    // What is beyond 2⁵³ and 2⁶³ and still a time is one.
    for stamp in [json!(9_223_372_036_854_775_808_u64), json!("18446744073709551615")] {
        let answer =
            post(&hub, "application/json", with("timestamp_ns", stamp).to_string()).await?;
        ensure!(answer.text().contains("\"accepted\":1"), "{}", answer.text());
    }
    assigned(&hub, instance, "UNHEALTHY").await?;
    is_well(&hub).await
}

async fn endless() -> Result<()> {
    let instances = Instances::start().await?;
    let instance = instances.address(1);
    // Not as long as shipped, so that the test isn't, either.
    let hub = lone_hub(&[instance], &json!({}), |builder| {
        builder.patch_hcm(&json!({ "request_timeout": "2s" }))
    })
    .await?;
    post(&hub, "application/json", event(instance, "pass").to_string()).await?;
    let before = hub.envoy.memory()?;
    let long = vec![b' '; 300 << 10];
    is_refused(&post(&hub, "application/json", long).await?, 413, "300 KiB")?;
    for length in [Some(100 << 20), None] {
        let (status, sent) = send_endless(&hub, length, vec![b' '; 64 << 10]).await?;
        ensure!(status == 413, "100 MB (length {length:?}): {status}");
        ensure!(sent < 8 << 20, "{sent} bytes were taken of 100 MB (length {length:?})");
    }
    let start = Instant::now();
    let (status, _) = drip(&hub).await?;
    let took = start.elapsed();
    ensure!(
        status == 408 && took < Duration::from_secs(4),
        "a body that never ends: {status} after {took:?}"
    );
    let grown = hub.envoy.memory()?.saturating_sub(before);
    ensure!(grown < GROWTH, "grown by {grown} bytes");
    is_well(&hub).await
}

/// Begins to post, and writes `piece` until the hub has enough; its status, and how much
/// was sent.
async fn send_endless(hub: &Hub, length: Option<usize>, piece: Vec<u8>) -> Result<(u16, usize)> {
    let (mut reader, mut writer) = open(hub, length).await?.into_split();
    let (mut sent, chunked) = (0, length.is_none());
    let all = 100 << 20;
    let mut answer = [0; 64];
    loop {
        let framed = if chunked {
            [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat()
        } else {
            piece.clone()
        };
        tokio::select! {
            biased;
            read = reader.read(&mut answer) => return Ok((status_of(&answer[..read?])?, sent)),
            written = writer.write_all(&framed) => {
                if written.is_err() {
                    let read = reader.read(&mut answer).await?;
                    return Ok((status_of(&answer[..read])?, sent));
                }
                sent += piece.len();
            }
        }
        ensure!(sent < all, "all of it was taken");
    }
}

/// A byte now and then.
async fn drip(hub: &Hub) -> Result<(u16, usize)> {
    let mut stream = open(hub, None).await?;
    let mut answer = [0; 64];
    for sent in 0..100 {
        tokio::select! {
            read = stream.read(&mut answer) => return Ok((status_of(&answer[..read?])?, sent)),
            () = tokio::time::sleep(Duration::from_millis(100)) => stream.write_all(b"1\r\n \r\n").await?,
        }
    }
    anyhow::bail!("no answer within 10 s")
}

async fn open(hub: &Hub, length: Option<usize>) -> Result<tokio::net::TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(Source::address(1), 0))?;
    let mut stream = socket.connect(hub.people).await?;
    let length =
        length.map_or("transfer-encoding: chunked".into(), |it| format!("content-length: {it}"));
    let head = format!(
        "POST /mesh/v1/health/events HTTP/1.1\r\nhost: hub\r\ncontent-type: application/json\r\n{length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    Ok(stream)
}

fn status_of(answer: &[u8]) -> Result<u16> {
    let text = String::from_utf8_lossy(answer);
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.with_context(|| format!("no status line: {text:?}"))
}

async fn many_instances() -> Result<()> {
    let learn = json!([{ "addresses": ["10.0.0.0/8"], "max": 100 }]);
    let patch = json!({ "services": [{ "name": "payments", "learn": learn }],
                        "limits": { "rate": "10000/s" } });
    let (_instances, instance, hub) = hub(&patch).await?;
    let mut source = Source::new(1, hub.people);
    source.says(instance, "pass").await?;
    let batch = |number: u32| -> Value {
        (0..500)
            .map(|at| {
                let [_, high, mid, low] = (number * 500 + at).to_be_bytes();
                event(SocketAddr::from(([10, high, mid, low], 80)), "pass")
            })
            .collect()
    };
    // Those that fit have their memory.
    source.post(&batch(0)).await?;
    let series = hub.envoy.admin_get("/stats").await?.lines().count();
    let before = hub.envoy.memory()?;
    for number in 1..200 {
        let answer = source.post(&batch(number)).await?;
        ensure!([202, 429, 503].contains(&answer.status), "{} {}", answer.status, answer.text());
    }
    let grown = hub.envoy.memory()?.saturating_sub(before);
    ensure!(grown < GROWTH, "100,000 instances that don't fit: grown by {grown} bytes");
    let more = hub.envoy.admin_get("/stats").await?.lines().count();
    ensure!(more == series, "{series} figures became {more}");
    let answer = assignment(&hub, "onlooker", None).await?;
    let known = answer.text().matches("socket_address").count();
    ensure!(known == 101, "{known} instances");
    is_well(&hub).await
}

async fn no_discovery() -> Result<()> {
    let (_instances, instance, hub) = hub(&json!({})).await?;
    post(&hub, "application/json", event(instance, "pass").to_string()).await?;
    let other = json!({ "node": { "id": "x" }, "resource_names": ["payments"],
                        "type_url": "type.googleapis.com/envoy.config.cluster.v3.Cluster" });
    let long = |length: usize| format!("{{\"x\":\"{}\"}}", "y".repeat(length));
    let asked: [(&str, u16, Request); 8] = [
        ("nothing", 400, discovery_of("")),
        ("text", 400, discovery_of("endpoints, please")),
        ("an object", 400, discovery_of("{}")),
        ("a list", 400, discovery_of("[]")),
        ("nesting", 400, discovery_of(&"[".repeat(60_000))),
        ("an object of 200 KB", 400, discovery_of(&long(200_000))),
        ("clusters", 404, discovery_of(&other.to_string())),
        ("an unknown service", 404, discovery("x", "nobody", None)),
    ];
    let answers = asked.iter().map(async |(what, status, request)| {
        let answer = http::fetch(hub.people, request).await?;
        ensure!(answer.status == *status, "{what}: {} {}", answer.status, answer.text());
        let held = Duration::from_millis(950)..Duration::from_secs(4);
        ensure!(held.contains(&answer.elapsed), "{what}: after {:?}", answer.elapsed);
        Ok(())
    });
    for answer in futures_in_parallel(answers).await {
        answer?;
    }
    // A version that can't be ours is another one, and gets ours at once.
    for version in ["v".repeat(65_536), "v".repeat(200), "\u{0}".into(), "\"}".into()] {
        let answer = assignment(&hub, "x", Some(&version)).await?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
        ensure!(answer.elapsed < Duration::from_millis(900), "after {:?}", answer.elapsed);
    }
    let names = json!([&"n".repeat(65_536)]);
    let body = format!(
        "{{\"node\":{{\"id\":\"{}\"}},\"resource_names\":{names},\"type_url\":\"{ASSIGNMENT}\"}}",
        "i".repeat(65_536)
    );
    let answer = http::fetch(hub.people, &discovery_of(&body)).await?;
    ensure!([400, 404].contains(&answer.status), "{} {}", answer.status, answer.text());
    is_well(&hub).await
}

/// All of them at once.
async fn futures_in_parallel<T>(all: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(move |cx| {
        for (future, done) in all.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *done = Some(value);
            }
        }
        if done.iter().any(Option::is_none) {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(std::mem::take(&mut done).into_iter().flatten().collect())
    })
    .await
}

async fn refused_assignments() -> Result<()> {
    let (_instances, instance, hub) = hub(&json!({ "hold": "1500ms" })).await?;
    post(&hub, "application/json", event(instance, "pass").to_string()).await?;
    assigned(&hub, instance, "").await?;
    // A client that has taken ours is told from one that keeps an older one by asking with
    // that again, and again; on one connection, as an Envoy does.
    let mut client = Connection::open(Version::Http1, hub.people).await?;
    let refusing = discovery("stubborn", "payments", Some("0123456789abcdef"));
    let mut took = Vec::new();
    for _ in 0..6 {
        let answer = client.send(&refusing).await?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
        took.push(answer.elapsed);
    }
    let held = |it: &&Duration| **it > Duration::from_millis(1_200);
    ensure!(took[..2].iter().filter(held).count() == 0, "the first are answered at once: {took:?}");
    ensure!(took.iter().filter(held).count() >= 2, "it spins: {took:?}");
    let refused = hub.envoy.prometheus().await?.sum("heartbeat_mesh_refused_assignment_total");
    ensure!(refused >= 1.0, "not counted");
    is_well(&hub).await
}

async fn waiters() -> Result<()> {
    let most = 40;
    let patch = json!({ "limits": { "waiters": most }, "hold": "20s" });
    let instances = Instances::start().await?;
    let instance = instances.address(1);
    // Workers know of each other's with a delay.
    let hub = lone_hub(&[instance], &patch, |builder| builder.workers(1)).await?;
    let mut source = Source::new(1, hub.people);
    source.says(instance, "pass").await?;
    assigned(&hub, instance, "").await?;
    let version =
        testbed::mesh::version_of(&assignment(&hub, "x", None).await?).context("no version")?;
    let held = async || {
        Ok::<_, anyhow::Error>(hub.envoy.prometheus().await?.sum("heartbeat_mesh_subscribers"))
    };
    let ask = |number: usize| {
        let (address, version) = (hub.people, version.clone());
        tokio::spawn(async move {
            let request = discovery(&format!("node-{number}"), "payments", Some(&version));
            http::fetch(address, &request).await
        })
    };
    // Clients that go away while they are held leave nothing behind.
    for _ in 0..3 {
        let gone: Vec<_> = (0..most).map(ask).collect();
        eventually(SOON, async || {
            let now = held().await?;
            ensure!(now == most as f64, "{now} are held");
            Ok(())
        })
        .await?;
        gone.iter().for_each(tokio::task::JoinHandle::abort);
        eventually(SOON, async || {
            let now = held().await?;
            ensure!(now == 0.0, "{now} are held that have gone");
            Ok(())
        })
        .await?;
    }
    let asked: Vec<_> = (0..most + 5).map(ask).collect();
    let subscribers: Vec<_> = (0..5)
        .map(|_| {
            let address = hub.people;
            tokio::spawn(async move {
                http::fetch(address, &Request::new("GET", "/mesh/v1/health/subscribe?wait=20s"))
                    .await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    source.says(instance, "fail").await?;
    let mut statuses = std::collections::BTreeMap::new();
    for answer in asked {
        *statuses.entry(answer.await??.status).or_insert(0_usize) += 1;
    }
    ensure!(
        statuses.get(&200).is_some_and(|held| *held <= most && *held >= most - 5),
        "{statuses:?}"
    );
    ensure!(statuses.keys().all(|status| [200, 429, 503].contains(status)), "{statuses:?}");
    for answer in subscribers {
        let answer = answer.await??;
        ensure!([200, 429, 503].contains(&answer.status), "{} {}", answer.status, answer.text());
    }
    is_well(&hub).await
}
