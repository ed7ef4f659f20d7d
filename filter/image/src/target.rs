//! Where to push: `registry/name:tag`, for each module.

use std::net::IpAddr;

use anyhow::{Context, Result, bail};
use oci_client::Reference;

use crate::forms::Kind;
use crate::product::{FILTER, HUB};

const FORM: &str = "write registry.example.com/name:tag";

/// Where each module goes.
#[derive(Debug)]
pub struct Targets {
    /// The filter's image.
    pub filter: Reference,
    /// The hub's image.
    pub hub: Reference,
}

impl Targets {
    /// What the user wrote. Where the hub isn't named it goes beside the filter: there it
    /// is `heartbeat-hub` beside `heartbeat-filter`, and `NAME-hub` beside any other name.
    pub fn of(filter: &str, hub: Option<&str>) -> Result<Self> {
        let filter = parse(filter)?;
        let hub = hub.map_or_else(|| Ok(beside(&filter)), parse)?;
        let places =
            |it: &Reference| Kind::ALL.map(|kind| with_suffix(it, kind.tag_suffix()).whole());
        let taken = places(&filter);
        if let Some(twice) = places(&hub).iter().find(|place| taken.contains(place)) {
            bail!("{twice} can't be both the filter's and the hub's");
        }
        Ok(Self { filter, hub })
    }
}

fn beside(filter: &Reference) -> Reference {
    let name = filter.repository();
    let hub = match name.strip_suffix(FILTER.name) {
        Some(folder) if folder.is_empty() || folder.ends_with('/') => {
            format!("{folder}{}", HUB.name)
        }
        _ => format!("{name}-hub"),
    };
    let tag = filter.tag().unwrap_or_default().to_owned();
    Reference::with_tag(filter.registry().to_owned(), hub, tag)
}

/// Reads what the user wrote. Nothing is filled in: an image that went to the wrong
/// place under the wrong name is there for good.
pub fn parse(text: &str) -> Result<Reference> {
    let host = text.split_once('/').map_or("", |(host, _)| host);
    if !(host.contains(['.', ':']) || host == "localhost") {
        bail!("{text:?} names no registry; {FORM}");
    }
    let reference = Reference::try_from(text).with_context(|| format!("{text:?}; {FORM}"))?;
    if reference.digest().is_some() {
        bail!("{text:?} names a digest, which is known only when the image is there; {FORM}");
    }
    // The parser has put `latest` where there was none.
    if !text.ends_with(&format!(":{}", reference.tag().unwrap_or_default())) {
        bail!("{text:?} names no tag; {FORM}");
    }
    Ok(reference)
}

/// The same place, with this behind the tag.
pub fn with_suffix(reference: &Reference, suffix: &str) -> Reference {
    Reference::with_tag(
        reference.registry().to_owned(),
        reference.repository().to_owned(),
        format!("{}{suffix}", reference.tag().unwrap_or_default()),
    )
}

/// Whether a registry is on this machine: that one is spoken to without TLS.
#[must_use]
pub fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_a_name_and_a_tag_are_taken() {
        for text in ["registry.example.com/a/b:1.0", "localhost/a:1", "127.0.0.1:5000/a:1"] {
            assert_eq!(parse(text).unwrap().whole(), text);
        }
    }

    #[test]
    fn the_hub_goes_beside_the_filter_unless_it_is_told_where() {
        for (filter, hub) in [
            ("localhost/heartbeat-filter:1", "localhost/heartbeat-hub:1"),
            ("localhost:5000/a/heartbeat-filter:1.0", "localhost:5000/a/heartbeat-hub:1.0"),
            ("localhost/health:1", "localhost/health-hub:1"),
            ("localhost/my-heartbeat-filter:1", "localhost/my-heartbeat-filter-hub:1"),
        ] {
            assert_eq!(Targets::of(filter, None).unwrap().hub.whole(), hub);
        }
        let there = Targets::of("localhost/a:1", Some("127.0.0.1:5000/b:2")).unwrap();
        assert_eq!(there.hub.whole(), "127.0.0.1:5000/b:2");
    }

    #[test]
    fn one_place_is_not_for_two_modules() {
        for hub in ["localhost/a:1", "localhost/a:1-artifact"] {
            let error = Targets::of("localhost/a:1", Some(hub)).unwrap_err();
            assert!(error.to_string().contains(hub), "{error}");
        }
        assert!(Targets::of("localhost/a:1", Some("localhost/a:1-hub")).is_ok());
        assert!(Targets::of("localhost/a:1", Some("localhost/a")).is_err());
    }

    #[test]
    fn what_is_missing_is_named_and_never_guessed() {
        for (text, fault) in [
            ("heartbeat:1", "no registry"),
            ("library/heartbeat:1", "no registry"),
            ("registry.example.com/heartbeat", "no tag"),
            ("registry.example.com:5000/heartbeat", "no tag"),
            ("registry.example.com/Heartbeat:1", "Heartbeat"),
            ("", "no registry"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(fault) && error.contains(FORM), "{error}");
        }
        let digest = format!("registry.example.com/a@sha256:{}", "0".repeat(64));
        assert!(parse(&digest).unwrap_err().to_string().contains("digest"));
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for registry in ["localhost", "localhost:5000", "127.0.0.1", "127.1.2.3:5000"] {
            assert!(is_loopback(registry), "{registry}");
        }
        for registry in ["10.0.0.1:5000", "localhost.example.com", "registry.example.com:443"] {
            assert!(!is_loopback(registry), "{registry}");
        }
    }

    #[test]
    fn a_suffix_goes_behind_the_tag() {
        let reference = parse("localhost:5000/a/b:1").unwrap();
        assert_eq!(with_suffix(&reference, "-artifact").whole(), "localhost:5000/a/b:1-artifact");
    }
}
