//! Sources that are asked, and how they answer.

mod hubs;
mod polls;
mod watches;

use super::*;
use crate::fusion::Claim;
use heartbeat_common::callout::fake::{FakeAnswer, FakeCaller};
use heartbeat_common::callout::{CallRefusal, HttpCall};

const MS: Nanos = 1_000_000;
const SECOND: Nanos = 1_000 * MS;
const START: Instant = Instant(1_000 * SECOND);
const SERVING: &[u8] = &[8, 1];
const NOT_SERVING: &[u8] = &[8, 2];
const UNAVAILABLE: u32 = 14;

/// A hub that asks, and the sources that it asks.
struct World {
    asking: Option<Asking>,
    caller: FakeCaller,
    now: Instant,
    ticks_at: Instant,
    /// How calls are answered, and after what time; `None` for never.
    answers: Option<(FakeAnswer, Nanos)>,
    seen: usize,
    coming: Vec<(Instant, CallToken, FakeAnswer)>,
    /// When each call and each stream was begun.
    begun: Vec<Instant>,
}

fn asked(asks: Asks) -> AskedSource {
    let (service, instance) = (Some(ServiceId(0)), Some("10.1.0.5:8080".to_owned()));
    AskedSource { source: SourceId(0), name: "east".into(), asks, service, instance }
}

/// Asked every second, with a timeout of 200 ms.
fn over_http() -> AskedSource {
    asked(Asks::Http(HttpAsk {
        cluster: "app".into(),
        path: "/ready".into(),
        host: "app".into(),
        interval: Duration::from_secs(1),
        timeout: Duration::from_millis(200),
    }))
}

/// The same over gRPC; Checks beside a Watch are believed after two.
fn over_grpc(watch: bool) -> AskedSource {
    asked(Asks::Grpc(GrpcAsk {
        cluster: "app".into(),
        service: String::new(),
        authority: "app".into(),
        watch,
        interval: Duration::from_secs(1),
        timeout: Duration::from_millis(200),
        fall: 2,
    }))
}

/// A hub that holds questions for 5 s, and answers within 1 s then.
fn hub() -> AskedSource {
    let (wait, timeout) = (Duration::from_secs(5), Duration::from_secs(1));
    let (cluster, host) = ("west".into(), "west".into());
    let source = asked(Asks::Hub(HubAsk { cluster, host, wait, timeout }));
    AskedSource { service: None, instance: None, ..source }
}

impl World {
    fn new(sources: Vec<AskedSource>) -> Self {
        let services = vec!["payments".to_owned(), "a b/ö".to_owned()];
        Self {
            asking: Some(Asking::new(sources, services, 7)),
            caller: FakeCaller::default(),
            now: START,
            ticks_at: START,
            answers: None,
            seen: 0,
            coming: Vec::new(),
            begun: Vec::new(),
        }
    }

    fn answering(source: AskedSource, answer: FakeAnswer, after: Nanos) -> Self {
        let mut world = Self::new(vec![source]);
        world.answers = Some((answer, after));
        world
    }

    fn asking(&mut self) -> &mut Asking {
        self.asking.as_mut().unwrap()
    }

    /// Lets time pass, in steps of a millisecond.
    fn run(&mut self, time: Nanos) {
        let end = self.now + time;
        while self.now < end {
            self.step();
            self.now = self.now + MS;
        }
    }

    fn step(&mut self) {
        let now = self.now;
        let (due, later) = self.coming.drain(..).partition(|(at, ..)| *at <= now);
        self.coming = later;
        let due: Vec<_> = due;
        for (_, token, answer) in due {
            self.asking().on_answer(token, &answer, now);
            self.ticks_at = now;
        }
        if self.ticks_at <= now {
            let mut asking = self.asking.take().unwrap();
            let before = self.count();
            asking.on_tick(&self.caller, now);
            let calls = self.count() - before;
            assert!(calls <= 1, "{calls} calls in one tick");
            self.begun.extend((calls == 1).then_some(now));
            let wait = asking.next_tick(now).unwrap_or(Duration::MAX);
            let wait = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
            // Envoy's timer counts whole milliseconds.
            self.ticks_at = now + wait.div_ceil(MS).max(1).saturating_mul(MS);
            self.asking = Some(asking);
        }
        let calls: Vec<_> = self.caller.calls.borrow().iter().skip(self.seen).cloned().collect();
        self.seen += calls.len();
        if let Some((answer, after)) = &self.answers {
            let coming = calls.iter().map(|(token, _)| (now + *after, *token, answer.clone()));
            self.coming.extend(coming);
        }
    }

    fn count(&self) -> usize {
        self.caller.calls.borrow().len() + self.caller.streams.borrow().len()
    }

    /// Answers the call that was made last.
    fn answer(&mut self, answer: &FakeAnswer) {
        let (token, _) = self.caller.last_call().unwrap();
        let now = self.now;
        self.asking().on_answer(token, answer, now);
        self.ticks_at = now;
    }

    fn last_call(&self) -> HttpCall {
        self.caller.last_call().unwrap().1
    }

    /// The Watch says something.
    fn says(&mut self, message: &[u8]) {
        let (stream, now) = (self.caller.last_stream().unwrap(), self.now);
        self.asking().on_watch_message(stream, message, now);
        self.ticks_at = now;
    }

    /// The Watch is closed.
    fn ends(&mut self, status: u32, message: &[u8]) {
        let (stream, now) = (self.caller.last_stream().unwrap(), self.now);
        self.asking().on_watch_close(stream, status, message, now);
        self.ticks_at = now;
    }

    fn streams(&self) -> usize {
        self.caller.streams.borrow().len()
    }

    /// What was said since the last call, in words; without round trips.
    fn words(&mut self) -> Vec<String> {
        let words = self.asking().take_words();
        words
            .into_iter()
            .filter_map(|word| {
                Some(match word {
                    Word::Said { report, .. } => match report.claim {
                        Claim::Alive => "alive".to_owned(),
                        Claim::Warn => "warn".to_owned(),
                        Claim::Draining => "draining".to_owned(),
                        Claim::Suspect => "suspect".to_owned(),
                        Claim::Dead => "dead".to_owned(),
                    },
                    Word::Withdrawn { instance, .. } => format!("withdrawn {instance}"),
                    Word::StartsOver(_) => "starts over".to_owned(),
                    Word::Lost(_) => "lost".to_owned(),
                    Word::Heard(_) => "heard".to_owned(),
                    Word::RoundTrip(..) => return None,
                })
            })
            .collect()
    }
}

#[test]
fn whoever_is_asked_nothing_has_nothing_due() {
    let mut world = World::new(Vec::new());
    assert_eq!(world.asking().next_tick(START), None);
    let nobody = AskedSource { instance: None, ..over_http() };
    assert_eq!(World::new(vec![nobody]).asking().next_tick(START), None);
}

#[test]
fn sources_that_there_is_no_time_for_take_turns() {
    let source = |number| AskedSource { source: SourceId(number), ..over_http() };
    let mut world = World::new((0..50).map(source).collect());
    world.answers = Some((FakeAnswer::of_upstream("200"), MS));
    for _ in 0..200 {
        // A timer that is late: 25 calls in an interval.
        world.run(MS);
        world.now = world.now + 39 * MS;
    }
    let words = world.asking().take_words();
    let mut count = [0; 50];
    words.iter().for_each(|word| {
        if let Word::Said { source, .. } = word {
            count[source.0] += 1
        }
    });
    assert!(count.iter().all(|count| (3..=5).contains(count)), "{count:?}");
}

#[test]
fn no_two_reports_have_the_same_stamp() {
    let mut world = World::new(vec![hub()]);
    world.run(2 * MS);
    let change = r#"{"service":"payments","instance":"x","own":"dead"}"#;
    let body = format!(r#"{{"index":1,"reset":true,"changes":[{change},{change},{change}]}}"#);
    world.answer(&FakeAnswer::of_upstream("200").with_body(&body));
    let words = world.asking().take_words();
    let stamps = words.iter().filter_map(|word| match word {
        Word::Said { report, .. } => Some(report.stamp),
        _ => None,
    });
    let stamps: Vec<_> = stamps.collect();
    assert_eq!(stamps.len(), 3);
    assert!(stamps.windows(2).all(|two| two[0] < two[1]), "{stamps:?}");
}

#[test]
fn whoever_asks_no_more_closes_its_streams_and_hears_no_answers() {
    let mut world = World::new(vec![over_grpc(true)]);
    world.run(10 * MS);
    let stream = world.caller.last_stream().unwrap();
    world.asking.take().unwrap().cancel_all(&world.caller);
    assert_eq!(*world.caller.cancelled.borrow(), [stream]);
}
