//! Hubs are told how instances are: at once, and as a beat.

use super::*;
use crate::callout::Payload;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A check every second, and a hub that is told of it once a second.
const PUBLISH: &str = r#"{
    "checks":[{"name":"db","http":{"cluster":"db","path":"/ping"},
               "interval":"1s","timeout":"200ms","rise":1,"fall":1}],
    "publish":{"cluster":"hub","service":"pay","instance":"10.1.0.5:80","timeout":"500ms",
               "when":[{"check":"db"}]}}"#;

/// The same, and a check that hardly wakes anybody.
const SELDOM: &str = r#"{
    "checks":[{"name":"db","http":{"cluster":"db","path":"/ping"},"interval":"60s"}],
    "publish":{"cluster":"hub","instance":"a","when":[{"check":"db"}]}}"#;

impl Process {
    /// What the hub was told, and when; the status alone.
    fn told(&self) -> Vec<(Instant, String)> {
        self.posts.borrow().iter().map(|(at, body)| (*at, status(body))).collect()
    }

    fn last_told(&self) -> String {
        self.told().pop().map(|(_, status)| status).unwrap_or_default()
    }
}

fn field(body: &str, name: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(body).unwrap();
    json[name].as_str().unwrap_or_default().to_owned()
}

fn status(body: &str) -> String {
    field(body, "status")
}

#[test]
fn the_event_is_the_canonical_one() {
    let mut process = Process::new(PUBLISH, 1);
    process.run(SECOND);
    let posts = process.posts.borrow();
    let (_, first) = &posts[0];
    let time = field(first, "timestamp_ns");
    assert_eq!(
        *first,
        format!(
            r#"{{"instance_id":"10.1.0.5:80","service":"pay","probe_method":"heartbeat","timestamp_ns":"{time}","status":"pass"}}"#
        )
    );
}

#[test]
fn of_several_vms_one_beats_up_to_a_tenth_sooner_than_it_must() {
    let mut process = Process::new(PUBLISH, 3);
    process.run(60 * SECOND);
    let told = process.told();
    assert!((60..=68).contains(&told.len()), "{}", told.len());
    let gaps = told.windows(2).skip(1).map(|pair| pair[1].0.since(pair[0].0));
    let (shortest, longest) = (gaps.clone().min().unwrap(), gaps.max().unwrap());
    assert!(shortest >= 890 * MS && longest <= 1_010 * MS, "{shortest} {longest}");
}

#[test]
fn a_change_goes_out_within_milliseconds_and_the_rest_at_the_pace() {
    let mut process = Process::new(PUBLISH, 3);
    process.run(5 * SECOND);
    process.manner = Manner::Answers("500", MS);
    process.until("is down");
    let down = process.now;
    process.run(10 * MS);
    assert_eq!(process.last_told(), "fail");
    assert!(process.told().last().unwrap().0.since(down) <= 5 * MS);
    process.manner = Manner::Answers("200", MS);
    process.until("is up");
    process.run(10 * MS);
    assert_eq!(process.last_told(), "pass");
}

#[test]
fn nothing_is_said_before_anything_is_known() {
    let mut process = Process::new(PUBLISH, 2);
    process.manner = Manner::Answers("200", 150 * MS);
    process.run(100 * MS);
    assert_eq!(process.told(), []);
    process.run(100 * MS);
    assert_eq!(process.last_told(), "pass");
}

#[test]
fn one_event_is_under_way_at_most_and_a_change_follows_it_at_once() {
    let mut process = Process::new(PUBLISH, 1);
    process.hub = Manner::Answers("202", 400 * MS);
    process.run(5 * SECOND);
    process.manner = Manner::Answers("500", MS);
    process.run(3 * SECOND);
    assert_eq!(process.last_told(), "fail");
    let told = process.told();
    let gaps = told.windows(2).map(|pair| pair[1].0.since(pair[0].0));
    assert!(gaps.min() >= Some(400 * MS), "two at a time");
}

#[test]
fn a_beat_wakes_one_vm_once_and_the_others_seldom() {
    let mut process = Process::new(SELDOM, 3);
    process.run(2 * SECOND);
    let ticks = |process: &Process| process.vms.iter().flatten().map(|vm| vm.ticks).collect();
    let (before, beats): (Vec<_>, _) = (ticks(&process), process.told().len());
    process.run(100 * SECOND);
    let beats = process.told().len() - beats;
    let after: Vec<_> = ticks(&process);
    let mut woken: Vec<_> =
        after.iter().zip(before).map(|(after, before)| after - before).collect();
    woken.sort_unstable();
    assert!(woken[2] <= beats + 4 && woken[1] <= 60, "{woken:?} for {beats} beats");
}

#[test]
fn another_vm_goes_on_before_that_is_silence_where_one_is_gone() {
    for lifetime in [5_000, 5_300, 5_700, 6_100] {
        let mut process = Process::new(SELDOM, 3);
        process.run(lifetime * MS);
        let holder = process.holder();
        process.vms[holder] = None;
        process.run(10 * SECOND);
        let told = process.told();
        let gaps = told.windows(2).map(|pair| pair[1].0.since(pair[0].0));
        let longest = gaps.max().unwrap();
        assert!(longest <= 2_300 * MS, "{lifetime}: {longest}");
    }
}

#[test]
fn only_the_latest_configuration_speaks() {
    let mut process = Process::new(PUBLISH, 1);
    process.run(5 * SECOND);
    let later = ConfigLoads::new("hb", 1, 0);
    later.register("hb", &mut Seen::default(), Context::at(&process.store, process.now));
    process.run(200 * MS);
    let before = process.told().len();
    process.run(5 * SECOND);
    assert_eq!(process.told().len(), before);
}

#[test]
fn times_rise_whatever_becomes_of_wall_time() {
    let mut process = Process::new(PUBLISH, 1);
    process.run(5 * SECOND);
    // Wall time is that of the monotonic clock until it is set back.
    let evidence = Rc::clone(&process.vms[0].as_ref().unwrap().background.evidence);
    evidence.clock.keep(process.now, || crate::base::time::WallTime(7));
    process.run(5 * SECOND);
    let posts = process.posts.borrow();
    let times: Vec<u64> =
        posts.iter().map(|(_, body)| field(body, "timestamp_ns").parse().unwrap()).collect();
    assert!(times.len() > 8 && times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
}

#[test]
fn a_hub_that_is_away_is_one_line_and_so_is_its_return() {
    let mut process = Process::new(PUBLISH, 2);
    process.run(5 * SECOND);
    process.hub = Manner::Closed;
    process.run(30 * SECOND);
    let away = r#"the hub (cluster "hub") doesn't take what is published of "10.1.0.5:80": connection refused"#;
    let back = r#"the hub (cluster "hub") takes again what is published of "10.1.0.5:80""#;
    let lines: Vec<_> = process.log.iter().filter(|line| line.starts_with("the hub")).collect();
    assert_eq!(lines, [away]);
    let posts = process.told().len();
    assert!((35..=40).contains(&posts), "it goes on at the pace: {posts}");
    process.hub = Manner::Answers("202", MS);
    process.run(5 * SECOND);
    let lines: Vec<_> = process.log.iter().filter(|line| line.starts_with("the hub")).collect();
    assert_eq!(lines, [away, back]);
}

#[test]
fn a_change_that_does_not_get_through_is_sent_again_before_the_next_beat() {
    let mut process = Process::new(PUBLISH, 1);
    process.run(5 * SECOND);
    process.hub = Manner::Answers("503", MS);
    process.manner = Manner::Answers("500", MS);
    process.until("is down");
    let posts = process.told().len();
    process.run(350 * MS);
    assert!(process.told().len() >= posts + 2, "after 100 and 200 ms");
    process.run(10 * SECOND);
    let all = process.told().len() - posts;
    assert!(all <= 16, "it isn't faster than the beats for long: {all}");
}

#[test]
fn what_a_hub_refuses_is_said_with_its_words_and_not_hurried() {
    for (status, words, line) in [
        (
            "403",
            r#"{"error":"you aren't one"}"#,
            r#": answered 403 (its "allow" names this proxy's certificate or address for no source) {"error":"you aren't one"}"#,
        ),
        ("404", "", ": answered 404 (there is no hub at this path) "),
        (
            "202",
            r#"{"accepted":0,"refused":[{"index":0,"reason":"no"}]}"#,
            r#": answered 202 {"accepted":0,"refused":[{"index":0,"reason":"no"}]}"#,
        ),
    ] {
        let mut process = Process::new(PUBLISH, 2);
        process.hub = Manner::Answers(status, MS);
        process.hub_says = words;
        process.run(10 * SECOND);
        let lines: Vec<_> = process.log.iter().filter(|line| line.starts_with("the hub")).collect();
        assert!(lines.len() == 1 && lines[0].ends_with(line), "{lines:?}");
        let posts = process.told().len();
        assert!((10..=12).contains(&posts), "{status}: {posts}");
    }
}

#[test]
fn who_drains_says_so_to_the_last() {
    let text = r#"{"admin":{"cluster":"admin"},
        "checks":[{"name":"db","http":{"cluster":"db","path":"/ping"},
                   "interval":"1s","timeout":"200ms","fall":1}],
        "publish":{"cluster":"hub","instance":"a","when":[{"check":"db"}]}}"#;
    let mut process = Process::new(text, 1);
    process.admin = r#"{"stats":[{"name":"server.live","value":1}]}"#;
    process.run(3 * SECOND);
    assert_eq!(process.last_told(), "pass");
    process.admin = r#"{"stats":[{"name":"server.live","value":0}]}"#;
    process.run(2 * SECOND);
    assert_eq!(process.last_told(), "draining");
}

#[test]
fn the_share_of_errors_goes_along_where_traffic_is_looked_at() {
    let text = r#"{"publish":{"cluster":"hub","instance":"a",
        "when":[{"traffic":{"max_error_rate":"20%","window":"10s"}}]}}"#;
    let mut process = Process::new(text, 2);
    process.run(SECOND);
    let vm = process.vms[0].as_ref().unwrap();
    (0..93).for_each(|_| vm.background.evidence.tally.count(false));
    (0..7).for_each(|_| vm.background.evidence.tally.count(true));
    process.run(3 * SECOND);
    let posts = process.posts.borrow();
    let event: serde_json::Value = serde_json::from_str(&posts.last().unwrap().1).unwrap();
    assert_eq!(
        (event["status"].as_str(), event["error_rate"].as_f64()),
        (Some("pass"), Some(0.07))
    );
}

#[test]
fn a_post_is_a_document_for_the_path_of_events() {
    let call = HttpCall::post("hub", "hub", "/mesh/v1/health/events", std::time::Duration::ZERO);
    assert_eq!((call.payload.method(), call.payload), ("POST", Payload::Json(Vec::new())));
}
