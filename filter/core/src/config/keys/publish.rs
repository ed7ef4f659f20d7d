//! `publish`: hubs that are told how an instance is.

use super::checks::host;
use super::evidence::CONDITION;
use crate::reader::keys::Kind::{List, Object, Text};
use crate::reader::keys::Presence::{Default, Optional, Required};
use crate::reader::keys::Scope::Without;
use crate::reader::keys::{Form, Key, filled, key};

/// A hub of `publish`.
pub(in crate::config) const PUBLISH: &[Key] = &[
    key(
        "cluster",
        &Text(Form::Cluster),
        &Required(r#""cluster": "hub", the name of an Envoy cluster"#),
        "The Envoy cluster that leads to the hub; its own settings hold, such as TLS",
    ),
    host(),
    key(
        "path",
        &Text(Form::Path),
        &Default("/mesh/v1/health/events"),
        "Where the hub takes events in",
    ),
    key(
        "instance",
        &Text(Form::Expanded),
        &Required(r#""instance": "${INSTANCE_IP}:8080""#),
        "What the hub calls the instance; `${NAME}` is a variable of the VM's environment",
    ),
    key(
        "service",
        &Text(Form::Expanded),
        &Optional,
        "Its service; needless where the source has one, or the hub has but one",
    ),
    key(
        "address",
        &Text(Form::Expanded),
        &Optional,
        "Where it listens, for a hub that learns of it and where `instance` isn't that",
    ),
    key(
        "source",
        &Text(Form::Expanded),
        &Optional,
        "The source that the hub takes this proxy for; where it is another, it refuses the event",
    ),
    key(
        "probe",
        &Text(Form::Open),
        &Optional,
        "The probe with `\"action\": \"respond\"` whose verdict is published; without it the \
         only one that has `when`",
    )
    .only(&Without(&[("when", "can't stand beside \"when\"; keep one of them")])),
    key(
        "when",
        &List(&filled(Object(CONDITION)).most(64)),
        &Optional,
        "In the place of a probe: what the verdict rests on",
    ),
    key(
        "every",
        &Text(Form::Interval),
        &Default("1s"),
        "How often it is said although nothing has changed; up to a tenth sooner, so that \
         proxies don't come in step",
    ),
    key("timeout", &Text(Form::Positive), &Default("1s"), "How long the hub's answer may take"),
];
