//! The JSON schema is written from the table of keys, and says of a configuration what the
//! reader says, as far as a schema can.
//!
//! `BLESS=1` writes the file anew; without it, one that isn't as the table says is a fault.

mod limits;
mod rules;
mod strings;

use crate::config::keys::ROOT;
use heartbeat_common::schema::Schema;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The schema of configurations of the filter.
pub(in crate::config) static SCHEMA: Schema = Schema {
    title: "Configuration of Heartbeat Filter",
    source: "filter/core/src/config/keys.rs",
    root: ROOT,
    rules: rules::of,
    limits: limits::LIMITS,
    compiled: OnceLock::new(),
};

#[test]
fn the_schema_is_as_the_table_of_keys_says() {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    SCHEMA.hold_file(&here.join("../../envoy-config/schema/heartbeat.schema.json"));
}
