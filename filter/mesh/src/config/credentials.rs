//! Which source somebody speaks for follows from credentials alone, so no two sources may
//! share any.

use heartbeat_common::clients::cidr::Cidr;
use heartbeat_common::clients::principal::Principal;
use heartbeat_common::reader::Reader;

/// Refuses what an earlier source has, too, of addresses and principals. Looks at what is
/// written, so that it has its say about sources with other mistakes too.
pub(super) fn refuse_shared(sources: &[Reader<'_>]) {
    refuse_overlaps(sources, "cidrs", Cidr::parse, Cidr::overlaps);
    refuse_overlaps(sources, "principals", Principal::parse, Principal::overlaps);
}

fn refuse_overlaps<T>(
    sources: &[Reader<'_>],
    key: &str,
    parse: fn(&str) -> Result<T, String>,
    overlaps: fn(&T, &T) -> bool,
) {
    let mut earlier: Vec<(usize, T)> = Vec::new();
    for (place, source) in sources.iter().enumerate() {
        let list = source.member("allow").and_then(|allow| allow.member(key));
        for item in list.map(|list| list.items()).unwrap_or_default() {
            let Some(entry) = item.text().and_then(|text| parse(text).ok()) else { continue };
            let other = earlier.iter().find(|(of, it)| *of != place && overlaps(it, &entry));
            if let Some(other) = other.and_then(|(of, _)| sources.get(*of)) {
                let name = other.member("name").and_then(|name| name.text()).unwrap_or_default();
                item.error(format!(
                    "is an earlier source's, too: {name:?}; whoever sends must be one source, so \
                     take it out of one of them"
                ));
            }
            earlier.push((place, entry));
        }
    }
}
