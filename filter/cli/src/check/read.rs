//! What the modules' own readers say of a configuration.

use heartbeat_core::base::environment::{Environment, Variables as OfCore};
use heartbeat_core::config::ConfigError;
use heartbeat_core::policy::Policy;
use heartbeat_mesh::config::HubConfig;

use super::finding::{Finding, Rule};
use crate::source::{Found, Kind, Node};

/// The most that is said of one configuration.
const MOST: usize = 1_000;

/// Every mistake of a configuration, or else what its module warns of.
pub fn mistakes(found: &Found) -> Vec<Finding> {
    let read = found.variables.while_present(|variables| match found.kind {
        Kind::Filter => of_filter(&found.bytes, variables),
        Kind::Hub => HubConfig::from_bytes(&found.bytes, variables)
            .map(|_| Vec::new())
            .map_err(|errors| errors.0),
    });
    match read {
        Ok(notes) => notes.into_iter().map(|note| self::note(found, note)).collect(),
        Err(errors) => {
            let told = errors.iter().filter(|error| !depends_on_an_untold_variable(found, error));
            told.take(MOST).map(|error| mistake(found, error)).collect()
        }
    }
}

/// Most of what the module warns of is about a probe, by its name.
fn note(found: &Found, note: String) -> Finding {
    let rules = found.at("probes").map_or(&[][..], Node::items).iter().enumerate();
    let about = rules.filter_map(|(index, rule)| {
        let name = rule.get("name")?.text()?;
        let problem = note.strip_prefix(&format!("probe {name:?}: "))?;
        let place = format!("probes[{index}]");
        Some(Finding::new(Rule::Note, found.position(&place), place, problem))
    });
    let about = about.into_iter().next();
    about.unwrap_or_else(|| Finding::new(Rule::Note, found.start, "", note))
}

fn of_filter(bytes: &[u8], variables: OfCore) -> Result<Vec<String>, Vec<ConfigError>> {
    let environment = Environment { variables, ..Environment::default() };
    let policy = Policy::from_bytes(bytes, &environment).map_err(|errors| errors.0)?;
    Ok(policy.all_notes().to_vec())
}

fn mistake(found: &Found, error: &ConfigError) -> Finding {
    // What is wrong with an unknown key is the key.
    let position = if error.problem.starts_with("unknown key") {
        found.key_position(&error.place)
    } else {
        found.position(&error.place)
    };
    Finding::new(Rule::Configuration, position, &*error.place, &*error.problem)
}

/// What is wrong with a stand-in need not be wrong with the value.
fn depends_on_an_untold_variable(found: &Found, error: &ConfigError) -> bool {
    let text = found.at(&error.place).and_then(|value| value.text()).unwrap_or_default();
    let names = text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    names.into_iter().any(|name| found.variables.is_untold(name))
}
