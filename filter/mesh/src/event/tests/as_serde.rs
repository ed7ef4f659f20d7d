//! The reader of JSON reads what `serde_json` reads, and refuses what that refuses.

use super::visitor::{Events, read, read_lines};
use super::*;

/// As they are written between quotes, with a blank between them.
const KEYS: &[u8] = b"instance_id timestamp_ns probe_method latency_p95_ms error_rate \
    connection_established http_status_code status service source address locality priority \
    weight region zone colour  \\u0073tatus \\ud800 caf\xc3\xa9 \xff stat\nus";

const VALUES: &[u8] = b"\"a:1\" \"http\" \"pass\" \"payments\" \"10.0.0.1:80\" null true false nul True \
    0 -0 1 00 01 1. .5 - +1 200 12.5 0.010 -1 -9223372036854775809 1e3 1E-3 2e+0 1e 1e999 0e999 \
    9999999999999999999 18446744073709551615 18446744073709551616 0.1234567890123456 \
    123456789012345.6 0.00000000000000000000000000000000001 1000000000000000000000000000000.5 \
    \"18446744073709551616\" \"007\" \"\" \"\\u0061\" \"\\ud83d\\ude00\" \"\\ud83d\" \"\\udc00\" \
    \"\\u00g0\" \"\\x\" \"\\\"\\\\\\/\\b\\f\\n\\r\\t\" \"\\u0000\" \"\0\" \"\x1f\" \"\x7f\" \"\xff\" \"\xc3\xa9\" \
    \"\xed\xa0\x80\" \"open \"\\ [ ] { } [1,] {\"a\":1,} {\"a\"} {1:2} [1\t2] [tru] {\"\\ud800\":1} \
    {\"\xff\":1} [\"\xff\",\"\\ud800\",1e999] \xef\xbb\xbf1 'a' NaN Infinity // \x0c1 \x0b2 \xc2\xa03";

fn words(all: &'static [u8]) -> impl Iterator<Item = &'static [u8]> {
    all.split(|byte| *byte == b' ')
}

fn one_of(all: &'static [u8]) -> impl Strategy<Value = &'static [u8]> {
    prop::sample::select(words(all).collect::<Vec<_>>())
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        4 => one_of(VALUES).prop_map(<[u8]>::to_vec),
        1 => any::<f64>().prop_map(|number| number.to_string().into_bytes()),
        1 => any::<u64>().prop_map(|number| number.to_string().into_bytes()),
        1 => "[0-9]{1,22}(\\.[0-9]{1,22})?([eE][+-]?[0-9]{1,3})?".prop_map(String::into_bytes),
        1 => ".{0,12}".prop_map(|text| serde_json::to_vec(&text).unwrap()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..3);
        prop_oneof![
            list.prop_map(|parts| [b"[", &parts.join(&b", "[..])[..], b"]"].concat()),
            prop::collection::vec((one_of(KEYS), inner), 0..4).prop_map(object),
        ]
    })
}

fn object(fields: Vec<(&[u8], Vec<u8>)>) -> Vec<u8> {
    let field = |(key, value): (&[u8], Vec<u8>)| [b"\"", key, b"\" : ", &value].concat();
    let fields: Vec<_> = fields.into_iter().map(field).collect();
    [b"{", &fields.join(&b",\t"[..])[..], b"}"].concat()
}

/// An event to which fields are added, some of them a second time.
fn event() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((one_of(KEYS), value()), 0..4).prop_map(|more| {
        let id = (&b"instance_id"[..], b"\"a:1\"".to_vec());
        let known = [id, (b"timestamp_ns", b"1".to_vec()), (b"probe_method", b"\"tcp\"".to_vec())];
        object(
            known.into_iter().chain([(&b"status"[..], b"\"pass\"".to_vec())]).chain(more).collect(),
        )
    })
}

/// Bytes that are put into a text at a place each, or in the place of the one there.
fn mutations() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, bool)>> {
    let byte = prop_oneof![
        4 => prop::sample::select(&b"{}[]:,\"\\ntf-+.0e1u \n\r\x0c\xc3"[..]),
        1 => any::<u8>(),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), byte, any::<bool>()), 0..3)
}

/// What was made of each event; the words for what is no JSON are each reader's own.
fn made(events: Result<Events<'_>, Unreadable>) -> Result<Events<'_>, Unreadable> {
    let wordless = |refused: Refused| match refused.field {
        "" if !refused.reason.starts_with("needs") => Refused::new("", ""),
        _ => refused,
    };
    let events = events.map_err(|unreadable| match unreadable {
        Unreadable::Malformed(_) => Unreadable::Malformed(String::new()),
        Unreadable::TooMany => unreadable,
    })?;
    Ok(events.into_iter().map(|event| event.map_err(wordless)).collect())
}

fn hold(text: &[u8]) {
    let shown = String::from_utf8_lossy(text);
    for most in [2, MOST] {
        assert_eq!(made(json::read(text, most)), made(read(text, most)), "{shown}");
        assert_eq!(made(json::read_lines(text, most)), made(read_lines(text, most)), "{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn what_serde_takes_is_taken_and_what_it_refuses_is_refused(
        events in prop::collection::vec(event(), 0..4),
        layout in prop::sample::select(&["[]", "\n", ","][..]),
        mutations in mutations(),
    ) {
        let mut text = match layout {
            "[]" => [b"[", &events.join(&b","[..])[..], b"]"].concat(),
            between => events.join(between.as_bytes()),
        };
        for (place, byte, replaces) in mutations {
            let place = place.index(text.len() + 1);
            text.splice(place..(place + usize::from(replaces)).min(text.len()), [byte]);
        }
        hold(&text);
    }
}

#[test]
fn each_value_of_each_field_is_read_as_serde_reads_it() {
    for key in words(KEYS) {
        for value in words(VALUES) {
            let known: [(&[u8], &[u8]); 4] = [
                (b"instance_id", b"\"a:1\""),
                (b"timestamp_ns", b"1"),
                (b"probe_method", b"\"tcp\""),
                (b"latency_p95_ms", b"1"),
            ];
            let fields = known.into_iter().chain([(key, value)]);
            hold(&object(fields.map(|(key, value)| (key, value.to_vec())).collect()));
        }
    }
}
