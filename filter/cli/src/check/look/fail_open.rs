//! Filters that let everything pass once they have trapped.

use crate::check::finding::{Finding, Rule};
use crate::source::{File, Form, Found, Loaded, Node, Value};

pub fn look(_: &File, _: &Found, loaded: &Loaded) -> Vec<Finding> {
    let plugin = &loaded.plugin;
    let (keys, instead): (&[&str], _) = match loaded.form {
        Form::Envoy => (&["fail_open", "failure_policy"], "write failure_policy: FAIL_RELOAD"),
        Form::Istio => (&["failStrategy"], "write failStrategy: FAIL_RELOAD"),
        Form::EnvoyGateway => (&["failOpen"], "write failOpen: false"),
    };
    let written = keys.iter().filter_map(|key| Some((*key, plugin.field(key)?)));
    let open = written.filter(|(_, value)| is_open(value));
    let finding = |(key, value): (&str, &std::rc::Rc<Node>)| {
        let problem = format!(
            "once the module has trapped, this worker goes on without it: nobody answers probes, \
             removes forged markers or holds to `allow`; {instead}"
        );
        Finding::new(Rule::FailOpen, loaded.document.position(value), key, problem)
    };
    open.map(finding).collect()
}

fn is_open(value: &Node) -> bool {
    value.value == Value::Bool(true) || value.text() == Some("FAIL_OPEN")
}
