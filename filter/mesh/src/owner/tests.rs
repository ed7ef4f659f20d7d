use super::*;
use crate::assignment::{Endpoint, Metadata};
use crate::event::Place;
use crate::event::Report;
use crate::fusion::{Claim, FusionRule};
use crate::records::Batch;
use crate::recovery::RecoveryRule;
use crate::shared::Held;
use crate::source::{Manner, Silence, SourceRule};
use crate::table::{LearnRule, Member, ServiceRule};
use heartbeat_common::clients::cidr::Cidr;
use heartbeat_common::state::fake::FakeStore;
use proptest::prelude::*;
use serde_json::Value;

const MS: Nanos = 1_000_000;
const SECOND: Nanos = 1_000 * MS;
const START: Instant = Instant(1_000 * SECOND);
const WALL: WallTime = WallTime(1_790_000_000_000_000_000);

fn posts(name: &str) -> SourceRule {
    let manner = Manner::Posts { stale: 5 * SECOND, beat: None };
    SourceRule { name: name.into(), trust: 0.9, manner, silence: Silence::Stale }
}

fn rule(sources: Vec<SourceRule>) -> Rc<OwnerRule> {
    let endpoint = |address: &str| Endpoint {
        address: address.parse().unwrap(),
        locality: Default::default(),
        priority: 0,
        weight: 1,
        metadata: Rc::new(Metadata::default()),
    };
    let member = |id: &str| Member { id: id.into(), endpoint: endpoint(id) };
    let learn = LearnRule {
        addresses: vec![Cidr::parse("10.2.0.0/16").unwrap()],
        forget: 30 * SECOND,
        most: 5,
        metadata: Rc::default(),
    };
    let service = |name: &str, members: &[&str], learn: &[LearnRule]| ServiceRule {
        name: name.into(),
        members: members.iter().map(|id| member(id)).collect(),
        learn: learn.to_vec(),
        forget: 60 * SECOND,
        fusion: FusionRule::default(),
        weigh_by_trust: false,
    };
    let services = vec![
        service("payments", &["10.1.0.1:80", "10.1.0.2:80"], &[]),
        service("orders", &[], &[learn]),
    ];
    Rc::new(OwnerRule::new(sources, services, RecoveryRule::default(), 100, 5 * MS))
}

/// A hub in which one VM is all: the owner, and what it has handed out.
struct Hub {
    store: FakeStore,
    keys: Rc<Keys>,
    rule: Rc<OwnerRule>,
    metrics: Rc<Metrics>,
    owner: Owner,
    now: Instant,
    stamp: u64,
    woken: Vec<Vec<u8>>,
}

impl Hub {
    fn new(sources: Vec<SourceRule>) -> Self {
        Self::of(rule(sources))
    }

    fn of(rule: Rc<OwnerRule>) -> Self {
        let (store, keys) = (FakeStore::default(), Rc::new(Keys::of("hub")));
        let metrics = Rc::new(Metrics::define(&rule.sources, &rule.services, &[]).0);
        let cx = Context::at(&store, START);
        let owner = Owner::begin(&rule, &keys, &metrics, WALL, cx);
        update::<Workers, _>(cx, &keys.workers, |workers| {
            workers.see(1, 7, Held::default(), START + 1_000_000 * SECOND);
            Change::Write(())
        })
        .unwrap();
        Self { store, keys, rule, metrics, owner, now: START, stamp: 0, woken: Vec::new() }
    }

    fn takes_over(&mut self) {
        let cx = Context::at(&self.store, self.now);
        self.owner = Owner::begin(&self.rule, &self.keys, &self.metrics, WALL, cx);
    }

    fn says(&mut self, source: &str, service: &str, id: &str, claim: Claim) {
        self.stamp += 1;
        self.says_at(source, service, id, claim, self.stamp);
    }

    fn says_at(&mut self, source: &str, service: &str, id: &str, claim: Claim, stamp: u64) {
        let report = Report { stamp, claim, ..Report::default() };
        let place = Place::default();
        let mut batch = Batch::begin(source, self.now, 1);
        batch.push(service, id, &report, Some(&place));
        self.owner.on_message(&batch.finish(), self.now);
        self.publishes();
    }

    fn publishes(&mut self) {
        let wakes = self.owner.publish(Context::at(&self.store, self.now));
        self.woken.extend(wakes.into_iter().map(|(queue, wake)| {
            assert_eq!(queue, 7);
            wake
        }));
    }

    /// Time goes by: the owner does what it is to do when it says it is to.
    fn waits(&mut self, time: Nanos) {
        let end = self.now + time;
        while self.now < end {
            self.now = self.owner.next(self.now).max(self.now + MS).min(end);
            self.owner.on_time(self.now);
            self.publishes();
        }
    }

    fn assignment(&self, service: &str) -> Option<(String, Value)> {
        let (bytes, _) = self.store.read(&self.keys.assignment(service))?;
        let (version, document) = Assignment::read(&bytes).unwrap();
        Some((version.to_owned(), serde_json::from_slice(document).unwrap()))
    }

    /// Address and health status of the endpoints that clients know.
    fn endpoints(&self, service: &str) -> Vec<(String, String)> {
        let Some((_, document)) = self.assignment(service) else { return Vec::new() };
        let localities = document["resources"][0]["endpoints"].as_array().unwrap().clone();
        let endpoints = localities.iter().flat_map(|it| it["lb_endpoints"].as_array().unwrap());
        endpoints
            .map(|it| {
                let address = &it["endpoint"]["address"]["socket_address"];
                let port = address["port_value"].as_u64().unwrap();
                let address = format!("{}:{port}", address["address"].as_str().unwrap());
                (address, it["health_status"].as_str().unwrap_or("HEALTHY").to_owned())
            })
            .collect()
    }

    fn status_of(&self, service: &str, address: &str) -> Option<String> {
        self.endpoints(service).into_iter().find(|it| it.0 == address).map(|it| it.1)
    }
}

#[test]
fn a_change_goes_out_at_once_and_wakes_those_who_wait() {
    let mut hub = Hub::new(vec![posts("istio")]);
    hub.waits(SECOND);
    hub.woken.clear();
    hub.says("istio", "payments", "10.1.0.1:80", Claim::Dead);
    assert_eq!(hub.status_of("payments", "10.1.0.1:80").as_deref(), Some("UNHEALTHY"));
    assert_eq!(hub.woken, [Wake::Assignment("payments").write(), Wake::Changes.write()]);
}

#[test]
fn several_changes_within_the_pace_go_out_together() {
    let mut hub = Hub::new(vec![posts("istio")]);
    hub.waits(SECOND);
    hub.says("istio", "payments", "10.1.0.1:80", Claim::Dead);
    let first = hub.assignment("payments");
    hub.now = hub.now + MS;
    hub.says("istio", "payments", "10.1.0.2:80", Claim::Draining);
    hub.says("istio", "payments", "10.1.0.1:80", Claim::Draining);
    assert_eq!(hub.assignment("payments"), first, "it is too soon");
    hub.waits(5 * MS);
    let both = hub.endpoints("payments");
    assert!(both.iter().all(|it| it.1 == "DRAINING"), "{both:?}");
}

#[test]
fn an_owner_that_knows_nothing_listens_for_two_beats_before_it_says_anything() {
    let manner = Manner::Posts { stale: 5 * SECOND, beat: Some(SECOND) };
    let beats = SourceRule { manner, ..posts("edge") };
    let asked = SourceRule {
        manner: Manner::IsAsked { interval: 2 * SECOND, stale: 6 * SECOND, fall: 1 },
        ..posts("p")
    };
    let mut hub = Hub::new(vec![beats, asked]);
    hub.says("edge", "payments", "10.1.0.1:80", Claim::Dead);
    hub.waits(4 * SECOND - MS);
    assert_eq!(hub.assignment("payments"), None);
    hub.waits(2 * MS);
    assert!(hub.assignment("payments").is_some());
}

#[test]
fn an_owner_that_follows_streams_waits_for_their_first_word() {
    let watch = SourceRule { manner: Manner::Streams, ..posts("watch") };
    let mut hub = Hub::new(vec![watch]);
    hub.waits(2 * SECOND - 2 * MS);
    assert_eq!(hub.assignment("payments"), None);
    hub.waits(4 * MS);
    assert!(hub.assignment("payments").is_some());
}

#[test]
fn where_all_are_silent_it_waits_longer_but_not_for_ever() {
    let manner = Manner::Posts { stale: 5 * SECOND, beat: Some(SECOND) };
    let beats = SourceRule { manner, ..posts("edge") };
    let mut hub = Hub::new(vec![beats.clone()]);
    hub.waits(5 * SECOND);
    assert_eq!(hub.assignment("payments"), None);
    hub.says("edge", "payments", "10.1.0.1:80", Claim::Alive);
    assert_eq!(hub.assignment("payments"), None, "the others are still to speak");
    hub.waits(SECOND + MS);
    assert!(hub.assignment("payments").is_some());
    let mut hub = Hub::new(vec![beats]);
    hub.waits(10 * SECOND + 10 * MS);
    assert!(hub.assignment("payments").is_some());
}

#[test]
fn whoever_takes_over_says_the_same_at_once() {
    let manner = Manner::Posts { stale: 5 * SECOND, beat: Some(SECOND) };
    let mut hub = Hub::new(vec![SourceRule { manner, ..posts("edge") }]);
    hub.waits(3 * SECOND);
    hub.says("edge", "payments", "10.1.0.1:80", Claim::Dead);
    hub.says("edge", "orders", "10.2.0.1:80", Claim::Dead);
    hub.waits(SECOND);
    let before = [hub.assignment("payments"), hub.assignment("orders")];
    hub.takes_over();
    hub.publishes();
    assert_eq!([hub.assignment("payments"), hub.assignment("orders")], before);
    hub.says("edge", "payments", "10.1.0.1:80", Claim::Alive);
    hub.waits(10 * MS);
    assert_eq!(hub.status_of("payments", "10.1.0.1:80").as_deref(), Some("DEGRADED"));
}

/// A rule with 1,000 members more.
fn rule_of_many() -> Rc<OwnerRule> {
    let few = rule(vec![posts("istio")]);
    let mut services = few.services.clone();
    let more = (0..1_000).map(|number| {
        let known = &services[0].members[0];
        let endpoint = Endpoint { address: address(number), ..known.endpoint.clone() };
        Member { id: address(number).to_string(), endpoint }
    });
    let more: Vec<_> = more.collect();
    services[0].members.extend(more);
    Rc::new(OwnerRule::new(few.sources.clone(), services, RecoveryRule::default(), 2_000, 5 * MS))
}

fn address(number: u16) -> std::net::SocketAddr {
    let [high, low] = number.to_be_bytes();
    ([10, 3, high, low], 80).into()
}

#[test]
fn what_is_known_of_many_goes_out_once_a_second_while_somebody_reads_it() {
    for (reads, expected) in [(false, 3 * SECOND), (true, SECOND)] {
        let mut hub = Hub::of(rule_of_many());
        let cx = Context::at(&hub.store, START);
        let workers = update::<Workers, _>(cx, &hub.keys.workers, |workers| {
            let held = Held { reads, ..Held::default() };
            workers.see(1, 7, held, START + 1_000_000 * SECOND);
            Change::Write(())
        });
        workers.unwrap();
        let mut oldest = 0;
        for step in 0..1_000 {
            hub.waits(10 * MS);
            let mut at = hub.now;
            InMemory::new(&hub.keys, &hub.store).recall("payments", &mut |it| at = it.head.at);
            oldest = oldest.max(if step < 200 { 0 } else { hub.now.since(at) });
        }
        assert!((expected - 20 * MS..=expected).contains(&oldest), "{reads}: {oldest}");
    }
}

#[test]
fn a_silence_is_noticed_when_it_is_one() {
    let manner = Manner::Posts { stale: 5 * SECOND, beat: Some(100 * MS) };
    let beats = SourceRule { manner, silence: Silence::Down, ..posts("edge") };
    let mut hub = Hub::new(vec![beats]);
    let (silent, other) = ("10.1.0.1:80", "10.1.0.2:80");
    for _ in 0..50 {
        hub.says("edge", "payments", silent, Claim::Alive);
        hub.says("edge", "payments", other, Claim::Alive);
        hub.waits(100 * MS);
    }
    let last = hub.now;
    hub.says("edge", "payments", silent, Claim::Alive);
    // Two beats of grace and a spread of 50 ms, five times: 561 ms.
    while hub.status_of("payments", silent).as_deref() != Some("UNHEALTHY") {
        hub.says("edge", "payments", other, Claim::Alive);
        hub.waits(7 * MS);
        assert!(hub.now.since(last) < SECOND);
    }
    let took = hub.now.since(last);
    assert!((560 * MS..580 * MS).contains(&took), "{took}");
}

#[test]
fn where_nobody_was_ever_named_nothing_is_published() {
    let mut hub = Hub::new(vec![posts("istio")]);
    hub.waits(SECOND);
    assert_eq!(hub.assignment("orders"), None);
    hub.says("istio", "orders", "10.2.0.1:80", Claim::Alive);
    assert_eq!(hub.endpoints("orders").len(), 1);
}

#[test]
fn what_is_missing_in_the_queue_is_not_waited_for_for_ever() {
    let mut hub = Hub::new(vec![posts("istio")]);
    update::<Traffic, _>(Context::at(&hub.store, START), &hub.keys.traffic, |traffic| {
        traffic.put = 100;
        Change::Write(())
    })
    .unwrap();
    for millis in [0, 500, 1_100] {
        hub.owner.on_empty_queue(Context::at(&hub.store, START + millis * MS));
    }
    hub.publishes();
    let traffic: Traffic = hub.keys.traffic.read(&hub.store);
    assert_eq!(traffic.waits(), 0);
}

#[derive(Clone, Debug)]
enum Step {
    Says { source: usize, service: usize, instance: u8, claim: usize, stamp: u64 },
    Waits(Nanos),
    TakesOver,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let says = (0..4_usize, 0..3_usize, 0..9_u8, 0..5_usize, 0..60_u64).prop_map(
        |(source, service, instance, claim, stamp)| Step::Says {
            source,
            service,
            instance,
            claim,
            stamp,
        },
    );
    let waits = prop_oneof![4 => 0..9_000_u64, 1 => 0..200_000_u64];
    let waits = waits.prop_map(|millis| Step::Waits(millis * MS));
    let step = prop_oneof![12 => says, 4 => waits, 1 => Just(Step::TakesOver)];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_sequence_of_events_ever_publishes_an_empty_assignment(steps in steps()) {
        let manner = Manner::Posts { stale: 2 * SECOND, beat: Some(SECOND) };
        let down = SourceRule { manner, silence: Silence::Down, ..posts("edge") };
        let follows = SourceRule { manner: Manner::Follows, ..posts("west") };
        let mut hub = Hub::new(vec![posts("istio"), down, follows]);
        let mut learnt = false;
        for step in steps {
            match step {
                Step::Says { source, service, instance, claim, stamp } => {
                    let source = ["istio", "edge", "west", "nobody"][source];
                    let service = ["payments", "orders", "unknown"][service];
                    let net = if service == "payments" { 1 } else { 2 };
                    let id = format!("10.{net}.0.{instance}:80");
                    hub.says_at(source, service, &id, Claim::ALL[claim], stamp);
                }
                Step::Waits(time) => hub.waits(time),
                Step::TakesOver => hub.takes_over(),
            }
            if hub.assignment("payments").is_some() {
                prop_assert_eq!(hub.endpoints("payments").len(), 2, "never fewer than its members");
            }
            learnt |= hub.assignment("orders").is_some();
            prop_assert!(!learnt || (1..=5).contains(&hub.endpoints("orders").len()));
        }
    }
}
