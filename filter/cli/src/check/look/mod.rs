//! What a look at the whole file tells, beyond the configuration itself.

mod admin;
mod any;
mod bootstrap;
mod clusters;
mod fail_open;
mod istio_tags;
mod labels;
mod merges;
mod messages;
mod routes;

use super::finding::Finding;
use crate::source::{File, Found, Loaded};

/// Looks for one thing.
type Look = fn(&File, &Found, &Loaded) -> Vec<Finding>;

/// Everything that there is to be said of how a configuration is loaded.
pub fn all(file: &File, found: &Found) -> Vec<Finding> {
    let Some(loaded) = &found.loaded else { return Vec::new() };
    let looks: [Look; 8] = [
        any::look,
        merges::look,
        clusters::look,
        admin::look,
        labels::look,
        routes::look,
        messages::look,
        fail_open::look,
    ];
    looks.iter().flat_map(|look| look(file, found, loaded)).collect()
}
