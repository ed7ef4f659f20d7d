//! SPIFFE ids of peers.

/// A SPIFFE id, or all ids below a path of a trust domain:
/// `spiffe://example.org/ns/shop/sa/prober`, `spiffe://example.org/ns/shop/*`.
/// <https://spiffe.io/docs/latest/spiffe-about/spiffe-concepts/#spiffe-id>
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The id without the `*`.
    prefix: String,
    open: bool,
}

const SCHEME: &str = "spiffe://";

impl Principal {
    /// Reads a SPIFFE id, which may end with `/*`.
    ///
    /// # Errors
    /// What is wrong and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let example = r#"write it like "spiffe://example.org/ns/shop/*""#;
        let Some(rest) = text.strip_prefix(SCHEME) else {
            return Err(format!("is not a SPIFFE id; {example}"));
        };
        let open = rest.ends_with("/*");
        let id = rest.strip_suffix('*').unwrap_or(rest);
        let trust_domain = id.split('/').next().unwrap_or_default();
        if trust_domain.is_empty() || !trust_domain.bytes().all(is_trust_domain_byte) {
            return Err(format!("has no trust domain of a-z, 0-9, \".\", \"-\", \"_\"; {example}"));
        }
        if id.contains('*') || rest.ends_with('*') && !open {
            return Err(format!("may hold \"*\" only as its whole last segment; {example}"));
        }
        Ok(Self { prefix: format!("{SCHEME}{id}"), open })
    }

    /// What all its ids begin with.
    pub(super) fn prefix(&self) -> &[u8] {
        self.prefix.as_bytes()
    }

    /// Whether any id is both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let below = |one: &Self, other: &Self| {
            other.prefix == one.prefix || one.open && other.prefix.starts_with(&one.prefix)
        };
        below(self, other) || below(other, self)
    }

    /// Whether an id is this one, or below it. The whole trust domain must be
    /// equal, because a prefix ends behind it at least.
    pub fn matches(&self, id: &[u8]) -> bool {
        match id.strip_prefix(self.prefix.as_bytes()) {
            Some(rest) => {
                if self.open {
                    !rest.is_empty()
                } else {
                    rest.is_empty()
                }
            }
            None => false,
        }
    }
}

/// The trust domain of a SPIFFE id; `None` where it is another URI.
pub(super) fn trust_domain(id: &[u8]) -> Option<&[u8]> {
    id.strip_prefix(SCHEME.as_bytes())?.split(|byte| *byte == b'/').next()
}

fn is_trust_domain_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_principal_is_one_id_or_all_below_a_path() {
        let one = Principal::parse("spiffe://example.org/ns/shop/sa/prober").unwrap();
        assert!(one.matches(b"spiffe://example.org/ns/shop/sa/prober"));
        assert!(!one.matches(b"spiffe://example.org/ns/shop/sa/prober2"));
        let all = Principal::parse("spiffe://example.org/*").unwrap();
        assert!(all.matches(b"spiffe://example.org/ns/shop"));
        assert!(!all.matches(b"spiffe://example.org/"));
    }

    #[test]
    fn principals_overlap_where_one_id_is_both() {
        for (one, other, overlap) in [
            ("spiffe://a/x", "spiffe://a/x", true),
            ("spiffe://a/x", "spiffe://a/x/y", false),
            ("spiffe://a/*", "spiffe://a/x", true),
            ("spiffe://a/*", "spiffe://a/x/*", true),
            ("spiffe://a/*", "spiffe://ab/*", false),
            ("spiffe://a/x/*", "spiffe://a/xy", false),
        ] {
            let [one, other] = [one, other].map(|id| Principal::parse(id).unwrap());
            assert_eq!((one.overlaps(&other), other.overlaps(&one)), (overlap, overlap));
        }
    }

    #[test]
    fn a_trust_domain_is_compared_whole() {
        let all = Principal::parse("spiffe://example.org/*").unwrap();
        for id in [
            "spiffe://example.org.evil.com/x",
            "spiffe://example.orgx/x",
            "spiffe://evil.com/spiffe://example.org/x",
            "https://example.org/x",
            "",
        ] {
            assert!(!all.matches(id.as_bytes()), "{id}");
        }
        assert!(Principal::parse("spiffe://example.org*").is_err());
        assert!(Principal::parse("spiffe://*/x").is_err());
        assert!(Principal::parse("spiffe://example.org/a*").is_err());
        assert!(Principal::parse("spiffe://example.org/*/b").is_err());
        assert!(Principal::parse("spiffe:///x").is_err());
        assert!(Principal::parse("example.org/x").is_err());
    }
}
