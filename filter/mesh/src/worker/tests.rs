use super::admission::MOST_ON_ITS_WAY;
use super::*;
use crate::assignment::Endpoint;
use crate::fusion::{Claim, FusionRule};
use crate::owner::{Owner, OwnerRule};
use crate::records::Records;
use crate::recovery::RecoveryRule;
use crate::shared::Traffic;
use crate::source::{Manner, Silence, SourceRule};
use crate::table::{LearnRule, Member, ServiceId, ServiceRule};
use heartbeat_common::base::time::WallTime;
use heartbeat_common::base::units::Rate;
use heartbeat_common::clients::cidr::Cidr;
use heartbeat_common::clients::{AddressSource, Clients};
use heartbeat_common::http::fake::FakeRequest;
use heartbeat_common::state::fake::FakeStore;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;

const MS: Nanos = 1_000_000;
const SECOND: Nanos = 1_000 * MS;
const START: Instant = Instant(1_000 * SECOND);
const QUEUE: u32 = 7;
const EVENTS: &str = "/mesh/v1/health/events";
const EDS: &str = "/v3/discovery:endpoints";

fn clients(range: &str) -> Clients {
    let cidrs = vec![Cidr::parse(range).unwrap()];
    Clients { cidrs, address: AddressSource::Trusted, principals: Vec::new() }
}

fn source(name: &str) -> SourceRule {
    let manner = Manner::Posts { stale: 5 * SECOND, beat: None };
    SourceRule { name: name.into(), trust: 0.9, manner, silence: Silence::Stale }
}

fn service(name: &str, members: &[&str], learn: Vec<LearnRule>) -> ServiceRule {
    let member = |id: &&str| Member {
        id: (*id).into(),
        endpoint: Endpoint {
            address: id.parse().unwrap(),
            locality: Default::default(),
            priority: 0,
            weight: 1,
            metadata: Default::default(),
        },
    };
    ServiceRule {
        name: name.into(),
        members: members.iter().map(member).collect(),
        learn,
        forget: 60 * SECOND,
        fusion: FusionRule::default(),
        weigh_by_trust: false,
    }
}

fn rule() -> Rc<WorkerRule> {
    let learn = LearnRule {
        addresses: vec![Cidr::parse("10.2.0.0/16").unwrap()],
        forget: 30 * SECOND,
        most: 5,
        metadata: Default::default(),
    };
    let services = vec![
        service("payments", &["10.1.0.1:80", "10.1.0.2:80"], Vec::new()),
        service("orders", &[], vec![learn]),
    ];
    let sources = vec![source("istio"), source("edge")];
    let owner = Rc::new(OwnerRule::new(sources, services, RecoveryRule::default(), 100, 5 * MS));
    Rc::new(WorkerRule {
        owner,
        senders: vec![
            Sender { allow: Some(clients("10.0.0.1")), service: None },
            Sender { allow: Some(clients("10.0.0.2")), service: Some(ServiceId(1)) },
        ],
        readers: clients("10.9.0.0/16"),
        hold: 25 * SECOND,
        limits: Limits {
            batch: 3,
            body: 4_096,
            rate: Rate { count: 50, per: Duration::from_secs(1) },
            waiters: 4,
        },
    })
}

/// A hub of one VM, which both owns and serves.
struct Hub {
    store: FakeStore,
    keys: Rc<Keys>,
    owner: Owner,
    worker: Worker,
    now: Instant,
    last: u32,
    stamp: u64,
    loses_wakes: bool,
}

impl Hub {
    /// One at work.
    fn new() -> Self {
        let mut hub = Self::silent();
        hub.waits(SECOND);
        hub
    }

    /// One that has published nothing yet.
    fn silent() -> Self {
        let (store, keys, rule) = (FakeStore::default(), Rc::new(Keys::of("hub")), rule());
        let metrics = Rc::new(Metrics::define(&rule.owner.sources, &rule.owner.services, &[]).0);
        let wall = WallTime(5_000_000_000);
        let owner = Owner::begin(&rule.owner, &keys, &metrics, wall, Context::at(&store, START));
        let worker = Worker::new(&rule, &keys, &metrics, 1);
        Self { store, keys, owner, worker, now: START, last: 0, stamp: 0, loses_wakes: false }
    }

    /// Somebody asks, with a body or without; tells the number of the stream.
    fn asks(&mut self, request: &FakeRequest, body: Option<&[u8]>) -> (u32, Step) {
        self.last += 1;
        let (id, cx) = (self.last, Context::at(&self.store, self.now));
        let ends = body.is_none();
        let mut step = self.worker.on_request(Stream { id, ends }, request, cx);
        if let (Step::Body, Some(body)) = (&step, body) {
            let part = |start: usize, size: usize| body[start..start + size].to_vec();
            let stream = Stream { id, ends: true };
            step = self.worker.on_body(stream, body.len(), || 1, part, cx);
        }
        if let Step::HandOver(message, reply) = step {
            self.owner.on_message(&message, self.now);
            self.publishes();
            step = Step::Reply(reply);
        }
        (id, step)
    }

    fn publishes(&mut self) {
        for (queue, wake) in self.owner.publish(Context::at(&self.store, self.now)) {
            assert_eq!(queue, QUEUE);
            if !self.loses_wakes {
                self.worker.on_wake(&wake);
            }
        }
    }

    fn waits(&mut self, time: Nanos) -> Vec<(u32, Reply)> {
        let (end, mut answered) = (self.now + time, Vec::new());
        while self.now < end {
            self.now = (self.now + 10 * MS).min(end);
            let mut candidate = crate::shared::Candidate::new(1, 0, START);
            candidate.look(&self.keys, Context::at(&self.store, self.now));
            self.owner.on_time(self.now);
            self.worker.on_time(QUEUE, Context::at(&self.store, self.now));
            self.publishes();
            answered.extend(self.answered());
        }
        answered
    }

    fn answered(&mut self) -> Vec<(u32, Reply)> {
        let mut answered = Vec::new();
        while let Some(answer) = self.worker.take_ready(Context::at(&self.store, self.now)) {
            answered.push(answer);
        }
        answered
    }

    fn post(&mut self, from: &str, body: &str) -> Reply {
        let request = FakeRequest::new("POST", EVENTS).with("source.address", from);
        reply(self.asks(&request, Some(body.as_bytes())).1)
    }

    fn says(&mut self, instance: &str, status: &str) {
        self.stamp += 1;
        let event = json!({ "instance_id": instance, "timestamp_ns": self.stamp,
            "probe_method": "http", "status": status, "service": "payments" });
        let reply = self.post("10.0.0.1:5", &event.to_string());
        assert_eq!(text(&reply), r#"{"accepted":1,"refused":[]}"#);
    }

    fn get(&mut self, path: &str) -> Step {
        let request = FakeRequest::new("GET", path).with("source.address", "10.9.0.1:5");
        self.asks(&request, None).1
    }

    fn wants(&mut self, service: &str, version: Option<&str>) -> (u32, Step) {
        let request = FakeRequest::new("POST", EDS).with("source.address", "10.9.0.1:5");
        self.asks(&request, Some(question(service, version).as_bytes()))
    }
}

fn question(service: &str, version: Option<&str>) -> String {
    let version = version.map_or(String::new(), |it| format!(r#""version_info":"{it}","#));
    let extensions = "x".repeat(3_000);
    format!(
        r#"{{{version}"node":{{"id":"gateway","extensions":["{extensions}"]}},"resource_names":["{service}"],"type_url":"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"}}"#
    )
}

fn reply(step: Step) -> Reply {
    match step {
        Step::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

fn text(reply: &Reply) -> &str {
    std::str::from_utf8(&reply.body).unwrap()
}

fn document(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn version(reply: &Reply) -> String {
    document(reply)["version_info"].as_str().unwrap().to_owned()
}

fn event(fields: &str) -> String {
    format!(r#"{{"timestamp_ns":1,"probe_method":"http","status":"pass",{fields}}}"#)
}

#[test]
fn what_isnt_the_hubs_goes_on() {
    let mut hub = Hub::new();
    for path in ["/", "/healthz", "/v3/discovery", "/meshed"] {
        assert_eq!(hub.get(path), Step::Pass, "{path}");
    }
}

#[test]
fn an_event_that_breaks_a_rule_is_refused_by_itself() {
    let mut hub = Hub::new();
    let body = format!(
        "[{},{},{}]",
        event(r#""instance_id":"10.1.0.1:80","service":"payments""#),
        event(r#""instance_id":"10.1.0.9:80","service":"payments""#),
        event(r#""instance_id":"10.1.0.1:80""#)
    );
    let reply = hub.post("10.0.0.1:5", &body);
    assert_eq!(reply.status, 202);
    assert_eq!(
        document(&reply),
        json!({ "accepted": 1, "refused": [
            { "index": 1, "field": "instance_id",
              "reason": "isn't a member of the service, which learns none" },
            { "index": 2, "field": "service",
              "reason": "is required where the source doesn't imply it" },
        ] })
    );
}

#[test]
fn a_poster_routes_traffic_to_no_address_that_isnt_allowed() {
    let mut hub = Hub::new();
    for (instance, address, field) in [
        ("10.2.0.1:80", "", None),
        ("pay-1", r#","address":"10.2.0.2:80""#, None),
        ("192.0.2.1:80", "", Some("instance_id")),
        ("10.2.0.3:80", r#","address":"192.0.2.1:80""#, Some("address")),
        ("pay-2", "", Some("instance_id")),
    ] {
        let body = event(&format!(r#""instance_id":"{instance}"{address}"#));
        let reply = document(&hub.post("10.0.0.2:5", &body));
        assert_eq!(reply["refused"][0]["field"].as_str(), field, "{instance}");
    }
}

#[test]
fn whoever_isnt_allowed_to_is_told_so() {
    let mut hub = Hub::new();
    let body = event(r#""instance_id":"10.1.0.1:80","service":"payments""#);
    assert_eq!(hub.post("10.9.0.1:5", &body).status, 403, "a reader can't post");
    let other = event(r#""instance_id":"10.1.0.1:80","service":"payments","source":"edge""#);
    let refused = hub.post("10.0.0.1:5", &other);
    assert_eq!((refused.status, document(&refused)["field"].as_str()), (403, Some("source")));
    let poster = FakeRequest::new("GET", "/mesh/v1/health").with("source.address", "10.0.0.1:5");
    assert_eq!(reply(hub.asks(&poster, None).1).status, 403, "a poster can't read");
}

#[test]
fn a_post_that_cant_be_taken_gets_its_status() {
    let mut hub = Hub::new();
    let one = event(r#""instance_id":"10.1.0.1:80","service":"payments""#);
    let post = || FakeRequest::new("POST", EVENTS).with("source.address", "10.0.0.1:5");
    let four = format!("[{one},{one},{one},{one}]");
    for (request, body, expected) in [
        (post(), "", 400),
        (post(), "{", 400),
        (post(), "7", 400),
        (post(), &*four, 413),
        (post(), &*" ".repeat(5_000), 413),
        (post().with("content-length", "5000"), &*one, 413),
        (post().with("content-type", "text/plain"), &*one, 415),
        (post().with("content-encoding", "gzip"), &*one, 415),
        (post().with("content-type", "application/json; charset=utf-8"), &*one, 202),
    ] {
        let reply = reply(hub.asks(&request, Some(body.as_bytes())).1);
        assert_eq!(reply.status, expected, "{body:.40}");
    }
    assert_eq!(reply(hub.asks(&post(), None).1).status, 400, "there is no body");
    let statuses = (0..60).map(|_| hub.post("10.0.0.1:5", &one).status).collect::<Vec<_>>();
    assert!(statuses.contains(&429), "{statuses:?}");
    hub.now = hub.now + 2 * SECOND;
    let refused = hub.post("10.0.0.1:5", &one);
    assert_eq!(refused.status, 503, "the owner's lease has run out");
    assert!(refused.headers.pairs().any(|it| it == (&b"retry-after"[..], &b"1"[..])));
}

#[test]
fn what_the_owner_has_no_room_for_is_refused() {
    let mut hub = Hub::new();
    update::<Traffic, _>(Context::at(&hub.store, hub.now), &hub.keys.traffic, |traffic| {
        traffic.put = MOST_ON_ITS_WAY + 1;
        Change::Write(())
    })
    .unwrap();
    let one = event(r#""instance_id":"10.1.0.1:80","service":"payments""#);
    assert_eq!(hub.post("10.0.0.1:5", &one).status, 503);
}

#[test]
fn what_is_put_is_held_to_the_limit_however_lately_there_was_room() {
    let mut hub = Hub::new();
    let one = event(r#""instance_id":"10.1.0.1:80","service":"payments""#);
    assert_eq!(hub.post("10.0.0.1:5", &one).status, 202);
    update::<Traffic, _>(Context::at(&hub.store, hub.now), &hub.keys.traffic, |traffic| {
        traffic.put = 2 * MOST_ON_ITS_WAY;
        Change::Write(())
    })
    .unwrap();
    assert_eq!(hub.post("10.0.0.1:5", &one).status, 503);
    let traffic: Traffic = hub.keys.traffic.read(&hub.store);
    assert_eq!(traffic.put, 2 * MOST_ON_ITS_WAY, "and isn't counted");
}

#[test]
fn the_source_of_a_message_is_the_one_that_the_credentials_mean() {
    let mut hub = Hub::new();
    let post = FakeRequest::new("POST", EVENTS).with("source.address", "10.0.0.2:5");
    let body = event(r#""instance_id":"10.2.0.1:80","source":"edge""#);
    let (stream, cx) = (Stream { id: 9, ends: false }, Context::at(&hub.store, hub.now));
    assert_eq!(hub.worker.on_request(stream, &post, cx), Step::Body);
    let read = |_, _| body.as_bytes().to_vec();
    let stream = Stream { ends: true, ..stream };
    let Step::HandOver(message, _) = hub.worker.on_body(stream, body.len(), || 1, read, cx) else {
        panic!("it is to be handed over");
    };
    let mut records = Records::read(&message).unwrap();
    assert_eq!(records.source, "edge");
    let record = records.next().unwrap();
    assert_eq!((record.service, record.instance), ("orders", "10.2.0.1:80"));
    assert_eq!(record.report.claim, Claim::Alive);
}

#[test]
fn an_instance_answers_for_itself() {
    let mut hub = Hub::new();
    hub.says("10.1.0.1:80", "pass");
    hub.says("10.1.0.2:80", "fail");
    hub.waits(100 * MS);
    let well = reply(hub.get("/mesh/v1/health/payments/10.1.0.1:80"));
    assert_eq!(well.status, 200);
    let document = document(&well);
    assert_eq!(document["verdict"], "alive");
    assert_eq!(document["sources"][0]["name"], "istio");
    assert_eq!(document["sources"][0]["age_ms"], 100);
    assert_eq!(document["since_ns"], 6_000_000_000_u64, "as people read it");
    for (path, status) in [
        ("/mesh/v1/health/payments/10.1.0.2:80", 503),
        ("/mesh/v1/health/payments/10.1.0.3:80", 404),
        ("/mesh/v1/health/nobody/10.1.0.1:80", 404),
        ("/mesh/v1/health/nobody", 404),
        ("/mesh/v1/health/payments", 200),
        ("/mesh/v1/health", 200),
        ("/mesh/v1/topology", 200),
        ("/mesh/v1/ready", 200),
    ] {
        assert_eq!(reply(hub.get(path)).status, status, "{path}");
    }
}

#[test]
fn the_topology_names_all_sources_and_where_to_follow_from() {
    let mut hub = Hub::new();
    hub.says("10.1.0.1:80", "warn");
    hub.waits(100 * MS);
    let topology = document(&reply(hub.get("/mesh/v1/topology")));
    let names: Vec<_> =
        topology["sources"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["istio", "edge"], "edge hasn't spoken");
    assert_eq!(topology["sources"][1]["trust"], 0.9);
    let instance = &topology["services"][0]["instances"][0];
    assert_eq!(instance["sources"][0]["says"], "degraded");
    assert_eq!(instance["locality"], json!({ "region": "", "zone": "", "sub_zone": "" }));
    assert_eq!(topology["now_ns"], 6_100_000_000_u64, "as people read it");
    let index = topology["index"].as_u64().unwrap();
    let follow = format!("/mesh/v1/health/subscribe?index={index}");
    assert_eq!(hub.get(&follow), Step::Hold, "nothing has changed since");
}

#[test]
fn the_page_is_left_to_the_routes_for_those_who_may_read() {
    let mut hub = Hub::new();
    assert_eq!(hub.get("/mesh/"), Step::Pass);
    let stranger = FakeRequest::new("GET", "/mesh/").with("source.address", "10.8.0.1:5");
    assert_eq!(reply(hub.asks(&stranger, None).1).status, 403);
    let posted = FakeRequest::new("POST", "/mesh/").with("source.address", "10.9.0.1:5");
    assert_eq!(reply(hub.asks(&posted, None).1).status, 405);
}

#[test]
fn whoever_has_what_is_said_gets_304_until_something_else_is() {
    let mut hub = Hub::new();
    hub.says("10.1.0.1:80", "pass");
    for path in
        ["/mesh/v1/health/payments/10.1.0.1:80", "/mesh/v1/health/payments", "/mesh/v1/health"]
    {
        hub.waits(SECOND);
        let headers = reply(hub.get(path)).headers;
        let tag = headers.pairs().find(|(name, _)| *name == b"etag").unwrap().1.to_vec();
        let asks = |hub: &mut Hub| {
            let request = FakeRequest::new("GET", path).with("source.address", "10.9.0.1:5");
            reply(hub.asks(&request.with("if-none-match", tag.clone()), None).1).status
        };
        hub.says("10.1.0.1:80", "pass");
        hub.waits(SECOND);
        assert_eq!(asks(&mut hub), 304, "{path}: it was said again, and nothing else");
        hub.says("10.1.0.1:80", "warn");
        hub.waits(SECOND);
        assert_eq!(asks(&mut hub), 200, "{path}");
        hub.says("10.1.0.1:80", "pass");
    }
}

#[test]
fn a_client_is_told_at_once_and_then_held_until_something_changes() {
    let mut hub = Hub::new();
    let first = reply(hub.wants("payments", None).1);
    let (id, step) = hub.wants("payments", Some(&version(&first)));
    assert_eq!(step, Step::Hold);
    assert!(hub.waits(20 * SECOND).is_empty());
    hub.says("10.1.0.1:80", "fail");
    let answered = hub.answered();
    assert_eq!(answered.iter().map(|it| it.0).collect::<Vec<_>>(), [id]);
    let second = version(&answered[0].1);
    assert_ne!(second, version(&first));
    let (id, step) = hub.wants("payments", Some(&second));
    assert_eq!(step, Step::Hold);
    let answered = hub.waits(26 * SECOND);
    assert_eq!(answered.iter().map(|it| (it.0, it.1.status)).collect::<Vec<_>>(), [(id, 304)]);
}

#[test]
fn a_wake_that_is_lost_is_made_up_for_within_a_second() {
    let mut hub = Hub::new();
    let known = version(&reply(hub.wants("payments", None).1));
    let subscription = "/mesh/v1/health/subscribe?index=";
    let index = document(&reply(hub.get("/mesh/v1/health/subscribe?wait=0s")))["index"].clone();
    let (client, step) = hub.wants("payments", Some(&known));
    assert_eq!(step, Step::Hold);
    assert_eq!(hub.get(&format!("{subscription}{index}")), Step::Hold);
    let subscriber = hub.last;
    hub.loses_wakes = true;
    hub.says("10.1.0.1:80", "fail");
    let mut answered: Vec<_> = hub.waits(SECOND + LOOK).into_iter().map(|(id, _)| id).collect();
    answered.sort_unstable();
    assert_eq!(answered, [client, subscriber]);
}

#[test]
fn a_client_that_takes_no_answer_is_held_and_the_log_says_so_once() {
    let mut hub = Hub::new();
    let asks = |hub: &mut Hub| hub.wants("payments", Some("old"));
    for _ in 0..2 {
        assert_eq!(reply(asks(&mut hub).1).status, 200);
    }
    let mut log = Vec::new();
    for _ in 0..3 {
        let (id, step) = asks(&mut hub);
        assert_eq!(step, Step::Hold);
        let answered = hub.waits(26 * SECOND);
        let answers: Vec<_> = answered.iter().map(|it| (it.0, it.1.status)).collect();
        assert_eq!(answers, [(id, 200)], "it is told again");
        log.extend(hub.worker.take_log());
    }
    assert_eq!(log.len(), 1, "{log:?}");
}

#[test]
fn what_a_client_cant_have_is_refused_after_a_second() {
    let mut hub = Hub::new();
    let ask = |hub: &mut Hub, from: &str, body: &str| {
        let request = FakeRequest::new("POST", EDS).with("source.address", from.to_owned());
        assert_eq!(hub.asks(&request, Some(body.as_bytes())).1, Step::Hold, "{body:.40}");
        assert!(hub.waits(SECOND - 100 * MS).is_empty());
        let answered = hub.waits(400 * MS);
        assert_eq!(answered.len(), 1);
        answered[0].1.status
    };
    let reader = "10.9.0.1:5";
    assert_eq!(ask(&mut hub, reader, &question("nobody", None)), 404);
    assert_eq!(ask(&mut hub, reader, &question("orders", None)), 503, "nothing is known");
    assert_eq!(ask(&mut hub, reader, "{}"), 400);
    assert_eq!(
        ask(&mut hub, reader, &question("payments", None).replace("endpoint.v3.Cl", "x")),
        404
    );
    assert_eq!(ask(&mut hub, "10.0.0.1:5", &question("payments", None)), 403);
    let listeners = FakeRequest::new("POST", "/v3/discovery:listeners");
    assert_eq!(hub.asks(&listeners, Some(b"{}")).1, Step::Hold);
    assert_eq!(hub.waits(1_500 * MS)[0].1.status, 404);
}

#[test]
fn a_version_of_64_kib_is_another_than_ours_and_no_more() {
    let mut hub = Hub::new();
    let long = "v".repeat(65_536);
    assert_eq!(reply(hub.wants("payments", Some(&long)).1).status, 200);
}

#[test]
fn a_client_that_asks_too_soon_is_held_until_the_hub_has_listened() {
    let mut hub = Hub::silent();
    let (id, step) = hub.wants("payments", None);
    assert_eq!(step, Step::Hold);
    assert_eq!(reply(hub.get("/mesh/v1/ready")).status, 503);
    assert_eq!(reply(hub.get("/mesh/v1/health")).status, 503);
    let answered = hub.waits(SECOND);
    assert_eq!(answered.iter().map(|it| (it.0, it.1.status)).collect::<Vec<_>>(), [(id, 200)]);
    assert_eq!(reply(hub.get("/mesh/v1/ready")).status, 200);
}

#[test]
fn a_hub_that_begins_moves_nobody_who_has_what_it_then_says() {
    let version = version(&reply(Hub::new().wants("payments", None).1));
    let mut hub = Hub::silent();
    let (current, _) = hub.wants("payments", Some(&version));
    let (behind, _) = hub.wants("payments", Some("another"));
    let answered = hub.waits(SECOND);
    assert_eq!(answered.iter().map(|it| (it.0, it.1.status)).collect::<Vec<_>>(), [(behind, 200)]);
    let answered = hub.waits(25 * SECOND);
    assert_eq!(answered.iter().map(|it| (it.0, it.1.status)).collect::<Vec<_>>(), [(current, 304)]);
}

#[test]
fn a_subscriber_begins_with_all_and_then_hears_of_changes() {
    let mut hub = Hub::new();
    let subscribe = "/mesh/v1/health/subscribe";
    let all = document(&reply(hub.get(subscribe)));
    assert_eq!((all["reset"].as_bool(), all["changes"].as_array().unwrap().len()), (Some(true), 2));
    let index = all["index"].as_u64().unwrap();
    let follow = |index: u64, rest: &str| format!("{subscribe}?index={index}&wait=2s{rest}");
    assert_eq!(hub.get(&follow(index, "")), Step::Hold);
    hub.says("10.1.0.1:80", "fail");
    let answered = hub.answered();
    let news = document(&answered[0].1);
    assert_eq!(news["changes"].as_array().unwrap().len(), 1);
    assert_eq!(news["changes"][0]["instance"], "10.1.0.1:80");
    assert_eq!(
        (&news["changes"][0]["verdict"], &news["changes"][0]["own"]),
        (&json!("dead"), &json!("dead"))
    );
    assert_eq!(news["changes"][0]["address"], "10.1.0.1:80");
    let behind = document(&reply(hub.get(&follow(index, ""))));
    assert_eq!((behind["reset"].as_bool(), &behind["index"]), (Some(false), &news["index"]));
    let unknown = document(&reply(hub.get(&follow(index - 1_000, ""))));
    assert_eq!(unknown["reset"].as_bool(), Some(true));
    assert_eq!(hub.get(&follow(index, "&service=orders")), Step::Hold, "of another service");
    let over = hub.waits(3 * SECOND);
    assert_eq!(over[0].1.status, 304);
    assert_eq!(reply(hub.get(&follow(index, "&service=nobody"))).status, 404);
}

#[test]
fn a_subscriber_without_an_index_is_told_when_there_is_nothing_yet() {
    let mut hub = Hub::silent();
    let subscribe = "/mesh/v1/health/subscribe?wait=2s";
    assert_eq!(hub.get(subscribe), Step::Hold);
    let known = format!("{subscribe}&index=7");
    assert_eq!(hub.get(&known), Step::Hold);
    // The owner isn't asked: nothing is published.
    hub.now = hub.now + 3 * SECOND;
    hub.worker.on_time(1, Context::at(&hub.store, hub.now));
    let mut over = Vec::new();
    while let Some((_, reply)) = hub.worker.take_ready(Context::at(&hub.store, hub.now)) {
        over.push(reply);
    }
    over.sort_unstable_by_key(|reply| reply.status);
    assert_eq!(over.iter().map(|it| it.status).collect::<Vec<_>>(), [304, 503]);
    assert!(over[1].headers.pairs().any(|(name, _)| name == b"retry-after"));
}

#[test]
fn one_more_than_may_wait_is_refused_and_those_who_go_make_room() {
    let mut hub = Hub::new();
    let present = version(&reply(hub.wants("payments", None).1));
    let held: Vec<_> = (0..4).map(|_| hub.wants("payments", Some(&present))).collect();
    assert!(held.iter().all(|it| it.1 == Step::Hold));
    assert_eq!(reply(hub.get("/mesh/v1/health/subscribe?index=1&wait=1s")).status, 200);
    let (fifth, step) = hub.wants("payments", Some(&present));
    assert_eq!(step, Step::Hold, "else it would ask again at once");
    let answered = hub.waits(1_500 * MS);
    assert_eq!(answered.iter().map(|it| (it.0, it.1.status)).collect::<Vec<_>>(), [(fifth, 503)]);
    hub.worker.on_end(held[0].0);
    assert_eq!(hub.wants("payments", Some(&present)).1, Step::Hold);
    hub.says("10.1.0.1:80", "fail");
    assert_eq!(hub.answered().len(), 4);
}

#[test]
fn those_who_are_refused_take_no_room_from_those_who_may_wait() {
    let mut hub = Hub::new();
    let stranger = FakeRequest::new("POST", EDS).with("source.address", "10.0.0.1:5");
    for _ in 0..MOST_REFUSED {
        assert_eq!(hub.asks(&stranger, Some(b"{}")).1, Step::Hold);
    }
    assert_eq!(reply(hub.asks(&stranger, Some(b"{}")).1).status, 403, "no more than so many");
    let present = version(&reply(hub.wants("payments", None).1));
    assert_eq!(hub.wants("payments", Some(&present)).1, Step::Hold);
}

#[test]
fn a_body_that_never_ends_is_given_up() {
    let mut hub = Hub::new();
    let post = FakeRequest::new("POST", EVENTS).with("source.address", "10.0.0.1:5");
    let (id, cx) = (77, Context::at(&hub.store, hub.now));
    assert_eq!(hub.worker.on_request(Stream { id, ends: false }, &post, cx), Step::Body);
    let read = |_, _| panic!("nothing is read before its end");
    let step = hub.worker.on_body(Stream { id, ends: false }, 4_000, || 1, read, cx);
    assert_eq!(step, Step::Body);
    let answered = hub.waits(11 * SECOND);
    assert_eq!(answered.iter().map(|it| (it.0, it.1.status)).collect::<Vec<_>>(), [(id, 408)]);
    let (id, cx) = (78, Context::at(&hub.store, hub.now));
    assert_eq!(hub.worker.on_request(Stream { id, ends: false }, &post, cx), Step::Body);
    let step = hub.worker.on_body(Stream { id, ends: false }, 4_097, || 1, |_, _| Vec::new(), cx);
    assert_eq!(reply(step).status, 413);
}

#[test]
fn bodies_that_dont_end_fill_no_memory() {
    let mut hub = Hub::new();
    let question = FakeRequest::new("POST", EDS).with("source.address", "10.9.0.1:5");
    let mut rule = Rc::try_unwrap(rule()).unwrap_or_else(|_| panic!("it is nobody else's"));
    rule.limits.waiters = 1_000;
    hub.worker.rule = Rc::new(rule);
    let sends = |hub: &mut Hub, id: u32| {
        let (stream, cx) = (Stream { id, ends: false }, Context::at(&hub.store, hub.now));
        assert_eq!(hub.worker.on_request(stream, &question, cx), Step::Body);
        hub.worker.on_body(stream, api::LARGEST_QUESTION, || 1, |_, _| Vec::new(), cx)
    };
    let fit = (MOST_UNFINISHED / api::LARGEST_QUESTION) as u32;
    assert!((0..fit).all(|id| sends(&mut hub, id) == Step::Body));
    assert_eq!(sends(&mut hub, fit), Step::Hold, "it is refused after a second");
    hub.worker.on_end(0);
    assert_eq!(sends(&mut hub, fit + 1), Step::Body, "there is room again");
}

proptest! {
    #[test]
    fn nothing_that_is_sent_traps(
        path in "(/mesh/v1/health|/mesh/v1/health/events|/v3/discovery:endpoints|/mesh/v1/health/subscribe)[a-z/?=&%0-9]{0,20}",
        method in "(GET|POST|PUT|HEAD)", from in "10\\.(0|9)\\.0\\.[12]:5",
        body in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200)),
    ) {
        let mut hub = Hub::new();
        let request = FakeRequest::new(&method, &path).with("source.address", from);
        hub.asks(&request, body.as_deref());
        hub.waits(SECOND);
    }
}
