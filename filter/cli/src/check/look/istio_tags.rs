//! The labels that Istio takes out of names of metrics, wherever a file lists them.

use crate::source::{File, Node};

/// The names in every `extraStatTags` of a file: in annotations of pods, as a list with commas
/// or within `proxy.istio.io/config`, and in a mesh's `defaultConfig`.
pub fn of(file: &File) -> Vec<String> {
    let mut names = Vec::new();
    for document in &file.documents {
        collect(&document.root, &mut names);
    }
    names
}

fn collect(node: &Node, names: &mut Vec<String>) {
    for member in node.members() {
        match (&*member.key, member.value.text()) {
            ("sidecar.istio.io/extraStatTags", Some(list)) => {
                names.extend(list.split(',').map(|name| name.trim().to_owned()));
            }
            ("proxy.istio.io/config", Some(text)) => {
                if let Ok(inner) = File::parse("proxy.istio.io/config", text.as_bytes()) {
                    names.extend(of(&inner));
                }
            }
            ("extraStatTags", _) => {
                let items = member.value.items().iter().filter_map(|item| item.text());
                names.extend(items.map(str::to_owned));
            }
            _ => {}
        }
    }
    node.children().for_each(|child| collect(child, names));
}
