//! What the hub shows of itself.

use crate::fusion::Verdict;
use crate::shared::Held;
use crate::source::SourceRule;
use crate::table::{ServiceId, ServiceRule, SourceId, Table, Taken};
use crate::webhook::{WebhookResult, WebhookRule};
use heartbeat_common::base::metric::{
    CounterId, CountersBy, GaugeId, HistogramId, LabelValue, Measurement, Metric, Registry,
};
use heartbeat_common::base::time::{Instant, Nanos, rounded_ms};
use std::rc::Rc;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventResult {
    /// It counts.
    Accepted,
    /// Its source has said this, or something newer, already.
    Old,
    /// There is no such instance any more, or no such source or service.
    Unknown,
    /// There is no room for another instance.
    Full,
    /// It breaks a rule.
    Refused,
    /// A request for which there is no room, or which comes too soon after others.
    Limited,
}

impl EventResult {
    /// How many there are.
    pub const COUNT: usize = Self::VALUES.len();

    /// By what the table made of it.
    pub fn of(taken: Taken) -> Self {
        match taken {
            Taken::Counted => Self::Accepted,
            Taken::Old => Self::Old,
            Taken::Unknown => Self::Unknown,
            Taken::Full => Self::Full,
        }
    }
}

impl LabelValue for EventResult {
    const VALUES: &'static [Self] =
        &[Self::Accepted, Self::Old, Self::Unknown, Self::Full, Self::Refused, Self::Limited];

    fn number(self) -> usize {
        self as usize
    }

    fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Old => "old",
            Self::Unknown => "unknown",
            Self::Full => "full",
            Self::Refused => "refused",
            Self::Limited => "limited",
        }
    }
}

#[derive(Debug)]
struct OfSource {
    events: CountersBy<EventResult>,
    ignored_fields: CounterId,
    trust: GaugeId,
    fresh: GaugeId,
}

#[derive(Debug)]
struct OfService {
    instances: [GaugeId; 6],
    published: CounterId,
}

#[derive(Debug)]
struct OfWebhook {
    results: CountersBy<WebhookResult>,
    waiting: GaugeId,
}

/// The hub's metrics.
#[derive(Debug)]
pub struct Metrics {
    sources: Vec<OfSource>,
    services: Vec<OfService>,
    webhooks: Vec<OfWebhook>,
    convergence: HistogramId,
    refused_assignments: CounterId,
    queue_bytes: GaugeId,
    assignment_subscribers: GaugeId,
    change_subscribers: GaugeId,
}

impl Metrics {
    /// Those of a configuration, which are to be defined in the order of the list.
    pub fn define(
        sources: &[SourceRule],
        services: &[ServiceRule],
        webhooks: &[Rc<WebhookRule>],
    ) -> (Self, Vec<Metric>) {
        let mut metrics = Vec::new();
        let mut registry = Registry::new(&mut metrics);
        let of_source = |source: &SourceRule| {
            let mut labelled = registry.labelled("source", &source.name);
            OfSource {
                events: labelled.counters_by("result", "heartbeat_mesh_event_total"),
                ignored_fields: labelled.counter("heartbeat_mesh_ignored_field_total"),
                trust: labelled.gauge("heartbeat_mesh_source_trust"),
                fresh: labelled.gauge("heartbeat_mesh_source_fresh"),
            }
        };
        let sources = sources.iter().map(of_source).collect();
        let of_service = |service: &ServiceRule| {
            let mut labelled = registry.labelled("service", &service.name);
            let instances = Verdict::ALL.map(|verdict| {
                labelled.labelled("verdict", verdict.word()).gauge("heartbeat_mesh_instances")
            });
            OfService { instances, published: labelled.counter("heartbeat_mesh_publish_total") }
        };
        let services = services.iter().map(of_service).collect();
        let of_webhook = |webhook: &Rc<WebhookRule>| {
            let mut labelled = registry.labelled("webhook", &webhook.name);
            OfWebhook {
                results: labelled.counters_by("result", "heartbeat_mesh_webhook_total"),
                waiting: labelled.gauge("heartbeat_mesh_webhook_waiting"),
            }
        };
        let webhooks = webhooks.iter().map(of_webhook).collect();
        let mut subscribers =
            |kind| registry.labelled("kind", kind).gauge("heartbeat_mesh_subscribers");
        let assignment_subscribers = subscribers("eds");
        let change_subscribers = subscribers("changes");
        let metrics_of = Self {
            sources,
            services,
            webhooks,
            convergence: registry.histogram("heartbeat_mesh_convergence_ms"),
            refused_assignments: registry.counter("heartbeat_mesh_refused_assignment_total"),
            queue_bytes: registry.gauge("heartbeat_mesh_queue_bytes"),
            assignment_subscribers,
            change_subscribers,
        };
        (metrics_of, metrics)
    }

    /// So many events of a source had these results, by their numbers.
    pub fn events<'a>(
        &'a self,
        source: SourceId,
        results: &'a [u64; EventResult::COUNT],
    ) -> impl Iterator<Item = Measurement> + 'a {
        let of_source = self.sources.get(source.0).into_iter();
        of_source.flat_map(move |of_source| {
            let results = EventResult::VALUES.iter().zip(results).filter(|(_, count)| **count > 0);
            results.map(|(result, count)| Measurement::Add(of_source.events.of(*result), *count))
        })
    }

    /// So many fields of a source's events were ignored.
    pub fn ignored_fields(&self, source: SourceId, count: usize) -> Option<Measurement> {
        let of_source = self.sources.get(source.0).filter(|_| count > 0)?;
        Some(Measurement::Add(of_source.ignored_fields, count as u64))
    }

    /// An assignment went out.
    pub fn published(&self, service: ServiceId) -> Option<Measurement> {
        Some(Measurement::Add(self.services.get(service.0)?.published, 1))
    }

    /// So long after an event came the assignment went out that follows from it.
    pub fn convergence(&self, took: Nanos) -> Measurement {
        Measurement::Observe(self.convergence, rounded_ms(took))
    }

    /// A client refuses an assignment.
    pub fn refused_assignment(&self) -> Measurement {
        Measurement::Add(self.refused_assignments, 1)
    }

    /// So much is on its way to the owner.
    pub fn queue_bytes(&self, bytes: u64) -> Measurement {
        Measurement::Set(self.queue_bytes, bytes)
    }

    /// So many requests are held back.
    pub fn subscribers(&self, held: Held) -> [Measurement; 2] {
        [
            Measurement::Set(self.assignment_subscribers, held.assignments as u64),
            Measurement::Set(self.change_subscribers, held.subscriptions as u64),
        ]
    }

    /// What has become of so many changes on their way to the webhook at this place.
    pub fn webhook(&self, place: usize, result: WebhookResult, count: u64) -> Option<Measurement> {
        Some(Measurement::Add(self.webhooks.get(place)?.results.of(result), count))
    }

    /// How many changes each webhook has yet to tell, in their order.
    pub fn waiting(
        &self,
        waiting: impl Iterator<Item = usize>,
    ) -> impl Iterator<Item = Measurement> {
        let webhooks = self.webhooks.iter().zip(waiting);
        webhooks.map(|(webhook, count)| Measurement::Set(webhook.waiting, count as u64))
    }

    /// What the table shows.
    pub fn of_table(&self, table: &Table, now: Instant) -> Vec<Measurement> {
        let mut shown = Vec::new();
        for (number, of_source) in self.sources.iter().enumerate() {
            let source = SourceId(number);
            shown.push(Measurement::Set(of_source.trust, u64::from(table.trust(source, now))));
            shown.push(Measurement::Set(of_source.fresh, table.fresh(source) as u64));
        }
        for (number, of_service) in self.services.iter().enumerate() {
            let mut counts = [0_u64; 6];
            for verdict in table.verdicts(ServiceId(number)) {
                let place = Verdict::ALL.iter().position(|known| *known == verdict);
                place.and_then(|place| counts.get_mut(place)).into_iter().for_each(|it| *it += 1);
            }
            let counts = of_service.instances.iter().zip(counts);
            shown.extend(counts.map(|(gauge, count)| Measurement::Set(*gauge, count)));
        }
        shown
    }
}
