//! Configurations that something is to be said of, rather than of their mistakes.

use heartbeat_core::base::environment::{Build, Environment, Variables};
use heartbeat_core::config::ConfigErrors;

use crate::outcome::Outcome;
use crate::source::{File, Found, Kind, Node, Position, Unreadable, find};

/// Stands for the commit that the module was built from, which only the module knows.
pub const ANY_REVISION: &str = "*";

/// Why nothing can be said.
#[derive(Debug, PartialEq)]
pub struct Refusal {
    /// What is wrong, a line for each reason.
    pub reasons: Vec<String>,
    /// What it comes to.
    pub outcome: Outcome,
}

impl Refusal {
    /// What was asked for isn't there.
    pub fn of(reason: String) -> Self {
        Self { reasons: vec![reason], outcome: Outcome::Unreadable }
    }

    /// Says so on standard error.
    pub fn tell(&self) -> Outcome {
        for reason in &self.reasons {
            eprintln!("error: {reason}");
        }
        self.outcome
    }
}

impl From<Unreadable> for Refusal {
    fn from(unreadable: Unreadable) -> Self {
        let Unreadable { file, position, problem } = unreadable;
        Self::of(at(&file, position, &problem))
    }
}

/// A file, and the configurations in it; there is one at least.
///
/// # Errors
/// It can't be read, or none is in it.
pub fn configurations(path: &str) -> Result<(File, Vec<Found>), Refusal> {
    let file = File::read(path)?;
    let found = find(&file, None)?;
    if found.is_empty() { Err(nothing_in(&file)) } else { Ok((file, found)) }
}

/// No configuration is in a file.
pub fn nothing_in(file: &File) -> Refusal {
    Refusal::of(format!("{}: no configuration of Heartbeat Filter is here", file.name))
}

/// Has a configuration read, which must be right.
///
/// # Errors
/// Every mistake of it, with its place in the file.
pub fn read<T>(
    file: &File,
    found: &Found,
    read: impl FnOnce(Variables) -> Result<T, ConfigErrors>,
) -> Result<T, Refusal> {
    found.variables.while_present(read).map_err(|errors| {
        let reasons = errors.0.iter().map(|error| {
            let what = if error.place.is_empty() {
                error.problem.clone()
            } else {
                format!("{}: {}", error.place, error.problem)
            };
            at(&file.name, Some(found.position(&error.place)), &what)
        });
        Refusal { reasons: reasons.collect(), outcome: Outcome::Mistakes }
    })
}

/// Where the module would run, as far as the file tells.
pub fn environment(found: &Found, variables: Variables) -> Environment {
    Environment {
        service_cluster: service_cluster(found).unwrap_or_default().to_owned(),
        plugin: "heartbeat".to_owned(),
        build: Build { version: env!("CARGO_PKG_VERSION"), revision: ANY_REVISION },
        variables,
    }
}

/// `node.cluster` of an Envoy's bootstrap.
fn service_cluster(found: &Found) -> Option<&str> {
    found.loaded.as_ref()?.document.root.field("node")?.field("cluster")?.text()
}

/// What a configuration is called: its place, and what loads it.
pub fn title(file: &File, found: &Found) -> String {
    let place = at(&file.name, Some(found.start), "");
    let place = place.trim_end_matches([' ', ':']).to_owned();
    let kind = match found.kind {
        Kind::Filter => "filter",
        Kind::Hub => "hub",
    };
    match &found.loaded {
        Some(loaded) => format!("{place}: {kind}, {}", loaded.title()),
        None => format!("{place}: {kind}"),
    }
}

/// A node, and all that it stands in within `root`, from the inside out.
pub fn ancestors<'n>(root: &'n Node, node: &Node) -> Vec<&'n Node> {
    if std::ptr::eq(root, node) {
        return vec![root];
    }
    let found = root.children().map(|child| ancestors(child, node)).find(|it| !it.is_empty());
    found.map_or_else(Vec::new, |mut found| {
        found.push(root);
        found
    })
}

fn at(file: &str, position: Option<Position>, what: &str) -> String {
    match position {
        Some(position) => format!("{file}:{position}: {what}"),
        None => format!("{file}: {what}"),
    }
}
