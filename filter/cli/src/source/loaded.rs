//! How a configuration is loaded, where a file says so.

use std::rc::Rc;

use super::document::Document;
use super::tree::Node;

/// The form in which a plugin is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Envoy's own `PluginConfig`.
    Envoy,
    /// Istio's WasmPlugin, or `wasm` of its TrafficExtension.
    Istio,
    /// An item of `wasm` of Envoy Gateway's EnvoyExtensionPolicy.
    EnvoyGateway,
}

/// What loads a configuration.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The document that it stands in: an Envoy's bootstrap, a resource.
    pub document: Document,
    /// What names the module and holds the configuration.
    pub plugin: Rc<Node>,
    /// The form of that.
    pub form: Form,
}

impl Loaded {
    pub(super) fn new(document: &Document, plugin: &Rc<Node>, form: Form) -> Self {
        Self { document: document.clone(), plugin: Rc::clone(plugin), form }
    }

    /// What people call it: the resource, or the plugin of an Envoy.
    pub fn title(&self) -> String {
        let root = &self.document.root;
        let text = |path: &[&str]| root.at_path(path).and_then(Node::text);
        if let Some(kind) = text(&["kind"]) {
            let name = text(&["metadata", "name"]).unwrap_or_default();
            return match text(&["metadata", "namespace"]) {
                Some(namespace) => format!("{kind} {namespace}/{name}"),
                None => format!("{kind} {name}"),
            };
        }
        let name = self.plugin.get("name").and_then(|name| name.text());
        name.map_or_else(|| "Wasm plugin".to_owned(), |name| format!("Wasm plugin {name}"))
    }
}
