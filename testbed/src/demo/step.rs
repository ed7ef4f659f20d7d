//! What the demo sends and what must come of it, as data.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::app::behaviour::{Behaviour, Deviation, ServingStatus};
use crate::client::grpc::{Call, Method};
use crate::client::http::Request;

/// A header and the value that it must have; `None`: it must not be there.
pub type Header = (&'static str, Option<&'static str>);

/// A header as text, or that there is none.
pub fn written(name: &str, value: Option<&str>) -> String {
    match value {
        Some(value) => format!("{name}: {value}"),
        None if name.contains('-') => format!("no {name}"),
        // Without a dash it could be any word.
        None => format!("no {name} header"),
    }
}

/// A few steps that show one thing.
#[derive(Debug)]
pub struct Act {
    /// What they show.
    pub heading: &'static str,
    /// What every answer must have, unless the step says otherwise.
    pub answers: Vec<Header>,
    /// What every request that reaches the application must have, likewise.
    pub arrivals: Vec<Header>,
    /// One line each.
    pub steps: Vec<Step>,
}

/// Something to send, and what must come of it.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is sent.
    pub send: Send,
    /// What is special about it, in a few words.
    pub remark: &'static str,
    /// How the application is at that moment.
    pub application: Condition,
    /// Whether it is sent together with the step before.
    pub meanwhile: bool,
    /// The answer's status: a number, or else a gRPC serving status or code.
    pub status: &'static str,
    /// Headers of the answer.
    pub answer: Vec<Header>,
    /// How long the answer may take, if that is the point.
    pub took: Option<RangeInclusive<Duration>>,
    /// Headers of the request that reaches the application.
    pub arrival: Vec<Header>,
    /// The series that rises by one.
    pub counter: Option<String>,
}

/// A request or a call.
#[derive(Clone, Debug)]
pub enum Send {
    /// An HTTP/1.1 request.
    Http(Request),
    /// A gRPC health call.
    Grpc(Call),
}

/// How the application is.
#[derive(Clone, Debug)]
pub enum Condition {
    /// It runs and behaves like this.
    Running(Behaviour),
    /// Its process has been killed.
    Killed,
}

impl Step {
    /// Sends a request and expects 200 from a healthy application.
    pub fn http(request: Request) -> Self {
        Self::new(Send::Http(request), "200")
    }

    /// Checks a gRPC service and expects this serving status or code.
    pub fn check(service: &str, status: &'static str) -> Self {
        let call = Call { service: service.into(), ..Call::new(Method::Check) };
        Self::new(Send::Grpc(call), status)
    }

    fn new(send: Send, status: &'static str) -> Self {
        Self {
            send,
            remark: "",
            application: Condition::Running(healthy()),
            meanwhile: false,
            status,
            answer: vec![],
            took: None,
            arrival: vec![],
            counter: None,
        }
    }

    /// Says what is special about it.
    pub fn remark(mut self, remark: &'static str) -> Self {
        self.remark = remark;
        self
    }

    /// Lets the application deviate on one path.
    pub fn deviating(mut self, path: &str, deviation: Deviation) -> Self {
        let paths = [(path.to_owned(), deviation)].into();
        self.application = Condition::Running(Behaviour { paths, ..healthy() });
        self
    }

    /// Kills the application first, for good.
    pub fn killed(mut self) -> Self {
        self.application = Condition::Killed;
        self
    }

    /// Sends it together with the step before.
    pub fn meanwhile(mut self) -> Self {
        self.meanwhile = true;
        self
    }

    /// Expects this status.
    pub fn status(mut self, status: &'static str) -> Self {
        self.status = status;
        self
    }

    /// Expects these headers in the answer.
    pub fn answer(mut self, headers: impl IntoIterator<Item = Header>) -> Self {
        self.answer.extend(headers);
        self
    }

    /// Expects the answer within these milliseconds.
    pub fn took(mut self, millis: RangeInclusive<u64>) -> Self {
        let [least, most] = [*millis.start(), *millis.end()].map(Duration::from_millis);
        self.took = Some(least..=most);
        self
    }

    /// Expects these headers in the request that reaches the application.
    pub fn arrival(mut self, headers: impl IntoIterator<Item = Header>) -> Self {
        self.arrival.extend(headers);
        self
    }

    /// Expects this series to rise by one.
    pub fn counter(mut self, series: impl Into<String>) -> Self {
        self.counter = Some(series.into());
        self
    }
}

/// All is well, but for the one service whose status shows what a gRPC probe
/// tells of it.
fn healthy() -> Behaviour {
    Behaviour {
        grpc: [("orders".to_owned(), ServingStatus::NotServing)].into(),
        ..Behaviour::default()
    }
}

impl std::fmt::Display for Send {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http(request) => request.fmt(f),
            Self::Grpc(call) => write!(f, "gRPC {:?}", call.method),
        }
    }
}
