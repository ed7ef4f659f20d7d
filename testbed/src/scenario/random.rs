//! `${random}` and `${number}` in header values: other text in every request, the same
//! in every run.

use std::borrow::Cow;

use crate::client::http::Request;

/// Random text.
pub const RANDOM: &str = "${random}";
/// The request's number in its load, from 0.
pub const NUMBER: &str = "${number}";

/// How many characters it becomes.
const LENGTH: usize = 16;

/// What it is made of: letters and digits, and what might mean something to whoever
/// reads it.
const ALPHABET: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345.;=%|\xFF";

/// The request, with a value of its own wherever a template stands; `number`
/// tells it from all others of the load.
pub fn fill(request: &Request, number: usize) -> Cow<'_, Request> {
    let varies = |value: &String| value.contains(RANDOM) || value.contains(NUMBER);
    if !request.headers.iter().any(|(_, value)| varies(value)) {
        return Cow::Borrowed(request);
    }
    let (text, digits) = (text(number as u64), number.to_string());
    let mut request = request.clone();
    for (_, value) in &mut request.headers {
        *value = value.replace(RANDOM, &text).replace(NUMBER, &digits);
    }
    Cow::Owned(request)
}

/// Text that no other number has, but for chance, by splitmix64.
fn text(number: u64) -> String {
    let mut bits = number;
    (0..LENGTH)
        .map(|_| {
            bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            char::from(ALPHABET[(mixed >> 58) as usize])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_request_has_a_value_of_its_own_and_the_same_in_every_run() {
        let request = Request::new("GET", "/").header("x-a", "v-${random}").header("x-b", "b");
        let value = |number| fill(&request, number).headers[0].1.clone();
        let values: BTreeSet<_> = (0..10_000).map(value).collect();
        assert_eq!(values.len(), 10_000);
        assert!(values.iter().all(|value| value.chars().count() == 2 + LENGTH));
        assert_eq!(value(7), value(7));
        assert_eq!(fill(&request, 7).headers[1].1, "b");
    }

    #[test]
    fn every_request_knows_its_number() {
        let request = Request::new("GET", "/").header("host", "svc${number}.test");
        assert_eq!(fill(&request, 17).headers[0].1, "svc17.test");
    }

    #[test]
    fn a_request_without_a_template_is_sent_as_it_is() {
        let request = Request::new("GET", "/").header("x-a", "random");
        assert!(matches!(fill(&request, 7), Cow::Borrowed(_)));
    }
}
