//! What a target is told, and when.

use super::*;
use crate::fusion::{Claim, Verdict};
use crate::snapshot::View;
use heartbeat_common::base::time::Nanos;
use heartbeat_common::callout::fake::{FakeAnswer, FakeCaller};
use heartbeat_common::callout::{CallRefusal, HttpCall, Payload};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

mod bodies;
mod bounds;

const SECOND: Nanos = 1_000_000_000;
const START: Instant = Instant(1_000 * SECOND);

fn rule(name: &str) -> WebhookRule {
    WebhookRule {
        name: name.into(),
        cluster: "pager".into(),
        host: "pager.example".into(),
        path: Secret("/hook".into()),
        services: Vec::new(),
        verdicts: vec!["alive", "dead", GONE],
        format: Format::Event,
        headers: Vec::new(),
        key: None,
        timeout: Duration::from_secs(2),
        retries: 3,
        backoff: Duration::from_secs(1),
        queue: 10,
    }
}

fn change_of(id: u64, instance: &str, verdict: Verdict) -> Rc<Change> {
    let view = View {
        id: instance,
        verdict,
        own: None,
        since: START,
        latency_ms: None,
        error_rate: None,
        confidence: 900,
    };
    let sources = vec![Says::new("istio", Claim::Dead, 900), Says::new("edge", Claim::Alive, 600)];
    let of = ("payments", instance);
    Rc::new(Change::new(id, of, Some(&view), Verdict::Unknown, sources, (5, 7)))
}

fn change(id: u64) -> Rc<Change> {
    change_of(id, "10.1.0.5:80", if id.is_multiple_of(2) { Verdict::Alive } else { Verdict::Dead })
}

/// Webhooks, and who takes their calls.
struct Setup {
    webhooks: Webhooks,
    caller: FakeCaller,
    now: Instant,
}

impl Setup {
    fn of(rules: Vec<WebhookRule>) -> Self {
        let rules: Vec<_> = rules.into_iter().map(Rc::new).collect();
        let webhooks = Webhooks::new(&rules, 7);
        Self { webhooks, caller: FakeCaller::default(), now: START }
    }

    fn note(&mut self, ids: impl IntoIterator<Item = u64>) {
        let changes: Vec<_> = ids.into_iter().map(change).collect();
        self.webhooks.note(&changes);
    }

    /// Lets time go by until a call is made; none where nothing is due within `within`.
    fn next_call(&mut self, within: Nanos) -> Option<(CallToken, HttpCall)> {
        let end = self.now + within;
        let before = self.caller.calls.borrow().len();
        while self.now <= end {
            self.webhooks.call(&self.caller, self.now);
            if self.caller.calls.borrow().len() > before {
                return self.caller.last_call();
            }
            self.now = self.webhooks.next()?.max(self.now + 1_000_000);
        }
        self.now = end;
        None
    }

    fn calls(&mut self) -> (CallToken, HttpCall) {
        self.next_call(0).unwrap()
    }

    fn answer(&mut self, token: CallToken, answer: &FakeAnswer) {
        self.webhooks.on_answer(token, answer, self.now);
    }

    fn takes(&mut self, status: &'static str) -> HttpCall {
        let (token, call) = self.calls();
        self.answer(token, &FakeAnswer::of_upstream(status));
        call
    }

    fn results(&mut self) -> HashMap<(usize, &'static str), u64> {
        let mut sums = HashMap::new();
        for (place, result, count) in self.webhooks.take_results() {
            *sums.entry((place, result.word())).or_default() += count;
        }
        sums
    }
}

fn document(call: &HttpCall) -> Value {
    serde_json::from_slice(call.payload.body()).unwrap()
}

fn ids(call: &HttpCall) -> Vec<u64> {
    let document = document(call);
    let changes = document["changes"].as_array().unwrap();
    changes.iter().map(|change| change["id"].as_u64().unwrap()).collect()
}

fn header<'a>(call: &'a HttpCall, name: &str) -> Option<&'a str> {
    call.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn what_comes_while_a_delivery_is_under_way_is_told_together_after_it() {
    let mut setup = Setup::of(vec![rule("pager")]);
    assert!(setup.next_call(SECOND).is_none(), "there is nothing to tell");
    setup.note([1]);
    let (token, call) = setup.calls();
    assert_eq!(ids(&call), [1]);
    setup.note([2, 3]);
    assert!(setup.next_call(SECOND).is_none(), "one at a time");
    setup.answer(token, &FakeAnswer::of_upstream("204"));
    assert_eq!(ids(&setup.takes("200")), [2, 3]);
    assert_eq!(setup.results(), HashMap::from([((0, "delivered"), 3)]));
    assert!(setup.webhooks.take_log().is_empty());
}

#[test]
fn a_delivery_that_fails_is_tried_again_alike_and_later_each_time() {
    let mut setup = Setup::of(vec![rule("pager")]);
    setup.note([1]);
    let first = setup.takes("500");
    setup.note([2]);
    let mut last = setup.now;
    for least in [500, 1_000, 2_000] {
        let (token, call) = setup.next_call(10 * SECOND).unwrap();
        assert_eq!(call, first, "what came meanwhile waits");
        let pause = setup.now.since(last) / 1_000_000;
        assert!((least..=2 * least + 2).contains(&pause), "{pause} ms");
        last = setup.now;
        setup.answer(token, &FakeAnswer::timed_out());
    }
    let (_, call) = setup.next_call(10 * SECOND).unwrap();
    assert_eq!((ids(&call), document(&call)["missed"].as_u64()), (vec![2], Some(1)));
    assert_eq!(setup.results(), HashMap::from([((0, "retried"), 3), ((0, "given_up"), 1)]));
}

#[test]
fn what_a_target_refuses_is_not_tried_again_and_the_next_delivery_says_so() {
    for status in ["301", "307", "400", "403", "404", "410"] {
        let mut setup = Setup::of(vec![rule("pager")]);
        setup.note([1, 2]);
        setup.takes(status);
        setup.note([3]);
        let call = setup.takes("200");
        assert_eq!((ids(&call), document(&call)["missed"].as_u64()), (vec![3], Some(2)));
        setup.note([4]);
        assert_eq!(document(&setup.takes("200"))["missed"], 0, "it was told");
        let counts = HashMap::from([((0, "refused"), 2), ((0, "delivered"), 2)]);
        assert_eq!(setup.results(), counts, "{status}");
    }
}

#[test]
fn a_target_that_wants_to_be_left_alone_is_for_five_minutes_at_most() {
    for (says, least, most) in [("7", 7, 8), ("100000", 300, 301), ("soon", 0, 2)] {
        for status in ["429", "503"] {
            let mut setup = Setup::of(vec![rule("pager")]);
            setup.note([1]);
            let (token, _) = setup.calls();
            let answer = FakeAnswer::of_upstream(status).with_header("retry-after", says);
            setup.answer(token, &answer);
            let since = setup.now;
            setup.next_call(1_000 * SECOND).unwrap();
            let pause = setup.now.since(since) / SECOND;
            assert!((least..=most).contains(&pause), "{says}: {pause} s");
        }
    }
}

#[test]
fn the_log_says_once_that_a_target_fails_and_once_that_it_is_back() {
    let mut setup = Setup::of(vec![rule("pager")]);
    setup.note([1]);
    setup.caller.refuses.set(Some(CallRefusal::UnknownCluster));
    for _ in 0..2 {
        setup.next_call(10 * SECOND);
    }
    setup.caller.refuses.set(None);
    let mut said = setup.webhooks.take_log();
    let begins = r#"webhook "pager": a delivery failed: Envoy has no such cluster"#;
    assert!(said[0].starts_with(begins), "{said:?}");
    said.drain(..1);
    setup.note([2]);
    for status in ["503", "503", "200"] {
        let (token, _) = setup.next_call(100 * SECOND).unwrap();
        setup.answer(token, &FakeAnswer::of_upstream(status));
    }
    said.extend(setup.webhooks.take_log());
    said.retain(|line| !line.contains("were not delivered"));
    assert_eq!(said, [r#"webhook "pager": it takes deliveries again"#]);
}

#[test]
fn a_webhook_is_told_of_its_services_and_verdicts_alone() {
    let other = WebhookRule { services: vec!["orders".into()], ..rule("orders") };
    let deaths = WebhookRule { verdicts: vec!["dead"], ..rule("deaths") };
    let mut setup = Setup::of(vec![other, deaths]);
    setup.note(1..=4);
    assert_eq!(ids(&setup.calls().1), [1, 3]);
    assert!(setup.next_call(0).is_none());
}

#[test]
fn an_answer_that_never_comes_is_a_failure_too() {
    let mut setup = Setup::of(vec![rule("pager")]);
    setup.note([1]);
    let (token, first) = setup.calls();
    let (_, again) = setup.next_call(20 * SECOND).unwrap();
    assert_eq!(again, first);
    setup.answer(token, &FakeAnswer::of_upstream("200"));
    assert_eq!(setup.results(), HashMap::from([((0, "retried"), 1)]), "its time is over");
}

#[test]
fn a_key_signs_the_body() {
    // RFC 4231, test case 2.
    assert_eq!(
        signature::signature("Jefe", b"what do ya want for nothing?"),
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    let key = Some(Secret("a-key".into()));
    let headers = vec![("authorization".to_owned(), Secret("Bearer t".into()))];
    let mut setup = Setup::of(vec![WebhookRule { key, headers, ..rule("pager") }]);
    setup.note([8]);
    let call = setup.takes("200");
    let expected = signature::signature("a-key", call.payload.body());
    assert_eq!(header(&call, "x-heartbeat-signature"), Some(&*expected));
    assert_eq!(header(&call, "authorization"), Some("Bearer t"));
    assert_eq!(header(&call, "x-heartbeat-delivery"), Some("pager-8-1-0"));
    assert!(!format!("{:?}", rule("pager")).contains("/hook"), "no secret gets into a log");
}

#[test]
fn the_next_owner_goes_on_with_what_was_not_delivered() {
    let mut setup = Setup::of(vec![rule("pager"), rule("other")]);
    setup.note(1..=14);
    let mut kept = HashMap::new();
    setup.webhooks.keep(|name, bytes| kept.insert(name.to_owned(), bytes.to_vec()).is_none());
    setup.webhooks.keep(|_, _| panic!("nothing has changed"));
    let mut next = Setup::of(vec![rule("new"), rule("pager")]);
    next.webhooks.restore(|name| kept.get(name).cloned());
    let call = next.takes("200");
    assert_eq!((ids(&call), document(&call)["missed"].as_u64()), ((5..=14).collect(), Some(4)));
    assert!(next.next_call(0).is_none(), "a new one has nothing to tell");
    let mut garbage = Setup::of(vec![rule("pager")]);
    garbage.webhooks.restore(|_| Some(b"\x02nothing that this module has kept".to_vec()));
    assert!(garbage.next_call(0).is_none());
}
