//! Keys that are merged, in a file that Envoy itself reads.

use crate::check::finding::{Finding, Rule};
use crate::source::{File, Form, Found, Loaded};

pub fn look(_: &File, _: &Found, loaded: &Loaded) -> Vec<Finding> {
    let document = &loaded.document;
    // What brings a resource to Kubernetes has merged them by then.
    let is_read_by_envoy = loaded.form == Form::Envoy && document.root.get("kind").is_none();
    let Some(first) = document.merges.first().filter(|_| is_read_by_envoy) else {
        return Vec::new();
    };
    let problem = "Envoy doesn't merge keys, and refuses this one as unknown; write out what it \
                   brings (a plain alias, `key: *name`, it knows)";
    vec![Finding::new(Rule::MergeKey, document.text.position(*first), "<<", problem)]
}
