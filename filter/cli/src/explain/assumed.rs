//! What is assumed of all that a request meets.

use std::str::FromStr;

use clap::ValueEnum;
use heartbeat_core::grpc::{ServingStatus, code};

/// What the application answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// In HTTP, with this status.
    Http(u16),
    /// In gRPC, that its health is this.
    Health(ServingStatus),
    /// In gRPC, with this code and no message.
    Code(u32),
    /// Nothing, in time.
    Timeout,
    /// Nothing: nobody listens.
    Refused,
    /// Nothing: it closes the connection.
    Reset,
}

impl Application {
    /// Reads what the command line says.
    pub fn read(text: &str) -> Result<Self, String> {
        let health = ServingStatus::ALL.into_iter().find(|status| status.word() == text);
        let status = || text.parse().ok().filter(|status| (200..600).contains(status));
        match text {
            "timeout" => return Ok(Self::Timeout),
            "refused" => return Ok(Self::Refused),
            "reset" => return Ok(Self::Reset),
            _ => {}
        }
        // UNKNOWN is a health, too.
        let said = health.map(Self::Health).or_else(|| code::by_name(text).map(Self::Code));
        said.or_else(|| status().map(Self::Http)).ok_or_else(|| {
            "is no answer; write an HTTP status, SERVING, NOT_SERVING, a code of gRPC such as \
             NOT_FOUND, or timeout, refused, reset"
                .to_owned()
        })
    }

    /// The same in words.
    pub fn words(self) -> String {
        match self {
            Self::Http(status) => format!("answers {status}"),
            Self::Health(status) => format!("answers {}", status.word()),
            Self::Code(status) => format!("answers {}", code::name(status)),
            Self::Timeout => "doesn't answer in time".to_owned(),
            Self::Refused => "refuses the connection".to_owned(),
            Self::Reset => "closes the connection without an answer".to_owned(),
        }
    }
}

/// Something that is assumed of what has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<T> {
    /// The name.
    pub name: String,
    /// What is assumed.
    pub value: T,
}

impl<T: FromStr> Named<T>
where
    T::Err: ToString,
{
    /// Reads `NAME=VALUE`.
    pub fn read(text: &str) -> Result<Self, String> {
        let (name, value) = text.rsplit_once('=').ok_or("write it as NAME=VALUE")?;
        let value = value.parse().map_err(|error: T::Err| error.to_string())?;
        Ok(Self { name: name.to_owned(), value })
    }
}

/// What a check finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// A good answer.
    #[default]
    Pass,
    /// A bad one.
    Fail,
    /// None in time.
    Timeout,
    /// Nobody who listens.
    Unreachable,
}

impl Target {
    const WORDS: [(&str, Self); 4] = [
        ("pass", Self::Pass),
        ("fail", Self::Fail),
        ("timeout", Self::Timeout),
        ("unreachable", Self::Unreachable),
    ];
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::WORDS.iter().find(|(word, _)| *word == text);
        known.map(|(_, state)| *state).ok_or_else(|| {
            format!("{text:?} is no state; write pass, fail, timeout or unreachable")
        })
    }
}

/// The proxy itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Server {
    /// It takes traffic
    #[default]
    Live,
    /// It takes no more
    Draining,
    /// Its admin interface gives no answer
    Unreachable,
}

/// How old the evidence is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Evidence {
    /// Everything was asked as often as it takes to be sure, and just now
    #[default]
    Settled,
    /// The proxy has just started, and nothing has been answered yet
    None,
    /// Nothing was asked for too long
    Stale,
}

/// How many hosts of a cluster are healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterHealth {
    /// So many.
    pub healthy: u64,
    /// Of so many.
    pub total: u64,
}

impl Default for ClusterHealth {
    fn default() -> Self {
        Self { healthy: 1, total: 1 }
    }
}

impl FromStr for ClusterHealth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (healthy, total) = part_of(text)?;
        Ok(Self { healthy, total })
    }
}

/// The ordinary requests of the last while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Those that failed.
    pub failed: u64,
    /// All of them.
    pub requests: u64,
}

impl Traffic {
    /// More make no other difference.
    const MOST: u64 = 1_000_000;

    /// Reads `FAILED/ALL`.
    pub fn read(text: &str) -> Result<Self, String> {
        let (failed, requests) = part_of(text)?;
        if requests > Self::MOST {
            return Err(format!("are more than {}", Self::MOST));
        }
        Ok(Self { failed, requests })
    }
}

fn part_of(text: &str) -> Result<(u64, u64), String> {
    let parts = text.split_once('/').and_then(|(part, all)| {
        Some((part.trim().parse::<u64>().ok()?, all.trim().parse::<u64>().ok()?))
    });
    parts
        .filter(|(part, all)| part <= all)
        .ok_or_else(|| format!("{text:?} isn't so many of so many; write it as 1/3"))
}

/// Everything that is assumed.
#[derive(Clone, Debug, Default)]
pub struct Assumed {
    /// What the application answers; something good where that isn't said.
    pub application: Option<Application>,
    /// Headers of its answer.
    pub headers: Vec<(String, String)>,
    /// What checks find that are to find something else than health.
    pub checks: Vec<Named<Target>>,
    /// The proxy itself.
    pub server: Server,
    /// The hosts of clusters.
    pub clusters: Vec<Named<ClusterHealth>>,
    /// The ordinary requests.
    pub traffic: Traffic,
    /// How old the evidence is.
    pub evidence: Evidence,
}

/// What is assumed of what has this name.
pub fn of<T: Copy + Default>(named: &[Named<T>], name: &str) -> T {
    let said = named.iter().rev().find(|named| named.name == name);
    said.map_or_else(T::default, |named| named.value)
}
