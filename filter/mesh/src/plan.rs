//! What follows from a configuration, for each of those who work by it.

use crate::asking::AskedSource;
use crate::config::{HubConfig, Source};
use crate::owner::OwnerRule;
use crate::table::SourceId;
use crate::webhook::WebhookRule;
use crate::worker::{Limits, Sender, WorkerRule};
use heartbeat_common::base::time::nanos;
use std::rc::Rc;

/// What follows from a configuration.
#[derive(Debug)]
pub struct Plan {
    /// For the owner of the table.
    pub owner: Rc<OwnerRule>,
    /// For those who serve.
    pub worker: Rc<WorkerRule>,
    /// The sources that are asked.
    pub asked: Vec<AskedSource>,
    /// Who is told of changes.
    pub webhooks: Vec<Rc<WebhookRule>>,
    /// The same number for VMs with the same configuration.
    pub fingerprint: u64,
}

impl Plan {
    /// That of a configuration.
    pub fn of(config: HubConfig) -> Self {
        let fingerprint = config.fingerprint();
        let asked = config.sources.iter().enumerate();
        let asked = asked.filter_map(|(number, source)| asked_source(SourceId(number), source));
        let asked = asked.collect();
        let sources = config.sources.iter().map(|source| source.rule.clone()).collect();
        let sender = |source: Source| Sender { allow: source.allow, service: source.service };
        let senders = config.sources.into_iter().map(sender).collect();
        let mut owner = OwnerRule::new(
            sources,
            config.services,
            config.recover,
            config.limits.instances,
            nanos(config.publish_every),
        );
        owner.tells = !config.webhooks.is_empty();
        let owner = Rc::new(owner);
        let worker = WorkerRule {
            owner: Rc::clone(&owner),
            senders,
            readers: config.readers,
            hold: nanos(config.hold),
            limits: Limits {
                batch: config.limits.batch,
                body: config.limits.body,
                rate: config.limits.rate,
                waiters: config.limits.waiters,
            },
        };
        let webhooks = config.webhooks.into_iter().map(Rc::new).collect();
        Self { owner, worker: Rc::new(worker), asked, webhooks, fingerprint }
    }

    /// The names of the services, in the order of their ids.
    pub fn services(&self) -> Vec<String> {
        self.owner.services.iter().map(|service| service.name.clone()).collect()
    }
}

fn asked_source(number: SourceId, source: &Source) -> Option<AskedSource> {
    Some(AskedSource {
        source: number,
        name: source.rule.name.clone(),
        asks: source.asks.clone()?,
        service: source.service,
        instance: source.instance.clone(),
    })
}
