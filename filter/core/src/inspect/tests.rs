//! What a page shows.

use super::*;
use crate::base::environment::{Build, Environment};
use crate::base::outcome::Verdict;
use crate::base::time::{Nanos, WallTime};
use crate::callout::{
    CallRefusal, CallToken, Caller, CheckResponse, HttpCall, StreamToken, WatchCall,
};
use crate::exchange::Exchange;
use crate::exchange::decision::Decision;
use crate::facts::check::Observation;
use crate::guards::breaker::Breaker;
use crate::guards::cache::{CacheEntry, CachedResponse};
use crate::http::edits::Reply;
use crate::http::fake::FakeRequest;
use crate::policy::loads::{Seen, note_refusal};
use crate::state::fake::FakeStore;
use crate::state::{Change, update};
use serde_json::{Value, json};
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

mod refused;

const SECOND: Nanos = 1_000_000_000;
const START: Instant = Instant(1_000 * SECOND);

/// Everything that a page can be about.
const ALL: &str = r#"{
    "probes": [
      { "name": "ready", "match": { "path": "/readyz" }, "action": "respond",
        "when": [{ "check": "db" }] },
      { "name": "lb", "match": { "path_prefix": "/lb" }, "action": "cache", "breaker": {} },
      { "name": "page", "match": { "path": "/page" }, "action": "inspect",
        "allow": { "cidrs": ["10.0.0.0/8"], "principals": ["spiffe://mesh/ops/*"],
                   "address": "trusted", "otherwise": "deny" } }],
    "checks": [{ "name": "db", "http": { "cluster": "db", "path": "/ping" }, "interval": "1s" }],
    "score": {},
    "publish": { "cluster": "hub", "instance": "10.1.1.1:80", "probe": "ready" } }"#;

/// A proxy with one VM of several.
struct World {
    policy: Policy,
    background: Background,
    inspector: Inspector,
    store: FakeStore,
    now: Instant,
    tokens: u64,
}

/// Envoy, where every metric shows its place.
struct Places;

impl Proxy for Places {
    fn value(&self, place: usize) -> u64 {
        place as u64
    }

    fn node(&self) -> Vec<u8> {
        b"sidecar~\"one\"".to_vec()
    }
}

impl World {
    fn new(config: &str) -> Self {
        let environment = Environment {
            plugin: "hb".into(),
            build: Build { version: "1.2.3", revision: "abc" },
            ..Environment::default()
        };
        let policy = Policy::from_bytes(config.as_bytes(), &environment).unwrap();
        let store = FakeStore::default();
        policy.loads().register("hb", &mut Seen::default(), Context::at(&store, START));
        policy.evidence().clock.keep(START, || WallTime(START.0));
        let background = Background::new(&policy, 0x1234);
        let inspector = Inspector::default();
        Self { policy, background, inspector, store, now: START, tokens: 0 }
    }

    fn cx(&self) -> Context<'_, FakeStore> {
        Context::at(&self.store, self.now)
    }

    fn page(&self) -> Value {
        serde_json::from_slice(&self.written(Medium::Json)).unwrap()
    }

    fn written(&self, medium: Medium) -> Vec<u8> {
        self.inspector.page(&self.policy, &self.background, &Places, medium, self.cx())
    }

    fn later(&mut self, time: Nanos) {
        self.now = self.now + time;
    }

    fn asks(&mut self, request: &FakeRequest) -> (Exchange, Decision) {
        self.tokens += 1;
        let matched = self.policy.match_request(request).unwrap();
        let mut exchange = self.policy.exchange(matched, self.tokens, self.now);
        let decision = exchange.on_request_headers(request, self.cx(), true);
        (exchange, decision)
    }
}

fn get(path: &str) -> FakeRequest {
    FakeRequest::new("GET", path)
}

fn operator() -> FakeRequest {
    get("/page").with("source.address", "10.9.8.7:41000")
}

#[test]
fn it_is_a_page_of_its_own_medium_that_nobody_stores() {
    let mut world = World::new(ALL);
    for (request, medium, content_type) in [
        (operator(), Medium::Json, "application/json"),
        (
            operator().with("accept", "text/html,*/*;q=0.8"),
            Medium::Html,
            "text/html; charset=utf-8",
        ),
    ] {
        let (mut exchange, decision) = world.asks(&request);
        assert_eq!(decision, Decision::Inspect(medium));
        let Decision::Reply(Reply { status, headers, body, details, .. }) =
            exchange.show(b"a page".to_vec(), medium)
        else {
            panic!()
        };
        assert_eq!((status, &*body, details), (200, &b"a page"[..], "heartbeat_inspect"));
        let headers: Vec<_> = headers.pairs().collect();
        let text = |text: &'static str| text.as_bytes();
        assert!(headers.contains(&(text("content-type"), text(content_type))));
        assert!(headers.contains(&(text("cache-control"), text("no-store"))));
        assert!(headers.contains(&(text("x-content-type-options"), text("nosniff"))));
        let csp = headers.iter().find(|(name, _)| *name == b"content-security-policy").unwrap();
        assert!(csp.1.starts_with(b"default-src 'none';"));
    }
}

#[test]
fn methods_that_dont_read_are_ordinary_traffic() {
    let mut world = World::new(ALL);
    for (method, ordinary) in [("GET", false), ("HEAD", false), ("POST", true), ("DELETE", true)] {
        let request = FakeRequest::new(method, "/page").with("source.address", "10.9.8.7:1");
        assert_eq!(world.asks(&request).1 == Decision::NotAProbe, ordinary, "{method}");
    }
}

#[test]
fn it_says_which_module_and_which_configuration_are_at_work() {
    let mut world = World::new(ALL);
    world.later(SECOND);
    let page = world.page();
    assert_eq!(
        page["proxy"],
        json!({ "at": "1970-01-01T00:16:41.000Z", "node": "sidecar~\"one\"", "version": "1.2.3",
                "revision": "abc", "vm": "0000000000001234" })
    );
    let print = crate::state::fingerprint(ALL.as_bytes());
    let configuration = &page["configuration"];
    assert_eq!(configuration["fingerprint"], format!("{print:016x}"));
    assert_eq!(configuration["latest"], true);
    assert_eq!(configuration["refused"], Value::Null);
    let loads = configuration["loads"].as_object().unwrap();
    assert_eq!(loads.keys().collect::<Vec<_>>(), ["accepted", "refused"]);

    note_refusal("hb", 0xbad, world.cx());
    world.later(2 * SECOND);
    let refused = &world.page()["configuration"]["refused"];
    assert_eq!(
        *refused,
        json!({ "fingerprint": "0000000000000bad", "at": "1970-01-01T00:16:41.000Z",
                "age_ms": 2_000 })
    );
}

#[test]
fn rules_have_what_envoy_has_counted_of_them() {
    let world = World::new(ALL);
    let page = world.page();
    for (rule, name, action) in
        [(0, "ready", "respond"), (1, "lb", "cache"), (2, "page", "inspect")]
    {
        let rule = &page["rules"][rule];
        assert_eq!((&rule["name"], &rule["action"]), (&json!(name), &json!(action)));
        let outcomes = rule["outcomes"].as_object().unwrap();
        assert_eq!(outcomes.len(), 9, "{outcomes:?}");
        let place = outcomes["denied"].as_u64().unwrap() as usize;
        let series = &world.policy.metrics()[place].name;
        assert_eq!(*series, format!("probe=.={name};.;outcome=.=denied;.;heartbeat_probe_total"));
    }
    assert_eq!(page["rules"][1]["cache"].as_object().unwrap().len(), 6);
    assert_eq!(page["rules"][0]["cache"], Value::Null);
}

/// Envoy, without any cluster.
struct NoClusters;

impl Caller for NoClusters {
    fn http_call(&self, _: &HttpCall) -> Result<CallToken, CallRefusal> {
        Err(CallRefusal::UnknownCluster)
    }

    fn open_watch(&self, _: &WatchCall) -> Option<StreamToken> {
        None
    }

    fn cancel(&self, _: StreamToken) {}
}

/// An answer to the check, `took` nanoseconds after it was asked.
fn check(world: &World, status: u16) {
    let check = &world.policy.evidence().checks[0];
    let seen =
        Observation::judge(&check.rule, &CheckResponse::Answer(status), 3_000_000, world.now);
    check
        .state
        .update(world.cx(), |state| {
            state.record(&check.rule, seen.clone());
            Change::Write(())
        })
        .unwrap();
}

#[test]
fn a_verdict_has_what_it_rests_on_and_since_when_it_stands() {
    let mut world = World::new(ALL);
    check(&world, 503);
    let told = &world.policy.evidence().rules[0].told;
    crate::state::Notice::of_change(told, Verdict::Fail as u64, world.cx());
    world.later(SECOND);
    let page = world.page();
    let rule = &page["rules"][0];
    assert_eq!(rule["verdict"], "fail");
    assert_eq!(rule["since"], "1970-01-01T00:16:40.000Z");
    assert_eq!(rule["age_ms"], 1_000);
    assert_eq!(
        rule["rests_on"][0],
        json!({ "name": "db", "verdict": "fail", "output": "answered 503, not 2xx", "observed": 3,
                "at": "1970-01-01T00:16:40.000Z" })
    );
    assert_eq!(rule["rests_on"][1]["name"], "score");

    // What changed a moment ago and wasn't told yet has no time.
    check(&world, 200);
    world.later(SECOND);
    let rule = &world.page()["rules"][0];
    assert_eq!((&rule["verdict"], &rule["since"]), (&json!("pass"), &Value::Null));
}

#[test]
fn checks_have_their_last_answers() {
    let mut world = World::new(ALL);
    assert_eq!(world.page()["checks"][0]["status"], "unknown");
    assert_eq!(world.page()["checks"][0]["last"], Value::Null);
    world.later(SECOND);
    check(&world, 200);
    world.later(2 * SECOND);
    let page = world.page();
    let shown = &page["checks"][0];
    assert_eq!(
        (&shown["name"], &shown["cluster"], &shown["status"]),
        (&json!("db"), &json!("db"), &json!("up"))
    );
    assert_eq!(
        shown["last"],
        json!({ "verdict": "pass", "output": "answered 200 in 3 ms", "took_ms": 3,
                "at": "1970-01-01T00:16:41.000Z", "age_ms": 2_000, "stale": false })
    );
    assert_eq!(shown["results"].as_object().unwrap().len(), 5);
}

#[test]
fn the_lease_tells_who_asks_and_since_when() {
    let mut world = World::new(ALL);
    assert_eq!(world.page()["lease"], Value::Null);
    for _ in 0..20 {
        world.later(SECOND / 5);
        let cx = Context::at(&world.store, world.now);
        world.background.on_tick(&NoClusters, cx);
    }
    let page = world.page();
    let lease = &page["lease"];
    assert_eq!(lease["vm"], page["proxy"]["vm"]);
    assert_eq!(lease["since"], "1970-01-01T00:16:40.200Z");
    assert_eq!(lease["age_ms"], 3_800);
    assert!(lease["until"].as_str().unwrap() > "1970-01-01T00:16:44.000Z");
}

#[test]
fn publishers_say_what_they_say_and_what_came_of_it() {
    let mut world = World::new(ALL);
    check(&world, 200);
    world.later(SECOND);
    let publish = &world.page()["publish"][0];
    assert_eq!(publish["cluster"], "hub");
    assert_eq!(publish["instance"], "10.1.1.1:80");
    assert_eq!(publish["status"], "pass");
    assert_eq!(publish["results"].as_object().unwrap().len(), 6);
}

#[test]
fn the_score_is_that_of_its_gauges() {
    let world = World::new(ALL);
    let score = &world.page()["score"];
    let place = score["score"].as_u64().unwrap() as usize;
    assert_eq!(world.policy.metrics()[place].name, "heartbeat_health_score");
    let axes = json!({ "topology": place + 1, "stability": place + 2, "protocol": place + 3 });
    assert_eq!(score["axes"], axes);
    let last = &world.policy.metrics()[place + 6].name;
    assert!(last.ends_with("axis=.=protocol;.;heartbeat_score_axis_speaks"), "{last}");
    assert_eq!(score["speaks"]["protocol"], place + 6);
    let without = World::new(
        r#"{"probes":[{"name":"page","match":{"path":"/page"},"action":"inspect","allow":{"cidrs":["::/0"]}}]}"#,
    );
    assert_eq!(without.page()["score"], Value::Null);
}

#[test]
fn what_a_cache_and_a_breaker_keep_is_seen_without_bodies_and_hosts() {
    let mut world = World::new(ALL);
    let probe = &world.policy.probes()[1];
    let (rule, cells) = probe.memory.as_ref().unwrap();
    for number in 0..40 {
        let path = format!("/lb/{number}");
        let cell =
            cells.outside(&[b"app", b"route", b"http", b"", b"secret.example", path.as_bytes()]);
        update::<CacheEntry, _>(world.cx(), &cell, |entry| {
            let answer = CachedResponse {
                status: 503,
                grpc_status: 0,
                marked: Verdict::Pass,
                content_type: None,
                body: b"a secret body".to_vec(),
                at: world.now,
            };
            entry.keep(rule, 1, world.now, answer);
            Change::Write(())
        })
        .unwrap();
    }
    let (rule, cells) = probe.breaker.as_ref().unwrap();
    update::<Breaker, _>(world.cx(), &cells.scope(&[b"app"]), |breaker| {
        (0..3).for_each(|_| assert!(breaker.record(rule, world.now, 1, world.now, true)));
        Change::Write(())
    })
    .unwrap();
    world.later(2 * SECOND);
    let text = String::from_utf8(world.written(Medium::Json)).unwrap();
    assert!(!text.contains("secret"), "{text}");
    let page: Value = serde_json::from_str(&text).unwrap();
    let kept = &page["rules"][1]["kept"];
    let entries = kept["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &kept["count"]), (32, &json!(40)));
    let [bytes, most] = ["bytes", "bytes_at_most"].map(|key| kept[key].as_u64().unwrap());
    assert!(bytes > 40 * 100 && bytes < most && most <= 16 * 1_024 * 1_024, "{kept}");
    let entry = &entries[0];
    assert!(entry["path"].as_str().unwrap().starts_with("/lb/"));
    for (key, value) in [
        ("cluster", json!("app")),
        ("fetching", json!(false)),
        ("state", json!("stale")),
        ("status", json!(503)),
        ("body_bytes", json!(13)),
        ("age_ms", json!(2_000)),
    ] {
        assert_eq!(entry[key], value, "{key}");
    }
    let breakers = &page["rules"][1]["breakers"];
    assert_eq!(breakers["count"], 1);
    assert_eq!(
        breakers["entries"][0],
        json!({ "cluster": "app", "state": "open", "failures": 3,
                "until": "1970-01-01T00:16:45.000Z" })
    );
}

#[test]
fn whoever_asks_faster_gets_the_same_page_and_both_media_say_the_same() {
    let mut world = World::new(ALL);
    let (json, html) = (world.written(Medium::Json), world.written(Medium::Html));
    world.later(SERVES - 1);
    assert_eq!(world.written(Medium::Json), json);
    assert_eq!(world.written(Medium::Html), html);
    // A breaker's 1,024 keys and a cache's 124 were looked through.
    world.later(FOR_EACH_STEP * (1_024 + 124));
    assert_eq!(world.written(Medium::Json), json);
    world.later(1);
    assert_ne!(world.written(Medium::Json), json);
    let html = String::from_utf8(html).unwrap();
    for part in ["<dt>fingerprint<dd>", "<dt>bytes at most<dd>", "<dd>sidecar~&quot;one&quot;<dt>"]
    {
        assert!(html.contains(part), "{part}: {html}");
    }
}

#[test]
fn however_many_rules_there_are_the_work_and_the_page_are_bounded() {
    let rule = |number: usize| {
        format!(
            r#"{{"name":"p{number}","match":{{"path":"/{number}"}},"action":"cache","breaker":{{}}}}"#
        )
    };
    let rules: Vec<String> = (0..5_000).map(rule).collect();
    let page =
        r#"{"name":"page","match":{"path":"/page"},"action":"inspect","allow":{"cidrs":["::/0"]}}"#;
    let world = World::new(&format!(r#"{{"probes":[{page},{}]}}"#, rules.join(",")));
    let text = world.written(Medium::Json);
    let page: Value = serde_json::from_slice(&text).unwrap();
    let shown = page["rules"].as_array().unwrap();
    let looked_at = shown.iter().filter(|rule| rule["breakers"].is_object()).count();
    assert_eq!(looked_at, 8);
    assert_eq!(shown.len() as u64 + page["left_out"].as_u64().unwrap(), 5_001);
    assert!(text.len() < 300 * 1_024, "{}", text.len());
}

#[test]
fn without_a_page_nothing_is_kept_for_one() {
    let config = ALL.replace(r#""action": "inspect""#, r#""action": "respond""#);
    let mut world = World::new(&config);
    assert!(world.policy.refusals().is_none() && world.policy.evidence().holder.is_none());
    assert!(matches!(world.asks(&get("/page")).1, Decision::Reply(Reply { status: 403, .. })));
    assert!(!world.store.keys().iter().any(|key| key.contains("refusals")));
}
