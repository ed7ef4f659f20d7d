//! What the facts are, and what they mean for a probe.

use super::*;
use crate::base::metric::Registry;
use crate::base::outcome::Verdict;
use crate::base::time::{Instant, Nanos};
use crate::callout::CheckResponse;
use crate::config::Config;
use crate::evidence::condition::Basis;
use crate::evidence::report::Finding;
use crate::facts::admin::{self, AdminState, Membership, Stats, UNREACHABLE, View};
use crate::facts::check::{CheckState, CheckStatus, Initial, Observation};
use crate::facts::traffic::{Reading, Window, judge};
use crate::guards::upstream::Protocols;
use crate::probe::Action;
use crate::state::fake::FakeStore;
use crate::state::{Change, Context, Decoder, Encoder, State};
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MS: Nanos = 1_000_000;
const SECOND: Nanos = 1_000 * MS;
const NOW: Instant = Instant(1_000_000 * SECOND);

fn config(when: &str) -> Config {
    let text = format!(
        r#"{{"probes":[{{"name":"p","match":{{"path":"/p"}},"action":"respond","when":[{when}]}}],
            "checks":[{{"name":"db","http":{{"cluster":"db","path":"/ping","expect":["2xx","404"]}},
                       "interval":"1s","timeout":"200ms","rise":2,"fall":3}}],
            "admin":{{"cluster":"envoy_admin","interval":"1s","timeout":"500ms"}}}}"#
    );
    Config::parse(text.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn hosts_of(total: u64, healthy: u64, degraded: u64) -> Membership {
    Membership { total, healthy, degraded, ..Membership::default() }
}

/// Some evidence, and a probe that rests on it.
struct Scene {
    evidence: Evidence,
    items: Rc<[Item]>,
    store: FakeStore,
}

impl Scene {
    fn new(when: &str) -> Self {
        let config = config(when);
        let mut metrics = Vec::new();
        let mut metrics = Registry::new(&mut metrics);
        let upstreams = Upstreams::new("hb", &mut metrics);
        let evidence = Evidence::compile(&config, "hb", upstreams, &mut metrics);
        let items = evidence.items_of(&config.probes[0], &config);
        Self { evidence, items, store: FakeStore::default() }
    }

    fn gets(&self, response: &CheckResponse, now: Instant) {
        let check = &self.evidence.checks[0];
        let observation = Observation::judge(&check.rule, response, 12 * MS, now);
        let recorded = check.state.update(Context::at(&self.store, now), |state| {
            state.record(&check.rule, observation.clone());
            Change::Write(())
        });
        recorded.unwrap();
    }

    fn sees(&self, view: View, now: Instant) {
        let admin = self.evidence.admin.as_ref().unwrap();
        let seen = admin.state.update(Context::at(&self.store, now), |state| {
            state.seen = Some((view.clone(), now));
            Change::Write(())
        });
        seen.unwrap();
    }

    fn misses(&self, failures: u64, hidden: bool, now: Instant) {
        let admin = self.evidence.admin.as_ref().unwrap();
        let missed = admin.state.update(Context::at(&self.store, now), |state| {
            *state = AdminState { seen: None, failures, hidden };
            Change::Write(())
        });
        missed.unwrap();
    }

    fn counts(&self, requests: usize, errors: usize, now: Instant) {
        (0..requests - errors).for_each(|_| self.evidence.tally.count(false));
        (0..errors).for_each(|_| self.evidence.tally.count(true));
        self.evidence.share(Context::at(&self.store, now));
    }

    fn finds(&self, now: Instant) -> Finding {
        let report = self.evidence.report(&self.items, Detail::Full, Context::at(&self.store, now));
        assert_eq!(report.verdict(), report.findings[0].verdict);
        let unread =
            self.evidence.report(&self.items, Detail::Omitted, Context::at(&self.store, now));
        assert_eq!(unread.verdict(), report.verdict(), "whoever reads it");
        report.findings.into_iter().next().unwrap()
    }

    fn says(&self, now: Instant) -> (Verdict, String) {
        let Finding { verdict, output, .. } = self.finds(now);
        (verdict, output)
    }
}

const GOOD: CheckResponse = CheckResponse::Answer(204);
const BAD: CheckResponse = CheckResponse::Answer(500);

#[test]
fn a_check_that_was_not_answered_yet_is_not_ready() {
    let scene = Scene::new(r#"{"check":"db"}"#);
    assert_eq!(scene.says(NOW), (Verdict::Fail, "no answer yet".into()));
    assert_eq!(scene.finds(NOW).at, None);
}

#[test]
fn the_first_answer_decides() {
    let scene = Scene::new(r#"{"check":"db"}"#);
    scene.gets(&GOOD, NOW);
    assert_eq!(scene.says(NOW), (Verdict::Pass, "answered 204 in 12 ms".into()));
    let scene = Scene::new(r#"{"check":"db"}"#);
    scene.gets(&BAD, NOW);
    assert_eq!(scene.says(NOW), (Verdict::Fail, "answered 500, not 2xx or 404".into()));
    scene.gets(&GOOD, NOW + SECOND);
    let up = scene.says(NOW + SECOND);
    assert_eq!(up.0, Verdict::Pass, "what never was up is up with its first good answer");
}

#[test]
fn fall_bad_answers_in_a_row_bring_it_down_and_rise_good_ones_up() {
    let scene = Scene::new(r#"{"check":"db"}"#);
    let steps = [
        (&GOOD, Verdict::Pass, "answered 204 in 12 ms"),
        (&BAD, Verdict::Pass, "answered 500, not 2xx or 404 (1 of 3 in a row)"),
        (&BAD, Verdict::Pass, "answered 500, not 2xx or 404 (2 of 3 in a row)"),
        (&GOOD, Verdict::Pass, "answered 204 in 12 ms"),
        (&BAD, Verdict::Pass, "answered 500, not 2xx or 404 (1 of 3 in a row)"),
        (&BAD, Verdict::Pass, "answered 500, not 2xx or 404 (2 of 3 in a row)"),
        (&BAD, Verdict::Fail, "answered 500, not 2xx or 404"),
        (&GOOD, Verdict::Fail, "answered 204 in 12 ms (1 of 2 in a row)"),
        (&BAD, Verdict::Fail, "answered 500, not 2xx or 404"),
        (&GOOD, Verdict::Fail, "answered 204 in 12 ms (1 of 2 in a row)"),
        (&GOOD, Verdict::Pass, "answered 204 in 12 ms"),
    ];
    for (second, (response, verdict, output)) in (0..).zip(steps) {
        let now = NOW + second * SECOND;
        scene.gets(response, now);
        assert_eq!(scene.says(now), (verdict, output.into()), "after {second} s");
    }
}

#[test]
fn initial_pass_is_up_until_fall_bad_answers() {
    let mut config = config(r#"{"check":"db"}"#);
    config.checks[0].initial = Initial::Pass;
    let rule = &config.checks[0];
    let mut state = CheckState::default();
    for (answers, status) in
        [(0, CheckStatus::Up), (1, CheckStatus::Up), (2, CheckStatus::Up), (3, CheckStatus::Down)]
    {
        assert_eq!(state.status(rule.initial), status, "after {answers}");
        state.record(rule, Observation::judge(rule, &BAD, 0, NOW));
    }
}

#[test]
fn each_way_to_fail_has_its_own_words() {
    let scene = Scene::new(r#"{"check":"db"}"#);
    for (response, output) in [
        (CheckResponse::Answer(503), "answered 503, not 2xx or 404"),
        (CheckResponse::Timeout, "no answer within 200 ms"),
        (CheckResponse::Nothing("connection refused".into()), "connection refused"),
        (CheckResponse::TooLarge(2_000_000), "the answer is too large: 2000000 bytes"),
    ] {
        scene.gets(&response, NOW);
        assert_eq!(scene.says(NOW + 10 * MS).1, output);
    }
}

#[test]
fn the_severity_of_an_item_says_what_its_failure_means() {
    let scene = Scene::new(r#"{"check":"db","severity":"warn"}"#);
    scene.gets(&BAD, NOW);
    assert_eq!(scene.finds(NOW).verdict, Verdict::Warn);
}

#[test]
fn a_check_goes_stale_after_three_rounds_and_warns_unless_told_to_fail() {
    for (when, verdict) in [
        (r#"{"check":"db"}"#, Verdict::Warn),
        (r#"{"check":"db","on_stale":"fail"}"#, Verdict::Fail),
        (r#"{"check":"db","on_stale":"fail","severity":"warn"}"#, Verdict::Warn),
    ] {
        let scene = Scene::new(when);
        scene.gets(&GOOD, NOW);
        assert_eq!(scene.finds(NOW + 3_200 * MS).verdict, Verdict::Pass, "{when}");
        let output = "not asked for 3.2 s; answered 204 in 12 ms";
        assert_eq!(scene.says(NOW + 3_201 * MS), (verdict, output.into()), "{when}");
    }
}

fn view(live: bool, hosts: Option<[u64; 3]>) -> View {
    let hosts = hosts.map(|[total, healthy, degraded]| hosts_of(total, healthy, degraded));
    View { live, clusters: vec![hosts], ..View::default() }
}

#[test]
fn a_draining_server_fails() {
    let scene = Scene::new(r#"{"server":"live"}"#);
    scene.sees(view(true, None), NOW);
    assert_eq!(scene.says(NOW), (Verdict::Pass, "live".into()));
    scene.sees(view(false, None), NOW + SECOND);
    assert_eq!(scene.says(NOW + SECOND), (Verdict::Fail, "draining".into()));
}

#[test]
fn an_admin_interface_out_of_sight_warns_and_fails_only_before_anything_is_known() {
    for when in [r#"{"server":"live"}"#, r#"{"cluster":"orders"}"#] {
        let scene = Scene::new(when);
        assert_eq!(scene.says(NOW), (Verdict::Fail, "the admin interface was not seen yet".into()));
        assert!(scene.finds(NOW).pending);
        scene.misses(UNREACHABLE, false, NOW);
        let never = "the admin interface was never seen";
        assert_eq!(scene.says(NOW), (Verdict::Warn, never.into()));
        scene.misses(UNREACHABLE, true, NOW);
        let hidden = format!("{never}: it shows no server.live: a stats_matcher hides that");
        assert_eq!(scene.says(NOW + SECOND), (Verdict::Warn, hidden));
        scene.misses(0, false, NOW + SECOND);
        scene.sees(view(true, Some([4, 4, 0])), NOW);
        assert_eq!(scene.finds(NOW + 3_500 * MS).verdict, Verdict::Pass);
        let output = "the admin interface was not seen for 3.6 s";
        assert_eq!(scene.says(NOW + 3_600 * MS), (Verdict::Warn, output.into()));
    }
}

const TRAFFIC: &str =
    r#"{"traffic":{"max_error_rate":"20%","min_requests":20,"window":"10s","recovers_at":"10%"}}"#;

#[test]
fn too_few_requests_say_nothing() {
    let scene = Scene::new(TRAFFIC);
    assert_eq!(scene.says(NOW), (Verdict::Pass, "0 requests in 10.0 s, fewer than 20".into()));
    scene.counts(19, 19, NOW);
    assert_eq!(scene.finds(NOW).verdict, Verdict::Pass);
    scene.counts(1, 1, NOW);
    let output = "20 of 20 requests failed in 10.0 s: 100 %";
    assert_eq!(scene.says(NOW + 10 * MS), (Verdict::Fail, output.into()));
}

#[test]
fn more_errors_than_the_rate_fail_and_it_recovers_at_its_own_rate() {
    let scene = Scene::new(TRAFFIC);
    scene.counts(100, 20, NOW);
    assert_eq!(scene.finds(NOW).verdict, Verdict::Pass, "20 % is not more than 20 %");
    scene.counts(1, 1, NOW + 10 * MS);
    assert_eq!(scene.finds(NOW + 20 * MS).verdict, Verdict::Fail);
    scene.counts(50, 0, NOW + 30 * MS);
    let between = scene.says(NOW + 40 * MS);
    assert_eq!(between, (Verdict::Fail, "21 of 151 requests failed in 10.0 s: 13.9 %".into()));
    scene.counts(100, 0, NOW + 50 * MS);
    assert_eq!(scene.finds(NOW + 60 * MS).verdict, Verdict::Pass, "8.36 %");
    scene.counts(20, 10, NOW + 70 * MS);
    assert_eq!(scene.finds(NOW + 80 * MS).verdict, Verdict::Pass, "11.4 % is below 20 % again");
}

#[test]
fn a_window_forgets() {
    let scene = Scene::new(TRAFFIC);
    scene.counts(100, 100, NOW);
    assert_eq!(scene.finds(NOW + 9 * SECOND).verdict, Verdict::Fail);
    assert_eq!(scene.finds(NOW + 10 * SECOND).verdict, Verdict::Pass);
    scene.counts(100, 15, NOW + 11 * SECOND);
    let after = scene.finds(NOW + 11 * SECOND + 10 * MS);
    assert_eq!(after.verdict, Verdict::Fail, "still tripped, and above the rate to recover at");
}

#[test]
fn what_a_worker_counts_that_read_the_clock_a_moment_earlier_belongs_to_the_window() {
    let scene = Scene::new(TRAFFIC);
    scene.counts(100, 100, NOW);
    scene.counts(10, 10, NOW - MS);
    assert_eq!(scene.says(NOW + 10 * MS).1, "110 of 110 requests failed in 10.0 s: 100 %");
}

#[test]
fn an_error_is_the_servers_fault() {
    let rule = match &config(TRAFFIC).probes[0].action {
        Action::Respond(rule) => match &rule.when[0].basis {
            Basis::Traffic(rule) => rule.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let tally = Tally::default();
    let count = |status, code, hurried| {
        judge(status, code, || hurried).into_iter().for_each(|failed| tally.count(failed));
    };
    let http = |status| count(status, None, false);
    let grpc = |code| count(Some(200), Some(code), false);
    [Some(404), Some(501), Some(505), None, Some(500)].into_iter().for_each(http);
    [0, 1, 3, 5, 7, 8, 12, 16].into_iter().for_each(grpc);
    [2, 4, 13, 14, 15].into_iter().for_each(grpc);
    count(Some(200), Some(4), true); // The client's own deadline.
    count(Some(504), Some(4), true);
    let count = tally.take();
    assert_eq!(count, Count { requests: 19, errors: 6 });
    assert_eq!(tally.take(), Count::default());
    let mut window = Window::default();
    window.add(&rule, count, NOW);
    assert_eq!(window.read(&rule, NOW), (count, Reading::TooFew));
}

#[test]
fn a_window_keeps_no_more_than_its_slots() {
    let scene = Scene::new(TRAFFIC);
    for second in 0..100 {
        scene.counts(30, 3, NOW + second * SECOND);
    }
    let window =
        scene.evidence.traffic[0].window.read(Context::at(&scene.store, NOW + 100 * SECOND));
    let mut encoder = Encoder::default();
    window.encode(&mut encoder);
    let bytes = encoder.finish();
    assert_eq!(bytes.len(), 8 * (3 + 4 * 10));
    assert_eq!(Window::decode(&mut Decoder::new(&bytes)), Some(window));
}

#[test]
fn the_admin_interface_is_asked_for_exactly_these_clusters() {
    let path = admin::path(&["a|b:80||c.d".into()], None);
    let path = admin::with_unknown(&path, &[]);
    let filter = path.strip_prefix("/stats?format=json&filter=").unwrap();
    let plain = [
        ("%5C", "\\"),
        ("%7C", "|"),
        ("%28", "("),
        ("%29", ")"),
        ("%3F", "?"),
        ("%3B", ";"),
        ("%5E", "^"),
        ("%24", "$"),
    ];
    let filter =
        plain.iter().fold(filter.to_owned(), |text, (code, plain)| text.replace(code, plain));
    assert_eq!(
        filter,
        r"^(server\.live|listener_manager\.listener_stopped|cluster\.(a\|b_80\|\|c\.d);?\.(membership_(total|healthy|degraded)|update_attempt))$"
    );
    assert!(!admin::path(&[], None).contains("membership"));
    let unknown = ["e:1".to_owned(), "f".to_owned()];
    assert!(admin::with_unknown("", &unknown).contains("%28e_1%7Cf%29%3B%3F%5C.upstream_cx_http"));
}

#[test]
fn the_protocols_of_a_cluster_are_those_that_it_was_spoken_to_in() {
    let spoken = |[http1, http2, http3]: [u64; 3]| {
        let body = format!(
            r#"{{"stats":[{{"name":"cluster.a_b;.upstream_cx_http1_total","value":{http1}}},
                {{"name":"cluster.a_b;.upstream_cx_http2_total","value":{http2}}},
                {{"name":"cluster.a_b;.upstream_cx_http3_total","value":{http3}}}]}}"#
        );
        Stats::read(body.as_bytes()).unwrap().protocols("a:b")
    };
    assert_eq!(spoken([0, 0, 0]), None);
    assert_eq!(spoken([2, 0, 0]), Some(Protocols::Http1));
    for multiplexed in [[0, 1, 0], [0, 0, 1]] {
        assert_eq!(spoken(multiplexed), Some(Protocols::Multiplexed));
    }
    for mixed in [[1, 1, 0], [1, 0, 1]] {
        assert_eq!(spoken(mixed), Some(Protocols::Mixed));
    }
    assert_eq!(Stats::read(br#"{"stats":[]}"#).unwrap().protocols("a:b"), None);
}

#[test]
fn statistics_are_read_as_envoy_writes_them() {
    let body = br#"{"stats":[
        {"name":"cluster.a|b_80||c.d;.membership_total","value":3},
        {"name":"cluster.a|b_80||c.d;.membership_healthy","value":2},
        {"name":"cluster.a|b_80||c.d;.membership_degraded","value":1},
        {"name":"listener_manager.listener_stopped","value":0},{"name":"server.live","value":1}]}"#;
    let clusters = ["nowhere".to_owned(), "a|b:80||c.d".to_owned()];
    let view = Stats::read(body).and_then(|stats| stats.view(&clusters)).unwrap();
    let unlisted = |attempts: u64| {
        let body = format!(
            r#"{{"stats":[{{"name":"server.live","value":1}},{{"name":"cluster.x.membership_total","value":0}},
                 {{"name":"cluster.x.membership_healthy","value":0}},{{"name":"cluster.x.update_attempt","value":{attempts}}}]}}"#
        );
        let view = Stats::read(body.as_bytes()).and_then(|stats| stats.view(&["x".to_owned()]));
        view.unwrap().clusters[0].unwrap().unlisted
    };
    assert!(unlisted(0) && !unlisted(1), "a name that doesn't resolve was looked for");
    let hosts = hosts_of(3, 2, 1);
    assert_eq!(view, View { live: true, clusters: vec![None, Some(hosts)], ..View::default() });
    let live = |body: &str| {
        Stats::read(body.as_bytes()).and_then(|stats| stats.view(&[])).map(|view| view.live)
    };
    assert_eq!(live(r#"{"stats":[{"name":"server.live","value":0}]}"#), Ok(false));
    let stopped = r#"{"stats":[{"name":"server.live","value":1},{"name":"listener_manager.listener_stopped","value":2}]}"#;
    assert_eq!(live(stopped), Ok(false));
    assert_eq!(live(r#"{"stats":[]}"#), Err(admin::HIDDEN.into()));
    assert!(live("<html>").unwrap_err().starts_with("no statistics: "));
}

#[test]
fn what_is_kept_of_a_check_and_of_the_admin_interface_survives_its_bytes() {
    let mut state = CheckState::default();
    let config = config(r#"{"check":"db"}"#);
    let rule = &config.checks[0];
    for response in [&GOOD, &BAD] {
        state.record(rule, Observation::judge(rule, response, 5 * MS, NOW));
    }
    let admin =
        AdminState { seen: Some((view(true, Some([3, 2, 1])), NOW)), failures: 2, hidden: true };
    let mut encoder = Encoder::default();
    state.encode(&mut encoder);
    admin.encode(&mut encoder);
    let bytes = encoder.finish();
    let mut decoder = Decoder::new(&bytes);
    assert_eq!(CheckState::decode(&mut decoder), Some(state));
    assert_eq!(AdminState::decode(&mut decoder), Some(admin));
}

#[test]
fn a_worker_reads_shared_data_at_most_every_few_milliseconds() {
    let scene = Scene::new(r#"{"check":"db"}"#);
    assert_eq!(scene.finds(NOW).verdict, Verdict::Fail);
    // Another worker writes it.
    let other = Scene { store: FakeStore::default(), ..Scene::new(r#"{"check":"db"}"#) };
    let check = &other.evidence.checks[0];
    let observation = Observation::judge(&check.rule, &GOOD, 0, NOW);
    let written = check.state.update(Context::at(&scene.store, NOW), |state| {
        state.record(&check.rule, observation.clone());
        Change::Write(())
    });
    written.unwrap();
    assert_eq!(scene.finds(NOW + 4 * MS).verdict, Verdict::Fail);
    assert_eq!(scene.finds(NOW + 5 * MS).verdict, Verdict::Pass);
}

mod clusters;
