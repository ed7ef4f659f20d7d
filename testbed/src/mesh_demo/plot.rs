//! What happens, and what must come of it.

use std::time::Duration;

/// Something that happens; instances are numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// The process is killed.
    Kill(usize),
    /// The process hangs (SIGSTOP): its port stays open.
    Freeze(usize),
    /// A frozen process goes on.
    Thaw(usize),
    /// A killed process is started again.
    Revive(usize),
    /// The agent of an instance says this, whatever it sees.
    Lie(usize, &'static str),
    /// It says again what it sees.
    Truth(usize),
    /// Agents lie about an instance that is killed at once.
    KillUnderLie(usize),
    /// The broker is killed: all agents are silent.
    Silence,
    /// The broker is back.
    Voice,
    /// The hub is killed.
    KillHub,
    /// The hub is started again.
    ReviveHub,
}

/// What must come of it.
#[derive(Clone, Copy, Debug)]
pub struct Must {
    /// What the hub must say of the instance first.
    pub notice: Option<&'static str>,
    /// The hub's verdict on the instance in the end, and within which time.
    pub verdict: Option<(&'static str, Duration)>,
    /// Whether traffic leaves the instance (`false`) or comes to it, within that time.
    pub traffic: Option<bool>,
    /// How many requests may fail.
    pub failed: usize,
    /// A verdict that the hub must not pass meanwhile, on any instance.
    pub never: Option<&'static str>,
    /// How long what comes of it is looked at.
    pub lasts: Duration,
}

/// An event.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// What it is called.
    pub name: &'static str,
    /// What it is.
    pub deed: Deed,
    /// What must come of it.
    pub must: Must,
}

impl Deed {
    /// Whose event it is.
    pub fn instance(self) -> Option<usize> {
        match self {
            Self::Kill(number)
            | Self::Freeze(number)
            | Self::Thaw(number)
            | Self::Revive(number)
            | Self::Lie(number, _)
            | Self::Truth(number)
            | Self::KillUnderLie(number) => Some(number),
            Self::Silence | Self::Voice | Self::KillHub | Self::ReviveHub => None,
        }
    }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// All events, in order.
pub fn events() -> Vec<Event> {
    // Bounds are for a machine with other things to do; the table says how long it took.
    let leaves = |failed| Must {
        notice: Some("suspected"),
        verdict: Some(("dead", ms(2_500))),
        traffic: Some(false),
        failed,
        never: None,
        lasts: ms(2_500),
    };
    let comes = |never| Must {
        notice: None,
        verdict: Some(("alive", ms(2_500))),
        traffic: Some(true),
        failed: 5,
        never,
        lasts: ms(2_500),
    };
    let nothing = |lasts| Must {
        notice: None,
        verdict: None,
        traffic: None,
        failed: 0,
        never: Some("dead"),
        lasts,
    };
    let event = |name, deed, must| Event { name, deed, must };
    vec![
        event("1 is killed", Deed::Kill(1), leaves(10)),
        event("1 is started again", Deed::Revive(1), comes(Some("draining"))),
        event("2 is frozen", Deed::Freeze(2), leaves(80)),
        event("2 goes on", Deed::Thaw(2), comes(Some("draining"))),
        // Nobody bears it out: with each such word the agents lose trust, until theirs alone
        // moves nothing any more.
        event(
            "3 is well, its agent says fail",
            Deed::Lie(3, "fail"),
            Must {
                notice: Some("suspected"),
                verdict: Some(("alive", ms(3_000))),
                traffic: None,
                failed: 0,
                never: Some("dead"),
                lasts: ms(3_000),
            },
        ),
        event("the agent of 3 is honest again", Deed::Truth(3), nothing(ms(1_000))),
        event("4 is killed, its agent says pass", Deed::KillUnderLie(4), leaves(10)),
        event("4 is started again", Deed::Revive(4), comes(Some("draining"))),
        event("all agents fall silent", Deed::Silence, nothing(ms(2_500))),
        event("the agents are heard again", Deed::Voice, nothing(ms(3_000))),
        event("the hub is killed", Deed::KillHub, nothing(ms(2_000))),
        event("the hub is started again", Deed::ReviveHub, nothing(ms(5_000))),
    ]
}
