//! What is told about the module, in labels, annotations and the SBOM.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat};

use crate::product::Product;

/// What is true of this build.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Which of the modules it is.
    pub product: &'static Product,
    /// The workspace's version.
    pub version: String,
    /// The commit, `-dirty` behind it if there was more; or `unknown`.
    pub revision: String,
    /// Where the source is to be had, if that is known: a URL.
    pub source: Option<String>,
    /// The workspace's licence, an SPDX expression.
    pub license: String,
    /// When the source was committed, RFC 3339 in UTC. Not when it was packed: that
    /// would give other bytes each time.
    pub created: String,
    /// The version of the Rust compiler, and so of the standard library in the module.
    pub rust: String,
}

impl Facts {
    /// The pre-defined keys of OCI, as labels and as annotations
    /// ([OCI annotations](https://github.com/opencontainers/image-spec/blob/main/annotations.md)).
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, String> {
        let mut facts = vec![
            ("title", self.product.title),
            ("description", self.product.description),
            ("version", &self.version),
            ("revision", &self.revision),
            ("licenses", &self.license),
            ("created", &self.created),
        ];
        facts.extend(self.source.as_deref().map(|source| ("source", source)));
        facts
            .into_iter()
            .map(|(key, value)| (format!("org.opencontainers.image.{key}"), value.to_owned()))
            .collect()
    }

    /// The version as a tag, which can't have the `+` of build metadata.
    #[must_use]
    pub fn tag(&self) -> String {
        self.version.replace('+', "-")
    }
}

/// Seconds since 1970 (`SOURCE_DATE_EPOCH`) in RFC 3339.
pub fn rfc3339(epoch: i64) -> Result<String> {
    let time = DateTime::from_timestamp(epoch, 0)
        .with_context(|| format!("{epoch} is no time: write seconds since 1970"))?;
    Ok(time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

#[cfg(test)]
pub(crate) fn sample() -> Facts {
    Facts {
        product: &crate::product::FILTER,
        version: "1.2.3".into(),
        revision: "abc".into(),
        source: None,
        license: "Apache-2.0".into(),
        created: "1970-01-01T00:00:00Z".into(),
        rust: "1.89.0".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_is_not_known_is_left_out() {
        let key = "org.opencontainers.image.source";
        assert_eq!(sample().labels().get(key), None);
        let known = Facts { source: Some("https://example.com".into()), ..sample() };
        assert_eq!(known.labels().get(key).unwrap(), "https://example.com");
    }

    #[test]
    fn a_time_is_written_in_utc() {
        assert_eq!(rfc3339(1_700_000_000).unwrap(), "2023-11-14T22:13:20Z");
        assert!(rfc3339(i64::MAX).unwrap_err().to_string().contains("seconds since 1970"));
    }

    #[test]
    fn build_metadata_makes_a_legal_tag() {
        assert_eq!(Facts { version: "1.2.3+4".into(), ..sample() }.tag(), "1.2.3-4");
    }
}
