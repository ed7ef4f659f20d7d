//! The reference in `docs/configuration` has every key of the table, and no other.

use crate::config::keys::ROOT;
use heartbeat_common::schema::reference::{self, Page};
use std::path::PathBuf;

/// The pages with a table of keys, and the objects whose keys its tables have, in order.
const PAGES: [(&str, &[&str]); 5] = [
    ("probes.md", &["probes"]),
    ("evidence.md", &["checks", "admin"]),
    ("score.md", &["score"]),
    ("counters.md", &["counters"]),
    ("publish.md", &["publish"]),
];

fn page(name: &str) -> String {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(here.join("../../docs/configuration").join(name)).unwrap()
}

#[test]
fn the_reference_has_the_keys_of_the_table_and_their_defaults() {
    let pages = PAGES.map(|(name, objects)| Page { name, text: page(name), objects });
    let mut faults = reference::faults(ROOT, &pages);
    let example = page("index.md");
    for key in ROOT.iter().filter(|key| !example.contains(&format!("\n  {:?}: ", key.name))) {
        faults.push(format!("index.md: the example lacks {:?}", key.name));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
