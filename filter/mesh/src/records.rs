//! What a worker hands to the owner: the events of one request, in one message.
//!
//! Sources and services stand in it by name, because the owner may have another
//! configuration than the worker while the one takes over from the other.

use crate::event::Place;
use crate::event::Report;
use crate::fusion::Claim;
use crate::pack::{Packer, Unpacker};
use heartbeat_common::base::time::Instant;
use std::borrow::Cow;

/// How an event is written; another number means another module's.
const LAYOUT: u8 = 1;

/// In the place of a number that the event leaves out.
const UNSAID: u8 = u8::MAX;
/// Set beside the claim where the event says where its instance is.
const HAS_PLACE: u8 = 0x80;

/// Writes the events of a request.
#[derive(Debug)]
pub struct Batch<'a> {
    bytes: Packer,
    /// Each is written where it comes first, and has a number from then on.
    services: Vec<&'a str>,
    events: usize,
}

impl<'a> Batch<'a> {
    /// Begins one. `arrived` is when the request came.
    pub fn begin(source: &str, arrived: Instant, events: usize) -> Self {
        let mut bytes = Packer::with_capacity(32 + 48 * events);
        bytes.byte(LAYOUT);
        bytes.text(source);
        bytes.instant(arrived);
        Self { bytes, services: Vec::new(), events: 0 }
    }

    /// Appends an event. `place` says where an instance is that isn't a member.
    pub fn push(&mut self, service: &'a str, id: &str, report: &Report, place: Option<&Place<'_>>) {
        let number = self.services.iter().position(|known| *known == service);
        self.bytes.short(number.unwrap_or(self.services.len()));
        if number.is_none() {
            self.bytes.text(service);
            self.services.push(service);
        }
        let claim = Claim::ALL.iter().position(|claim| *claim == report.claim).unwrap_or_default();
        self.bytes.byte(claim as u8 | if place.is_some() { HAS_PLACE } else { 0 });
        self.bytes.text(id);
        self.bytes.number(report.stamp);
        self.bytes.measure(report.latency_ms);
        self.bytes.measure(report.error_rate);
        if let Some(place) = place {
            write_place(&mut self.bytes, place);
        }
        self.events += 1;
    }

    /// How many events it has.
    pub fn events(&self) -> usize {
        self.events
    }

    /// The message.
    pub fn finish(self) -> Vec<u8> {
        self.bytes.finish()
    }
}

fn write_place(bytes: &mut Packer, place: &Place<'_>) {
    bytes.byte(u8::from(place.address.is_some()));
    if let Some(address) = place.address {
        bytes.address(address);
    }
    place.locality.iter().for_each(|part| bytes.text(part));
    for number in [place.priority, place.weight] {
        bytes.byte(number.map_or(UNSAID, |number| number.min(254) as u8));
    }
}

fn read_place<'a>(bytes: &mut Unpacker<'a>) -> Option<Place<'a>> {
    let address = if bytes.byte()? == 0 { None } else { Some(bytes.address()?) };
    let mut part = || bytes.text().map(Cow::Borrowed);
    let locality = [part()?, part()?, part()?];
    let mut number = || Some(Some(bytes.byte()?).filter(|it| *it != UNSAID).map(u32::from));
    let (priority, weight) = (number()?, number()?);
    Some(Place { address, locality, priority, weight })
}

/// An event of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<'a> {
    /// The service.
    pub service: &'a str,
    /// The instance.
    pub instance: &'a str,
    /// What is said.
    pub report: Report,
    /// Where the instance is, if it isn't a member.
    pub place: Option<Place<'a>>,
}

/// Reads a message.
#[derive(Debug)]
pub struct Records<'a> {
    /// Who says all this.
    pub source: &'a str,
    /// When the request came.
    pub arrived: Instant,
    bytes: Unpacker<'a>,
    services: Vec<&'a str>,
}

impl<'a> Records<'a> {
    /// Begins to read; `None` where it isn't one that this module has written.
    pub fn read(message: &'a [u8]) -> Option<Self> {
        let mut bytes = Unpacker::new(message);
        if bytes.byte()? != LAYOUT {
            return None;
        }
        let (source, arrived) = (bytes.text()?, bytes.instant()?);
        Some(Self { source, arrived, bytes, services: Vec::new() })
    }

    fn record(&mut self) -> Option<Record<'a>> {
        let number = self.bytes.short()?;
        if number == self.services.len() {
            self.services.push(self.bytes.text()?);
        }
        let service = *self.services.get(number)?;
        let kind = self.bytes.byte()?;
        let claim = *Claim::ALL.get(usize::from(kind & !HAS_PLACE))?;
        let instance = self.bytes.text()?;
        let stamp = self.bytes.number()?;
        let (latency_ms, error_rate) = (self.bytes.measure()?, self.bytes.measure()?);
        let place = if kind & HAS_PLACE == 0 { None } else { Some(read_place(&mut self.bytes)?) };
        let report = Report { stamp, claim, latency_ms, error_rate };
        Some(Record { service, instance, report, place })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        self.record()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn report(claim: usize, stamp: u64) -> Report {
        Report { stamp, claim: Claim::ALL[claim], latency_ms: Some(1.5), error_rate: None }
    }

    proptest! {
        #[test]
        fn the_owner_reads_what_the_worker_wrote(
            events in proptest::collection::vec((0..3_usize, "[a-z0-9.:]{1,20}", 0..5_usize, any::<u64>(), any::<bool>()), 0..50),
        ) {
            const SERVICES: [&str; 3] = ["payments", "orders", "x"];
            let place = Place {
                address: Some("10.0.0.1:80".parse().unwrap()),
                locality: ["eu", "", "a"].map(Cow::Borrowed),
                priority: None,
                weight: Some(128),
            };
            let mut batch = Batch::begin("istio", Instant(7), events.len());
            for (service, id, claim, stamp, placed) in &events {
                let place = placed.then_some(&place);
                batch.push(SERVICES[*service], id, &report(*claim, *stamp), place);
            }
            prop_assert_eq!(batch.events(), events.len());
            let message = batch.finish();
            let records = Records::read(&message).unwrap();
            prop_assert_eq!((records.source, records.arrived), ("istio", Instant(7)));
            let read: Vec<_> = records.collect();
            let wrote: Vec<_> = events.iter().map(|(service, id, claim, stamp, placed)| Record {
                service: SERVICES[*service],
                instance: id,
                report: report(*claim, *stamp),
                place: placed.then(|| place.clone()),
            }).collect();
            prop_assert_eq!(read, wrote);
        }

        #[test]
        fn a_message_that_is_none_is_read_to_its_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(records) = Records::read(&bytes) {
                prop_assert!(records.count() <= bytes.len());
            }
        }
    }

    #[test]
    fn an_event_takes_some_forty_bytes() {
        let mut batch = Batch::begin("istio", Instant(7), 100);
        for number in 0..100 {
            batch.push("payments", &format!("10.0.0.{number}:8080"), &report(0, 1), None);
        }
        assert!(batch.finish().len() < 100 * 45);
    }
}
