//! Where in a file configurations of the modules stand.

use std::rc::Rc;

use super::bare;
use super::document::Document;
use super::file::{File, Unreadable, documents};
use super::found::{Found, Kind};
use super::loaded::{Form, Loaded};
use super::text::Text;
use super::tree::{Node, Value};

/// Every configuration in a file, in the order in which they stand there.
///
/// Whose one is that stands there by itself its keys say, unless `bare` does.
///
/// # Errors
/// Something that holds an Envoy's configuration as a text can't be read.
pub fn find(file: &File, bare: Option<Kind>) -> Result<Vec<Found>, Unreadable> {
    let mut all = Vec::new();
    for document in &file.documents {
        let before = all.len();
        in_document(file, document, &mut all)?;
        if all.len() == before {
            let kind = bare::kind(&document.root, bare);
            all.extend(kind.map(|kind| Found::bare(document, kind)));
        }
    }
    Ok(all)
}

fn in_document(file: &File, document: &Document, all: &mut Vec<Found>) -> Result<(), Unreadable> {
    let root = &document.root;
    // `kubectl get -o yaml` of several resources is one document.
    let items = root.get("items").filter(|_| root.get("kind").is_some());
    if let Some(items) = items {
        let resources = items.items().iter();
        return resources
            .map(|item| document.part(item))
            .try_for_each(|resource| in_document(file, &resource, all));
    }
    let spec = root.get("spec");
    match root.get("kind").and_then(|kind| kind.text()) {
        Some("WasmPlugin") => all.extend(spec.and_then(|spec| istio(document, spec))),
        Some("TrafficExtension") => {
            let wasm = spec.and_then(|spec| spec.get("wasm"));
            all.extend(wasm.and_then(|wasm| istio(document, wasm)));
        }
        Some("EnvoyExtensionPolicy") => {
            let wasm = spec.and_then(|spec| spec.get("wasm")).map_or(&[][..], |it| it.items());
            all.extend(wasm.iter().filter_map(|wasm| gateway(document, wasm)));
        }
        Some("ConfigMap") => in_config_map(file, document, all)?,
        _ => in_envoy(document, all),
    }
    Ok(())
}

/// The texts of a ConfigMap that are an Envoy's configuration.
fn in_config_map(file: &File, document: &Document, all: &mut Vec<Found>) -> Result<(), Unreadable> {
    let texts = document.root.get("data").map_or(&[][..], |data| data.members());
    for member in texts {
        let Value::String(scalar) = &member.value.value else { continue };
        let holds_one = ["vm_config", "vmConfig"].iter().any(|key| scalar.content.contains(key));
        if !holds_one {
            continue;
        }
        let text = Text::quoted(&document.text, member.value.at, scalar);
        let inner =
            documents(&text, member.key.ends_with(".json")).map_err(|fault| Unreadable {
                file: file.name.clone(),
                position: Some(text.position(fault.at)),
                problem: fault.problem,
            })?;
        for document in &inner {
            in_envoy(document, all);
        }
    }
    Ok(())
}

fn istio(document: &Document, plugin: &Rc<Node>) -> Option<Found> {
    let kind = module(plugin.get("url")?.text()?)?;
    let loaded = Loaded::new(document, plugin, Form::Istio);
    Some(Found::loaded(kind, loaded, plugin.get("pluginConfig")))
}

fn gateway(document: &Document, plugin: &Rc<Node>) -> Option<Found> {
    let code = plugin.get("code")?;
    let from = ["image", "http"].iter().find_map(|from| code.at_path(&[from, "url"])?.text())?;
    let loaded = Loaded::new(document, plugin, Form::EnvoyGateway);
    Some(Found::loaded(module(from)?, loaded, plugin.get("config")))
}

/// Every plugin of Envoy, wherever it stands. One that is all there is, is a part of something:
/// pages show such.
fn in_envoy(document: &Document, all: &mut Vec<Found>) {
    let mut seen = Vec::new();
    for child in document.root.children() {
        below(document, child, &mut seen, all);
    }
}

/// Through an alias one may stand in several places; it is one all the same.
fn below(document: &Document, node: &Rc<Node>, seen: &mut Vec<Rc<Node>>, all: &mut Vec<Found>) {
    if let Some(kind) = node.field("vm_config").and_then(|vm| module_of_envoy(vm))
        && !seen.iter().any(|other| Rc::ptr_eq(other, node))
    {
        seen.push(Rc::clone(node));
        let loaded = Loaded::new(document, node, Form::Envoy);
        all.push(Found::of_envoy(kind, loaded, node.field("configuration")));
    }
    for child in node.children() {
        below(document, child, seen, all);
    }
}

fn module_of_envoy(vm_config: &Node) -> Option<Kind> {
    let code = vm_config.field("code")?;
    let file = code.field("local").and_then(|local| local.field("filename"));
    let remote = || code.field("remote")?.field("http_uri")?.field("uri");
    module(file.or_else(remote)?.text()?)
}

/// Which of the modules a file or an image is, by its name.
fn module(from: &str) -> Option<Kind> {
    let name = from.rsplit('/').next()?.to_ascii_lowercase().replace('_', "-");
    if name.contains("heartbeat-hub") {
        return Some(Kind::Hub);
    }
    name.contains("heartbeat").then_some(Kind::Filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_told_by_the_name_of_its_file_or_image() {
        for (from, kind) in [
            ("/etc/envoy/heartbeat_filter.wasm", Some(Kind::Filter)),
            ("oci://registry.example.com/heartbeat-filter:0.1.0", Some(Kind::Filter)),
            ("/etc/envoy/heartbeat_hub.wasm", Some(Kind::Hub)),
            ("registry.example.com/health/heartbeat-hub@sha256:00", Some(Kind::Hub)),
            ("https://example.com/heartbeat/other.wasm", None),
        ] {
            assert_eq!(module(from), kind, "{from}");
        }
    }
}
