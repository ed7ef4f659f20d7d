//! What is known of a service, as its owner hands it to all others: to workers, which answer
//! from it, and to the next owner, which goes on from it.
//!
//! Whoever reads one looks up instances by their place; where each stands is said at the
//! beginning, so that one is found without reading those before it.

use crate::fusion::{Claim, Thousandths, Verdict};
use crate::pack::{Packer, Unpacker};
use heartbeat_common::base::time::{Instant, WallTime};

pub use view::{Entry, Location, Said, View};

mod view;

/// How a snapshot is written; another number means another module's.
const LAYOUT: u8 = 2;

/// In the place of a verdict: there is none.
const NONE: u8 = u8::MAX;

/// What stands before the instances.
#[derive(Clone, Debug, PartialEq)]
pub struct Head<'a> {
    /// The service.
    pub service: &'a str,
    /// When it was written.
    pub at: Instant,
    /// How far wall time was ahead of the monotonic clock then, in nanoseconds: so all who
    /// read it tell people the same times.
    pub wall_ahead: u64,
    /// Another number means other instances, or that they stand elsewhere.
    pub members: u64,
    /// The sources, in the order in which the instances name them, and how far each is
    /// trusted.
    pub sources: Vec<(&'a str, Thousandths)>,
}

impl Head<'_> {
    /// A moment as people read it.
    pub fn wall(&self, moment: Instant) -> WallTime {
        WallTime(moment.0.wrapping_add(self.wall_ahead))
    }
}

/// Writes a snapshot.
pub fn write<'a>(head: &Head<'_>, entries: impl ExactSizeIterator<Item = Entry<'a>>) -> Vec<u8> {
    let count = entries.len();
    let mut bytes = Packer::with_capacity(256 + 160 * count);
    bytes.byte(LAYOUT);
    bytes.text(head.service);
    bytes.instant(head.at);
    bytes.number(head.wall_ahead);
    bytes.number(head.members);
    bytes.short(head.sources.len());
    for (name, trust) in &head.sources {
        bytes.text(name);
        bytes.short(usize::from(*trust));
    }
    bytes.word(count);
    let mut ends = Packer::with_capacity(4 * count);
    let mut body = Packer::with_capacity(160 * count);
    for entry in entries {
        write_entry(&mut body, &entry);
        ends.word(body.len());
    }
    let mut bytes = bytes.finish();
    bytes.extend_from_slice(&ends.finish());
    bytes.extend_from_slice(&body.finish());
    bytes
}

fn place_of<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|known| known == one).map_or(NONE, |place| place as u8)
}

fn write_entry(bytes: &mut Packer, entry: &Entry<'_>) {
    let Entry { view, location, .. } = entry;
    bytes.text(view.id);
    bytes.byte(place_of(&Verdict::ALL, &view.verdict));
    bytes.byte(view.own.map_or(NONE, |own| place_of(&Verdict::ALL, &own)));
    bytes.byte(u8::from(entry.is_learnt));
    bytes.instant(view.since);
    bytes.measure(view.latency_ms);
    bytes.measure(view.error_rate);
    bytes.short(usize::from(view.confidence));
    bytes.address(location.address);
    location.locality.iter().for_each(|part| bytes.text(part));
    bytes.byte(location.priority.min(255) as u8);
    bytes.short(location.weight as usize);
    bytes.byte(entry.deaths.len().min(255) as u8);
    entry.deaths.iter().take(255).for_each(|at| bytes.instant(*at));
    bytes.short(entry.said.len());
    for said in &entry.said {
        bytes.short(said.source);
        bytes.byte(place_of(&Claim::ALL, &said.claim));
        bytes.byte(u8::from(said.counts));
        bytes.instant(said.at);
        bytes.number(said.stamp);
        bytes.measure(said.latency_ms);
        bytes.measure(said.error_rate);
    }
}

fn read_entry<'a>(bytes: &mut Unpacker<'a>) -> Option<Entry<'a>> {
    let id = bytes.text()?;
    let verdict = *Verdict::ALL.get(usize::from(bytes.byte()?))?;
    let own = Verdict::ALL.get(usize::from(bytes.byte()?)).copied();
    let is_learnt = bytes.byte()? != 0;
    let since = bytes.instant()?;
    let (latency_ms, error_rate) = (bytes.measure()?, bytes.measure()?);
    let confidence = Thousandths::try_from(bytes.short()?).ok()?;
    let view = View { id, verdict, own, since, latency_ms, error_rate, confidence };
    let address = bytes.address()?;
    let locality = [bytes.text()?, bytes.text()?, bytes.text()?];
    let priority = u32::from(bytes.byte()?);
    let weight = u32::try_from(bytes.short()?).ok()?;
    let location = Location { address, locality, priority, weight };
    let deaths = (0..bytes.byte()?).map(|_| bytes.instant()).collect::<Option<_>>()?;
    let said = (0..bytes.short()?).map(|_| read_said(bytes)).collect::<Option<_>>()?;
    Some(Entry { view, location, is_learnt, deaths, said })
}

fn read_said(bytes: &mut Unpacker<'_>) -> Option<Said> {
    Some(Said {
        source: bytes.short()?,
        claim: *Claim::ALL.get(usize::from(bytes.byte()?))?,
        counts: bytes.byte()? != 0,
        at: bytes.instant()?,
        stamp: bytes.number()?,
        latency_ms: bytes.measure()?,
        error_rate: bytes.measure()?,
    })
}

/// A snapshot that can be read.
#[derive(Clone, Debug)]
pub struct Snapshot<'a> {
    /// What stands before the instances.
    pub head: Head<'a>,
    count: usize,
    ends: &'a [u8],
    body: &'a [u8],
}

impl<'a> Snapshot<'a> {
    /// Begins to read; `None` where it isn't one that this module has written.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = Unpacker::new(bytes);
        if rest.byte()? != LAYOUT {
            return None;
        }
        let (service, at) = (rest.text()?, rest.instant()?);
        let (wall_ahead, members) = (rest.number()?, rest.number()?);
        let count = rest.short()?;
        let source = |_| Some((rest.text()?, Thousandths::try_from(rest.short()?).ok()?));
        let sources = (0..count).map(source).collect::<Option<_>>()?;
        let head = Head { service, at, wall_ahead, members, sources };
        let count = rest.word()?;
        let (ends, body) = rest.left().split_at_checked(count.checked_mul(4)?)?;
        Some(Self { head, count, ends, body })
    }

    /// How many instances it has.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn end_of(&self, place: usize) -> Option<usize> {
        let at = place.checked_mul(4)?;
        Unpacker::new(self.ends.get(at..)?).word()
    }

    fn bytes_of(&self, place: usize) -> Option<Unpacker<'a>> {
        let begin = place.checked_sub(1).map_or(Some(0), |before| self.end_of(before))?;
        Some(Unpacker::new(self.body.get(begin..self.end_of(place)?)?))
    }

    /// The instance at a place.
    pub fn entry(&self, place: usize) -> Option<Entry<'a>> {
        read_entry(&mut self.bytes_of(place)?)
    }

    /// All instances.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> {
        (0..self.count).filter_map(|place| self.entry(place))
    }

    /// The names of all instances, in their places.
    pub fn ids(&self) -> impl Iterator<Item = &'a str> {
        (0..self.count).filter_map(|place| self.bytes_of(place)?.text())
    }
}

#[cfg(test)]
mod tests;
