//! The variables that a configuration may refer to, as far as a file tells of them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use heartbeat_core::base::environment::Variables as OfCore;

use super::tree::Node;

/// What stands in for a value that only the proxy's own environment knows: most of them are
/// addresses.
const STAND_IN: &str = "192.0.2.1";

/// The variables of a plugin's VM.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    /// With their values; none where only the proxy's own environment knows it.
    named: BTreeMap<String, Option<String>>,
    /// There may be others, as nothing tells of the VM.
    open: bool,
}

thread_local! {
    /// The core asks a function, not a closure.
    static PRESENT: RefCell<Variables> = RefCell::default();
}

impl Variables {
    /// Those of a VM that nothing tells of.
    pub(super) fn anything() -> Self {
        Self { open: true, ..Self::default() }
    }

    /// Those of `environment_variables` of an Envoy's `vm_config`.
    pub(super) fn of_envoy(variables: Option<&Rc<Node>>) -> Self {
        let mut all = Self::default();
        let Some(variables) = variables else { return all };
        let values = variables.field("key_values").map_or(&[][..], |values| values.members());
        for member in values {
            all.named.insert(member.key.to_string(), member.value.text().map(str::to_owned));
        }
        all.add_of_host(variables.field("host_env_keys"));
        all
    }

    /// Those of `vmConfig.env` in Istio.
    pub(super) fn of_istio(env: Option<&Node>) -> Self {
        let mut all = Self::default();
        for variable in env.map_or(&[][..], Node::items) {
            let Some(name) = variable.get("name").and_then(|name| name.text()) else { continue };
            let value = variable.get("value").and_then(|value| value.text());
            all.named.insert(name.to_owned(), value.map(str::to_owned));
        }
        all
    }

    /// Those that the proxy's own environment has, by a list of their names.
    pub(super) fn of_host(names: Option<&Rc<Node>>) -> Self {
        let mut all = Self::default();
        all.add_of_host(names);
        all
    }

    fn add_of_host(&mut self, names: Option<&Rc<Node>>) {
        let names = names.map_or(&[][..], |names| names.items());
        let names = names.iter().filter_map(|name| name.text());
        self.named.extend(names.map(|name| (name.to_owned(), None)));
    }

    /// Whether a variable is there whose value the file doesn't tell.
    pub fn is_untold(&self, name: &str) -> bool {
        self.named.get(name).map_or(self.open, Option::is_none)
    }

    fn value(&self, name: &str) -> Option<String> {
        if self.is_untold(name) {
            return Some(STAND_IN.to_owned());
        }
        self.named.get(name).cloned().flatten()
    }

    /// Has `read` read by these variables. Something stands in for a value that isn't told.
    pub fn while_present<T>(&self, read: impl FnOnce(OfCore) -> T) -> T {
        PRESENT.replace(self.clone());
        let done = read(OfCore(|name| PRESENT.with_borrow(|present| present.value(name))));
        PRESENT.take();
        done
    }
}
