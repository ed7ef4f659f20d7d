//! The last act: under a steady load the application dies and comes back.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;
use tokio::time::{Instant, MissedTickBehavior};

use super::answer::Answer;
use super::compare::{Fact, Line, fact};
use super::config::CACHE_TTL_MS;
use super::play::{DEATH, send};
use super::stack::Stack;
use super::step::{Act, Send};
use crate::client::http::Request;
use crate::report::Recorder;
use crate::tools::Tools;

/// How often each of the requests is sent.
const INTERVAL: Duration = Duration::from_millis(100);

/// How long the application is well, and dead, and well again, each.
const PART: Duration = Duration::from_millis(2400);

/// How long after a change checks and breakers may still be finding out.
const SETTLING: Duration = Duration::from_millis(1500);

/// Something that is sent all the time.
struct Stream {
    send: Send,
    remark: &'static str,
    /// The status while the application is dead; it is 200 otherwise.
    dead: &'static str,
    reaches: Reaches,
}

/// Which requests reach an application that is well.
enum Reaches {
    All,
    None,
    /// One in such a time.
    OncePer(Duration),
}

/// What the act is called.
pub fn act() -> Act {
    Act {
        heading: "The application dies and comes back",
        answers: vec![],
        arrivals: vec![],
        steps: vec![],
    }
}

fn streams() -> Vec<Stream> {
    let probe = |path, remark, dead, reaches| {
        let send = Send::Http(Request::new("GET", path));
        Stream { send, remark, dead, reaches }
    };
    let payment = Request::new("POST", "/pay").header("x-payment-id", "p-5");
    vec![
        probe("/health", "is forwarded", "503", Reaches::All),
        probe("/livez", "has a breaker", "503", Reaches::All),
        probe(
            "/healthz",
            "is cached",
            "200",
            Reaches::OncePer(Duration::from_millis(CACHE_TTL_MS)),
        ),
        probe("/readyz", "rests on checks", "503", Reaches::None),
        Stream {
            send: Send::Http(payment),
            remark: "x-payment-id: p-5",
            dead: "503",
            reaches: Reaches::All,
        },
    ]
}

/// Plays the act, with a new application at its start; returns a line for each
/// kind of request.
pub async fn play(stack: &mut Stack, tools: &Tools, recorder: &mut Recorder) -> Result<Vec<Line>> {
    stack.application.restart(tools).await?;
    recorder.mended();
    let streams = streams();
    let envoy = stack.envoy.http;
    let before = load(envoy, &streams).await?;
    let arrived = stack.application.counts().await?;
    stack.application.signal(Signal::KILL)?;
    recorder.broken(DEATH);
    let dead = load(envoy, &streams).await?;
    stack.application.restart(tools).await?;
    recorder.mended();
    let after = load(envoy, &streams).await?;
    let log = stack.envoy.log()?;

    let lines = streams.iter().zip(before).zip(dead).zip(after);
    let mut lines: Vec<Line> = lines
        .map(|(((stream, before), dead), after)| {
            let arrived = arrived.get(stream.path()).copied().unwrap_or_default();
            Line {
                sent: vec![stream.send.to_string(), stream.remark.into()],
                answer: vec![
                    status("before", "200", &before),
                    status("while it is dead", stream.dead, &dead),
                    status("once it is back", "200", &after),
                ],
                arrival: vec![arrivals(&stream.reaches, before.len(), arrived)],
            }
        })
        .collect();
    lines.push(Line {
        sent: vec!["GET /readyz".into(), "why, in Envoy's log".into()],
        answer: vec![logged_verdict(&log)],
        arrival: vec![],
    });
    Ok(lines)
}

/// What the log says of the verdict while the application was dead.
fn logged_verdict(log: &str) -> Fact {
    let verdict = "probe \"readyz\" fails: app: ";
    let line = log.lines().find_map(|line| line.find(verdict).and_then(|at| line.get(at..)));
    match line {
        Some(line) => Fact::Right(line.to_owned()),
        None => Fact::Wrong {
            what: "Envoy's log".into(),
            expected: verdict.into(),
            got: "nothing of it".into(),
        },
    }
}

impl Stream {
    fn path(&self) -> &str {
        match &self.send {
            Send::Http(request) => &request.target,
            Send::Grpc(_) => "",
        }
    }
}

/// An answer, and when its request was sent.
struct Got {
    sent: Duration,
    answer: Answer,
}

/// Sends every stream for a part of the act; returns what came back of each.
async fn load(envoy: SocketAddr, streams: &[Stream]) -> Result<Vec<Vec<Got>>> {
    let start = Instant::now();
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sent: Vec<Vec<_>> = streams.iter().map(|_| Vec::new()).collect();
    while start.elapsed() < PART {
        ticks.tick().await;
        for (stream, sent) in streams.iter().zip(&mut sent) {
            sent.push((start.elapsed(), tokio::spawn(send(envoy, stream.send.clone()))));
        }
    }
    let mut got = Vec::new();
    for sent in sent {
        let mut answers = Vec::new();
        for (sent, answer) in sent {
            answers.push(Got { sent, answer: answer.await? });
        }
        got.push(answers);
    }
    Ok(got)
}

/// The status that all have after the settling.
fn status(when: &str, expected: &str, answers: &[Got]) -> Fact {
    let settled = answers.iter().filter(|got| got.sent >= SETTLING);
    let statuses: BTreeSet<_> = settled.map(|got| got.answer.status.as_str()).collect();
    let got = statuses.into_iter().collect::<Vec<_>>().join(" and ");
    fact(&format!("status {when}"), expected, &got, format!("{got} {when}"))
}

fn arrivals(reaches: &Reaches, sent: usize, arrived: u64) -> Fact {
    let sent = u64::try_from(sent).unwrap_or(u64::MAX);
    let expected = match reaches {
        Reaches::All => sent..=sent,
        Reaches::None => 0..=0,
        // One more for the first, and one for a part that took longer.
        Reaches::OncePer(time) => {
            let times = PART.as_millis() / time.as_millis().max(1);
            1..=u64::try_from(times).unwrap_or(u64::MAX).saturating_add(2)
        }
    };
    let got = format!("{arrived} of {sent} before");
    if expected.contains(&arrived) {
        return Fact::Right(got);
    }
    let expected = format!("{} to {}", expected.start(), expected.end());
    Fact::Wrong { what: "requests before".into(), expected, got }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn got(millis: u64, status: &str) -> Got {
        let answer = Answer { status: status.into(), ..Answer::default() };
        Got { sent: Duration::from_millis(millis), answer }
    }

    #[test]
    fn only_what_is_sent_after_the_settling_is_judged() {
        let answers = [got(0, "503"), got(1400, "200"), got(1500, "200"), got(1600, "200")];
        assert_eq!(status("before", "200", &answers), Fact::Right("200 before".into()));
        let answers = [got(1500, "200"), got(1600, "503")];
        let fact = status("before", "200", &answers).to_string();
        assert_eq!(fact, "✗ status before\n  expected 200, got 200 and 503");
        // Nothing is no proof.
        assert!(matches!(status("before", "200", &[got(0, "200")]), Fact::Wrong { .. }));
    }

    #[test]
    fn the_log_must_say_why_readiness_failed() {
        let log = "[..] x: probe \"readyz\" fails: app: connection refused\n[..] y\n";
        let line = "probe \"readyz\" fails: app: connection refused";
        assert_eq!(logged_verdict(log), Fact::Right(line.into()));
        assert!(matches!(logged_verdict("check \"app\" is down"), Fact::Wrong { .. }));
    }

    #[test]
    fn what_reaches_the_application_is_judged_by_what_the_probe_promises() {
        let right = |reaches, arrived| matches!(arrivals(&reaches, 25, arrived), Fact::Right(_));
        assert!(right(Reaches::All, 25) && !right(Reaches::All, 24) && !right(Reaches::All, 26));
        assert!(right(Reaches::None, 0) && !right(Reaches::None, 1));
        let cached = || Reaches::OncePer(Duration::from_millis(500));
        assert!(right(cached(), 5) && right(cached(), 1));
        assert!(!right(cached(), 0) && !right(cached(), 8));
    }
}
