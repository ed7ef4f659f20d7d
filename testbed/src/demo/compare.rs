//! Compares what came of a step with what should.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::answer::Answer;
use super::step::{Act, Header, Step, written};
use crate::app::record::Seen;

/// What came of a step.
#[derive(Debug)]
pub struct Line {
    /// What was sent.
    pub sent: Vec<String>,
    /// What came back.
    pub answer: Vec<Fact>,
    /// What the application saw of it.
    pub arrival: Vec<Fact>,
}

impl Line {
    /// Whether all of it is as it should be.
    pub fn is_right(&self) -> bool {
        self.answer.iter().chain(&self.arrival).all(|fact| matches!(fact, Fact::Right(_)))
    }
}

/// One thing worth telling.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// It is as it should be.
    Right(String),
    /// It is not.
    Wrong {
        /// What the fact is about.
        what: String,
        /// What should be.
        expected: String,
        /// What is.
        got: String,
    },
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right(shown) => f.write_str(shown),
            Self::Wrong { what, expected, got } => {
                write!(f, "✗ {what}\n  expected {expected}, got {got}")
            }
        }
    }
}

/// Compares an answer, and the requests that arrived at the application, with
/// what must come of a step. `None` for an application that can't be asked.
pub fn compare(act: &Act, step: &Step, answer: &Answer, arrived: Option<&[Seen]>) -> Line {
    let mut facts = vec![fact("status", step.status, &answer.status, answer.status.clone())];
    facts.extend(step.took.as_ref().map(|took| duration(took, answer.elapsed)));
    facts.extend(headers(&act.answers, &step.answer, &answer.headers));
    Line {
        sent: [step.send.to_string(), step.remark.to_owned()]
            .into_iter()
            .filter(|words| !words.is_empty())
            .collect(),
        answer: facts,
        arrival: arrival(act, step, arrived),
    }
}

fn arrival(act: &Act, step: &Step, arrived: Option<&[Seen]>) -> Vec<Fact> {
    match arrived {
        None => vec![Fact::Right("(it has been killed)".into())],
        Some([request]) => {
            let mut facts = headers(&act.arrivals, &step.arrival, &request.headers);
            if facts.is_empty() {
                facts.push(Fact::Right(format!("{} {}", request.method, request.target)));
            }
            facts
        }
        Some(several) => vec![wrong("requests", "1", several.len())],
    }
}

/// Compares headers with what a step expects, and with what its act expects
/// where the step says nothing. The act's are shown only if they are wrong: they
/// stand below its heading.
fn headers(act: &[Header], step: &[Header], got: &[(String, String)]) -> Vec<Fact> {
    let is_expected = |name| step.iter().any(|(of_step, _)| of_step == name);
    let of_act =
        act.iter().filter(|(name, _)| !is_expected(name)).map(|of_act| header(of_act, got));
    step.iter()
        .map(|of_step| header(of_step, got))
        .chain(of_act.filter(|fact| matches!(fact, Fact::Wrong { .. })))
        .collect()
}

fn header((name, expected): &Header, headers: &[(String, String)]) -> Fact {
    let values: Vec<_> =
        headers.iter().filter(|(got, _)| got == name).map(|(_, value)| value.as_str()).collect();
    let got = (!values.is_empty()).then(|| values.join(", "));
    let shown = written(name, got.as_deref());
    fact(name, expected.unwrap_or("none"), got.as_deref().unwrap_or("none"), shown)
}

fn duration(expected: &RangeInclusive<Duration>, got: Duration) -> Fact {
    if expected.contains(&got) {
        return Fact::Right(format!("after {got:.1?}"));
    }
    wrong("time", &format!("{:?} to {:?}", expected.start(), expected.end()), format!("{got:.1?}"))
}

/// Whether `got` is as `expected`; `shown` if it is.
pub fn fact(what: &str, expected: &str, got: &str, shown: String) -> Fact {
    if expected == got { Fact::Right(shown) } else { wrong(what, expected, got) }
}

fn wrong(what: &str, expected: &str, got: impl fmt::Display) -> Fact {
    Fact::Wrong { what: what.into(), expected: expected.into(), got: got.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::http::Request;

    fn act() -> Act {
        Act {
            heading: "",
            answers: vec![("x-status", Some("ready"))],
            arrivals: vec![("x-probe", Some("health")), ("x-forged", None)],
            steps: vec![],
        }
    }

    fn step() -> Step {
        Step::http(Request::new("GET", "/health")).arrival([("connection", Some("close"))])
    }

    fn pairs(headers: &[(&str, &str)]) -> Vec<(String, String)> {
        headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    fn answer(status: &str, headers: &[(&str, &str)]) -> Answer {
        Answer { status: status.into(), headers: pairs(headers), elapsed: Duration::from_secs(3) }
    }

    fn seen(headers: &[(&str, &str)]) -> Seen {
        Seen {
            method: "GET".into(),
            target: "/health".into(),
            version: "1.1".into(),
            headers: pairs(headers),
        }
    }

    const READY: &[(&str, &str)] = &[("x-status", "ready")];
    const PROBE: &[(&str, &str)] = &[("x-probe", "health"), ("connection", "close")];

    fn texts(facts: &[Fact]) -> Vec<String> {
        facts.iter().map(Fact::to_string).collect()
    }

    #[test]
    fn the_act_speaks_only_where_it_is_disobeyed() {
        let line = compare(&act(), &step(), &answer("200", READY), Some(&[seen(PROBE)]));
        assert!(line.is_right());
        assert_eq!(texts(&line.answer), ["200"]);
        assert_eq!(texts(&line.arrival), ["connection: close"]);

        let line = compare(&act(), &step(), &answer("200", &[]), Some(&[seen(PROBE)]));
        assert!(!line.is_right());
        assert_eq!(texts(&line.answer), ["200", "✗ x-status\n  expected ready, got none"]);
    }

    #[test]
    fn a_step_may_contradict_its_act() {
        let step = step().answer([("x-status", None)]);
        let line = compare(&act(), &step, &answer("200", &[]), Some(&[seen(PROBE)]));
        assert!(line.is_right());
        assert_eq!(texts(&line.answer), ["200", "no x-status"]);
    }

    #[test]
    fn a_wrong_status_is_wrong() {
        let line = compare(&act(), &step(), &answer("503", READY), Some(&[seen(PROBE)]));
        assert!(!line.is_right());
        assert_eq!(texts(&line.answer), ["✗ status\n  expected 200, got 503"]);
    }

    #[test]
    fn what_the_application_sees_is_compared() {
        let arrival = |headers: &[_]| {
            texts(&compare(&act(), &step(), &answer("200", READY), Some(&[seen(headers)])).arrival)
        };
        assert_eq!(
            arrival(&[("x-probe", "livez"), ("x-forged", "1"), ("x-forged", "2")]),
            [
                "✗ connection\n  expected close, got none",
                "✗ x-probe\n  expected health, got livez",
                "✗ x-forged\n  expected none, got 1, 2",
            ]
        );
    }

    #[test]
    fn a_request_arrives_exactly_once() {
        for seen in [vec![], vec![seen(PROBE), seen(PROBE)]] {
            let line = compare(&act(), &step(), &answer("200", READY), Some(&seen));
            assert_eq!(
                texts(&line.arrival),
                [format!("✗ requests\n  expected 1, got {}", seen.len())]
            );
        }
    }

    #[test]
    fn an_answer_comes_in_time() {
        let line = |step| compare(&act(), &step, &answer("200", READY), Some(&[seen(PROBE)]));
        assert_eq!(texts(&line(step().took(2900..=4500)).answer), ["200", "after 3.0s"]);
        let late = line(step().took(0..=1000));
        assert_eq!(texts(&late.answer), ["200", "✗ time\n  expected 0ns to 1s, got 3.0s"]);
        assert!(!late.is_right());
    }

    #[test]
    fn the_dead_are_not_asked() {
        assert!(compare(&act(), &step(), &answer("200", READY), None).is_right());
    }
}
