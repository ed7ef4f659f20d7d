//! A change that is to be told.

use crate::fusion::{Claim, Thousandths, Verdict};
use crate::pack::{Packer, Unpacker};
use crate::snapshot::View;
use serde::Serialize;

/// In the place of a verdict: there is no such instance any more.
pub const GONE: &str = "gone";

/// How many sources are named that say something: so that a change has its bounds.
const MOST_SOURCES: usize = 16;

/// In the place of a verdict in memory.
const NONE: u8 = u8::MAX;

/// Of an instance another verdict holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Later changes have greater ones, also those of a later owner.
    pub id: u64,
    /// The service.
    pub service: String,
    /// Its instance.
    pub instance: String,
    /// The verdict; `None` where the instance is gone.
    pub verdict: Option<Verdict>,
    /// The one before.
    pub previous: Verdict,
    /// Who says what, for people.
    pub says: String,
    /// All of it, for programs.
    pub json: String,
}

/// What a source says of the instance.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Says<'a> {
    name: &'a str,
    says: &'static str,
    trust: f32,
}

impl<'a> Says<'a> {
    /// This source says so, and is trusted so far.
    pub fn new(name: &'a str, claim: Claim, trust: Thousandths) -> Self {
        let says = match claim {
            Claim::Alive => "alive",
            Claim::Warn => "warn",
            Claim::Draining => "draining",
            Claim::Suspect => "suspect",
            Claim::Dead => "dead",
        };
        Self { name, says, trust: f32::from(trust) / 1_000.0 }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    id: u64,
    service: &'a str,
    instance: &'a str,
    verdict: &'static str,
    previous: &'static str,
    alive: bool,
    since_ns: u64,
    timestamp_ns: u64,
    confidence: f32,
    sources: &'a [Says<'a>],
}

impl Change {
    /// That of an instance at a moment, both in wall time; `view` is what is known of it,
    /// and none where it is gone. `since` is since when it is so.
    pub fn new(
        id: u64,
        (service, instance): (&str, &str),
        view: Option<&View<'_>>,
        previous: Verdict,
        mut sources: Vec<Says<'_>>,
        (since, at): (u64, u64),
    ) -> Self {
        sources.truncate(MOST_SOURCES);
        let verdict = view.map(|view| view.verdict);
        let document = Document {
            id,
            service,
            instance,
            verdict: word(verdict),
            previous: previous.word(),
            alive: verdict.is_some_and(Verdict::is_alive),
            since_ns: since,
            timestamp_ns: at,
            confidence: view.map_or(0.0, |view| f32::from(view.confidence) / 1_000.0),
            sources: &sources,
        };
        let json = serde_json::to_string(&document).unwrap_or_default();
        let mut says = String::new();
        for source in &sources {
            let comma = if says.is_empty() { "" } else { ", " };
            [comma, source.name, ": ", source.says].into_iter().for_each(|it| says.push_str(it));
        }
        let (service, instance) = (service.to_owned(), instance.to_owned());
        Self { id, service, instance, verdict, previous, says, json }
    }

    /// The word of the verdict.
    pub fn word(&self) -> &'static str {
        word(self.verdict)
    }

    pub(super) fn write(&self, bytes: &mut Packer) {
        bytes.number(self.id);
        bytes.text(&self.service);
        bytes.text(&self.instance);
        bytes.byte(self.verdict.map_or(NONE, place));
        bytes.byte(place(self.previous));
        bytes.text(&self.says);
        bytes.text(&self.json);
    }

    pub(super) fn read(bytes: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            id: bytes.number()?,
            service: bytes.text()?.to_owned(),
            instance: bytes.text()?.to_owned(),
            verdict: verdict(bytes.byte()?),
            previous: verdict(bytes.byte()?)?,
            says: bytes.text()?.to_owned(),
            json: bytes.text()?.to_owned(),
        })
    }
}

fn word(verdict: Option<Verdict>) -> &'static str {
    verdict.map_or(GONE, Verdict::word)
}

fn place(verdict: Verdict) -> u8 {
    Verdict::ALL.iter().position(|known| *known == verdict).map_or(NONE, |place| place as u8)
}

fn verdict(place: u8) -> Option<Verdict> {
    Verdict::ALL.get(usize::from(place)).copied()
}
