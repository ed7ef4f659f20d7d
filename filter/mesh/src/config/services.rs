//! `services`: whose instances are judged.

use super::{Limits, keys, metadata};
use crate::assignment::Endpoint;
use crate::event::is_id;
use crate::fusion::FusionRule;
use crate::table::{LearnRule, Member, ServiceRule, canonical, is_destination};
use heartbeat_common::base::time::nanos;
use heartbeat_common::base::units::parse_share;
use heartbeat_common::clients::cidr::Cidr;
use heartbeat_common::reader::Reader;
use heartbeat_common::reader::names::refuse_twins;
use heartbeat_common::reader::object::Object;
use heartbeat_common::reader::values::positive;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::rc::Rc;

const LONGEST_NAME: usize = 128;
/// What stands in the paths of the API where services do.
const TAKEN: [&str; 2] = ["events", "subscribe"];
/// Trust is compared in thousandths.
const WHOLE: f64 = 1_000.0;

/// Reads `services`; none stands in the place of one with a mistake, so that the places of
/// the others stay theirs.
pub(super) fn read(root: &Object<'_>, limits: &Limits) -> Vec<Option<ServiceRule>> {
    let items = root.items("services");
    let services: Vec<_> = items.iter().map(|item| item.sound(read_service)).collect();
    refuse_twins("service", &items);
    let members = items.iter().filter_map(|item| item.member("members"));
    let members: usize = members.map(|list| list.items().len()).sum();
    if members > limits.instances
        && limits.instances > 0
        && let Some(reader) = root.get("services")
    {
        reader.error(format!(
            "has {members} members, and \"limits\" has {} instances; write \"limits\": {{ \"instances\": {members} }} or more",
            limits.instances
        ));
    }
    services
}

fn read_service(reader: &Reader<'_>) -> ServiceRule {
    let object = reader.object(keys::SERVICE);
    let name = object.value("name", service_name);
    if object.chosen().is_empty() {
        object.error(r#"has no instances; add "members": [ { "id": "10.1.0.5:8080" } ], or "learn": [ { "addresses": ["10.0.0.0/8"] } ]"#);
    }
    let members = object.items("members");
    refuse_same_ids(&members);
    ServiceRule {
        name,
        members: members.iter().filter_map(|member| member.sound(read_member)).collect(),
        learn: object.items("learn").iter().map(read_learn).collect(),
        forget: nanos(object.value("forget", positive)),
        fusion: FusionRule {
            quorum: object.value("quorum", quorum),
            witness: (fraction(&object, "witness", 0.3) * WHOLE).round() as u16,
            suspects: object.word("on_witness", true, &[false]),
        },
        weigh_by_trust: object.flag("weigh_by_trust"),
    }
}

/// A number from 0 to 1; `default` is what the table of keys says.
pub(super) fn fraction(object: &Object<'_>, name: &str, default: f64) -> f64 {
    object.get(name).map_or(default, |reader| reader.number(0, 1))
}

/// The name of a service. It stands in paths, metrics and assignments.
pub(super) fn service_name(text: &str) -> Result<String, String> {
    let may = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let begins = text.starts_with(|first: char| first.is_ascii_alphanumeric());
    if !begins || text.len() > LONGEST_NAME || !text.bytes().all(may) {
        return Err(format!(
            "is not a service name; write 1 to {LONGEST_NAME} letters, digits, \".\", \"_\" or \"-\", a letter or a digit first"
        ));
    }
    if TAKEN.contains(&text) {
        return Err(format!(
            "can't be a service: /mesh/v1/health/{text} is something else; choose another"
        ));
    }
    Ok(text.to_owned())
}

fn quorum(text: &str) -> Result<u16, String> {
    let share = parse_share(text)?.thousandths();
    if share >= 1_000 {
        return Err(r#"is never exceeded; write "99%" or less"#.to_owned());
    }
    Ok(share)
}

fn refuse_same_ids(members: &[Reader<'_>]) {
    let (mut taken, mut addresses) = (HashSet::new(), HashSet::new());
    for member in members {
        let Some(id) = member.member("id").and_then(|id| id.text()) else { continue };
        if !taken.insert(id) {
            member.error(format!("the id {id:?} is taken by an earlier member; keep one"));
            continue;
        }
        let address = member.member("address").and_then(|address| address.text()).unwrap_or(id);
        if socket_address(address).is_ok_and(|address| !addresses.insert(address)) {
            member
                .error(format!("the address {address:?} is taken by an earlier member; keep one"));
        }
    }
}

fn read_member(reader: &Reader<'_>) -> Member {
    let object = reader.object(keys::MEMBER);
    let id = object.value("id", instance_id);
    let before = object.mistakes();
    let address = object.optional("address", socket_address).or_else(|| socket_address(&id).ok());
    if address.is_none() && !id.is_empty() && object.mistakes() == before {
        object.error(r#"says not where it is: its id is no address and port; add "address": "10.1.0.5:8080""#);
    }
    let locality = object.object("locality");
    let part = |name| locality.value(name, |text| Ok(text.to_owned()));
    let endpoint = Endpoint {
        address: address.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0))),
        locality: ["region", "zone", "sub_zone"].map(part),
        priority: object.count("priority"),
        weight: object.count("weight"),
        metadata: Rc::new(metadata::read(&object)),
    };
    Member { id, endpoint }
}

/// What sources call an instance.
pub(super) fn instance_id(text: &str) -> Result<String, String> {
    if !is_id(text) {
        return Err("is not an instance; write 1 to 128 of A-Z, a-z, 0-9 and ._:/@-, such as \"10.1.0.5:8080\"".to_owned());
    }
    Ok(text.to_owned())
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse().ok().map(canonical).filter(|address| is_destination(*address));
    address.ok_or_else(|| {
        r#"is not an address and a port; write it like "10.1.0.5:8080" or "[fd00::5]:8080""#
            .to_owned()
    })
}

fn read_learn(reader: &Reader<'_>) -> LearnRule {
    let object = reader.object(keys::LEARN);
    LearnRule {
        addresses: object.list("addresses", Cidr::parse),
        forget: nanos(object.value("forget", positive)),
        most: object.count("max") as usize,
        metadata: Rc::new(metadata::read(&object)),
    }
}
