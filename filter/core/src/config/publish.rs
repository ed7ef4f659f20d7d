//! `publish`: hubs that are told how an instance is.

use super::{evidence, keys};
use crate::probe::{Action, ProbeRule};
use crate::publish::rule::{PublishRule, Subject};
use crate::reader::Reader;
use crate::reader::object::Object;
use crate::reader::values::{cluster_name, default_host, exact_path, host, interval, positive};

const LONGEST: usize = 128;

/// Reads `publish`. `probes` are the rules of the configuration.
pub(super) fn read(root: &Object<'_>, probes: &[ProbeRule]) -> Vec<PublishRule> {
    let items = root.items("publish");
    // A rule with a mistake isn't among them, and nothing is to be said of its name.
    let is_sound = root.mistakes() == 0;
    let rules = items.iter().enumerate();
    rules.map(|(place, item)| read_rule(item, place, probes, is_sound)).collect()
}

fn read_rule(
    reader: &Reader<'_>,
    place: usize,
    probes: &[ProbeRule],
    is_sound: bool,
) -> PublishRule {
    let object = reader.object(keys::publish::PUBLISH);
    let cluster = object.value("cluster", cluster_name);
    let host = object.optional("host", host);
    let rule = PublishRule {
        host: host.unwrap_or_else(|| default_host(&cluster)),
        cluster,
        path: object.value("path", exact_path),
        instance: object.expanded("instance", word).unwrap_or_default(),
        service: object.expanded("service", word),
        address: object.expanded("address", word),
        source: object.expanded("source", word),
        subject: read_subject(&object, place, probes, is_sound),
        every: object.value("every", interval),
        timeout: object.value("timeout", positive),
    };
    object.refuse_idle(None);
    rule
}

fn read_subject(
    object: &Object<'_>,
    place: usize,
    probes: &[ProbeRule],
    is_sound: bool,
) -> Subject {
    if object.has("when") {
        let owner = ["publish ", &place.to_string()].concat();
        return Subject::When { owner, conditions: evidence::read_when(object) };
    }
    let name = object.optional("probe", |name| Ok(name.to_owned()));
    let mut candidates = probes.iter().filter(|probe| match (&probe.action, &name) {
        (Action::Respond(_), Some(name)) => probe.name == *name,
        (Action::Respond(respond), None) => !respond.when.is_empty(),
        _ => false,
    });
    let (found, another) = (candidates.next(), candidates.next());
    let problem = match (found, another, &name) {
        (Some(_), None, _) => "",
        (Some(_), Some(_), _) => SEVERAL,
        (None, _, Some(_)) => NOT_ANSWERED,
        (None, _, None) => NOTHING,
    };
    if is_sound && !problem.is_empty() {
        object.error(problem);
    }
    Subject::Probe(found.map(|probe| probe.name.clone()).unwrap_or_default())
}

const NOT_ANSWERED: &str = r#"names no probe with "action": "respond": of others nothing is known until somebody probes; name one, or write "when" in its place"#;
const NOTHING: &str = r#"has nothing to say; add "when": [ { "check": "app" } ], or a probe with "action": "respond""#;
const SEVERAL: &str = r#"may mean several probes; add "probe": the name of one of them"#;

/// What a hub calls an instance, a service or a source, or where an instance listens. The hub
/// itself says which of them it knows.
fn word(text: &str) -> Result<String, String> {
    let may = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@-[]".contains(&byte);
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(may) {
        return Err(r#"is not what a hub calls anything; write 1 to 128 letters, digits or "._:/@-[]", such as "${INSTANCE_IP}:8080""#.to_owned());
    }
    Ok(text.to_owned())
}
