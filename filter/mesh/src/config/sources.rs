//! `sources`: who says how instances are.

use super::services::{instance_id, service_name};
use super::{Source, credentials, hold, keys};
use crate::asking::{Asks, GrpcAsk, HttpAsk, HubAsk};
use crate::event::{Place, is_id};
use crate::source::{Manner, Silence, SourceRule};
use crate::table::{ServiceId, ServiceRule};
use heartbeat_common::base::time::nanos;
use heartbeat_common::clients;
use heartbeat_common::reader::Reader;
use heartbeat_common::reader::names::{plain_name, refuse_twins};
use heartbeat_common::reader::object::Object;
use heartbeat_common::reader::values::{
    cluster_name, default_host, grpc_service, host, interval, pace, positive, target,
};
use std::time::Duration;

/// Trust is never less: a source that has none could never win it back.
const LEAST_TRUST: f64 = 0.1;
/// A word counts for so many beats or intervals at least: one that is late is no silence.
const BEATS: u32 = 3;

/// Reads `sources`, which speak of these services.
pub(super) fn read(root: &Object<'_>, services: &[Option<ServiceRule>]) -> Vec<Source> {
    let items = root.items("sources");
    let sources: Vec<_> = items.iter().map(|item| item.sound(read_source)).collect();
    refuse_twins("source", &items);
    credentials::refuse_shared(&items);
    let known = root.get("services").map(|list| list.items()).unwrap_or_default();
    let known: Vec<_> = known.iter().map(|item| item.member("name")?.text()).collect();
    let sources = items.iter().zip(sources).filter_map(|(item, source)| {
        let service = find_service(item, &known);
        refuse_no_instance(item, service.and_then(|it| services.get(it.0)?.as_ref()));
        Some(Source { service, ..source? })
    });
    sources.collect()
}

fn read_source(reader: &Reader<'_>) -> Source {
    let object = reader.object(keys::SOURCE);
    let name = object.value("name", |text| plain_name("source", text));
    let choice = object.only_choice(
        "says nothing: neither may anyone speak for it, nor is it asked",
        "write a source for each",
    );
    object.refuse_idle(None);
    let asks = match choice {
        Some("http") => Some(Asks::Http(read_http(&object))),
        Some("grpc") => Some(Asks::Grpc(read_grpc(&object))),
        Some("hub") => Some(Asks::Hub(read_hub(&object.object("hub")))),
        _ => None,
    };
    let manner = read_manner(&object, asks.as_ref());
    if matches!(asks, Some(Asks::Http(_) | Asks::Grpc(_))) {
        require(&object, "service", "payments");
        require(&object, "instance", "10.1.0.5:8080");
    }
    // Which service that is, is looked up when all are known.
    object.optional("service", service_name);
    Source {
        rule: SourceRule {
            name,
            trust: read_trust(&object),
            manner,
            silence: object.word("silence", Silence::Stale, &[Silence::Down]),
        },
        allow: object.optional_object("allow", clients::read),
        asks,
        service: None,
        instance: object.optional("instance", instance_id),
    }
}

fn require(object: &Object<'_>, key: &str, example: &str) {
    if !object.has(key) {
        object.error(format!("asks of one instance, and has no {key:?}; add {key:?}: {example:?}"));
    }
}

fn read_trust(object: &Object<'_>) -> f64 {
    object.get("trust").map_or(1.0, |reader| reader.number_from(LEAST_TRUST, "0.1", 1))
}

/// How it comes to speak, and for how long its word counts.
fn read_manner(object: &Object<'_>, asks: Option<&Asks>) -> Manner {
    let stale = object.optional("stale", positive);
    match asks {
        Some(Asks::Hub(_)) => Manner::Follows,
        Some(Asks::Grpc(grpc)) if grpc.watch => {
            if let Some(reader) = object.get("stale") {
                reader.error("has no effect on a Watch, which keeps its word fresh; leave it out");
            }
            Manner::Streams
        }
        Some(Asks::Http(HttpAsk { interval, .. }) | Asks::Grpc(GrpcAsk { interval, .. })) => {
            let stale = read_stale(object, stale, *interval, "interval");
            let (interval, stale) = (nanos(*interval), nanos(stale));
            Manner::IsAsked { interval, stale, fall: object.count("fall") }
        }
        None => {
            let beat = object.optional("beat", interval);
            let stale = match beat {
                Some(beat) => read_stale(object, stale, beat, "beat"),
                None => {
                    if stale.is_none()
                        && !object.has("stale")
                        && !object.has("beat")
                        && object.has("allow")
                    {
                        object.error(r#"says not how long its word counts; add "stale": "5s", or "beat": "1s" where it speaks of every instance so often"#);
                    }
                    stale.unwrap_or_default()
                }
            };
            Manner::Posts { stale: nanos(stale), beat: beat.map(nanos) }
        }
    }
}

/// Three beats or intervals, unless more is written.
fn read_stale(
    object: &Object<'_>,
    stale: Option<Duration>,
    every: Duration,
    what: &str,
) -> Duration {
    let least = every.saturating_mul(BEATS);
    if let (Some(stale), Some(reader)) = (stale, object.get("stale"))
        && stale < least
    {
        reader.error(format!(
            "is shorter than three times the {what}: one that is late would be silence; write \"{}ms\" or more",
            least.as_millis()
        ));
    }
    stale.unwrap_or(least)
}

fn read_http(source: &Object<'_>) -> HttpAsk {
    let object = source.object("http");
    let (interval, timeout) = pace(source);
    let cluster = object.value("cluster", cluster_name);
    HttpAsk {
        path: object.value("path", target),
        host: object.optional("host", host).unwrap_or_else(|| default_host(&cluster)),
        cluster,
        interval,
        timeout,
    }
}

fn read_grpc(source: &Object<'_>) -> GrpcAsk {
    let object = source.object("grpc");
    let (interval, timeout) = pace(source);
    let cluster = object.value("cluster", cluster_name);
    GrpcAsk {
        service: object.value("service", grpc_service),
        authority: object.optional("authority", host).unwrap_or_else(|| default_host(&cluster)),
        cluster,
        watch: object.flag("watch"),
        interval,
        timeout,
        fall: source.count("fall"),
    }
}

fn read_hub(object: &Object<'_>) -> HubAsk {
    let cluster = object.value("cluster", cluster_name);
    HubAsk {
        host: object.optional("host", host).unwrap_or_else(|| default_host(&cluster)),
        cluster,
        wait: object.value("wait", hold),
        timeout: object.value("timeout", positive),
    }
}

/// Finds the service that a source names.
fn find_service(source: &Reader<'_>, known: &[Option<&str>]) -> Option<ServiceId> {
    let reader = source.member("service")?;
    let name = reader.text()?;
    let place = known.iter().position(|it| *it == Some(name));
    if place.is_none() {
        let known = known.iter().flatten().copied().collect::<Vec<_>>().join(", ");
        reader.error(format!("no service is called {name:?}; there are: {known}"));
    }
    place.map(ServiceId)
}

/// What a source is asked of must be an instance of its service.
fn refuse_no_instance(source: &Reader<'_>, service: Option<&ServiceRule>) {
    let (Some(service), Some(reader)) = (service, source.member("instance")) else { return };
    let id = reader.text().unwrap_or_default();
    if is_id(id) && !has(service, id) {
        let name = &service.name;
        reader.error(format!(
            "{name:?} has no member {id:?}, and learns of none there; add it to its \"members\""
        ));
    }
}

fn has(service: &ServiceRule, id: &str) -> bool {
    let is_member = service.members.iter().any(|member| member.id == id);
    is_member || service.may_learn(id, &Place::default())
}
