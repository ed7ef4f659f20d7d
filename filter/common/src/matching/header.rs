//! Conditions on headers, alike for probes and counters.

use crate::http::request::Headers;

/// A condition on one header.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeaderMatcher {
    /// The header's name, in lower case.
    pub name: String,
    /// What its value must be.
    pub test: HeaderTest,
    /// Whether the condition is turned round.
    pub not: bool,
}

/// What a header's value must be. Values are compared as bytes, with case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HeaderTest {
    /// There (`true`) or absent (`false`).
    Present(bool),
    /// Exactly this.
    Exact(String),
    /// Beginning with this.
    Prefix(String),
    /// Ending with this.
    Suffix(String),
    /// Holding this anywhere.
    Contains(String),
}

impl HeaderMatcher {
    /// Whether a message fulfils the condition.
    ///
    /// Of a header that stands there several times, any value will do. An absent
    /// header fulfils no condition on its value, and every negated one.
    pub fn matches<'a>(&'a self, headers: &impl Headers<'a>) -> bool {
        let first = headers.first(&self.name);
        let holds = match (&self.test, &first) {
            (HeaderTest::Present(wanted), value) => value.is_some() == *wanted,
            (_, None) => false,
            (test, Some(value)) => {
                let mut is_first = true;
                let mut other_holds =
                    |value: &[u8]| !std::mem::take(&mut is_first) && test.holds(value);
                test.holds(value) || headers.any(&self.name, &mut other_holds)
            }
        };
        holds != self.not
    }
}

impl HeaderTest {
    fn holds(&self, value: &[u8]) -> bool {
        match self {
            Self::Present(wanted) => *wanted,
            Self::Exact(text) => value == text.as_bytes(),
            Self::Prefix(text) => value.starts_with(text.as_bytes()),
            Self::Suffix(text) => value.ends_with(text.as_bytes()),
            Self::Contains(text) => contains(value, text.as_bytes()),
        }
    }
}

/// Whether a text is in another. The last eight bytes are one number, which is held
/// against the first of the needle: to compare each piece would cost six times as much,
/// and clients may send long ones.
fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |last, byte| last << 8 | u64::from(*byte));
    let (head, tail) = needle.split_at(needle.len().min(8));
    let (wanted, mask) = (number(head), u64::MAX.checked_shr(64 - 8 * head.len() as u32));
    let mask = mask.unwrap_or(0);
    let mut last = 0;
    haystack.iter().enumerate().any(|(at, byte)| {
        last = last << 8 | u64::from(*byte);
        last & mask == wanted
            && at + 1 >= head.len()
            && haystack.get(at + 1..).is_some_and(|rest| rest.starts_with(tail))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fake::FakeRequest;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn matches(test: HeaderTest, value: Option<&[u8]>) -> bool {
        let request = FakeRequest::new("GET", "/");
        let request = match value {
            Some(value) => request.with("x-a", value),
            None => request,
        };
        let matcher = HeaderMatcher { name: "x-a".into(), test, not: false };
        matcher.matches(&request)
    }

    #[test]
    fn present_is_about_the_header_not_its_value() {
        assert!(matches(HeaderTest::Present(true), Some(b"")));
        assert!(!matches(HeaderTest::Present(true), None));
        assert!(matches(HeaderTest::Present(false), None));
        assert!(!matches(HeaderTest::Present(false), Some(b"x")));
    }

    #[test]
    fn values_are_compared_as_bytes() {
        let value = Some(&b"GoogleHC/1.0\xff"[..]);
        assert!(matches(HeaderTest::Prefix("GoogleHC/".into()), value));
        assert!(matches(HeaderTest::Contains("HC/1".into()), value));
        assert!(!matches(HeaderTest::Suffix("1.0".into()), value));
        assert!(!matches(HeaderTest::Exact("GoogleHC/1.0".into()), value));
        assert!(!matches(HeaderTest::Prefix("googlehc/".into()), value));
    }

    #[test]
    fn an_absent_header_fulfils_only_what_is_negated() {
        assert!(!matches(HeaderTest::Contains("a".into()), None));
        let negated =
            HeaderMatcher { name: "x-a".into(), test: HeaderTest::Exact("a".into()), not: true };
        assert!(negated.matches(&FakeRequest::new("GET", "/")));
        assert!(!negated.matches(&FakeRequest::new("GET", "/").with("x-a", "a")));
    }

    #[test]
    fn any_value_of_a_repeated_header_will_do() {
        let request = FakeRequest::new("GET", "/").with("x-a", "b").with("x-a", "a");
        let matcher = |test| HeaderMatcher { name: "x-a".into(), test, not: false };
        assert!(matcher(HeaderTest::Exact("a".into())).matches(&request));
        assert!(!matcher(HeaderTest::Exact("c".into())).matches(&request));
        let negated = HeaderMatcher { not: true, ..matcher(HeaderTest::Exact("a".into())) };
        assert!(!negated.matches(&request));
    }

    #[test]
    fn a_needle_longer_than_the_value_is_not_in_it() {
        assert!(!contains(b"ab", b"abc"));
        assert!(contains(b"abc", b"abc"));
        assert!(!contains(b"", b"a"));
        assert!(!contains(b"a", b"\0a"), "nothing stands before the first byte");
    }

    #[test]
    fn a_needle_is_found_wherever_it_is_and_however_long() {
        let text: Vec<u8> = (0..40).collect();
        for from in 0..text.len() {
            for to in from + 1..=text.len() {
                let needle = &text[from..to];
                assert!(contains(&text, needle), "{from}..{to}");
                assert!(!contains(&text[..to - 1], needle), "{from}..{to}");
                assert!(!contains(&text[from + 1..], needle), "{from}..{to}");
            }
        }
        assert!(contains(b"kube-probkube-probe/1.31", b"kube-probe/"));
        assert!(!contains(b"kube-prob/kube-prob/", b"kube-probe/"));
    }
}
