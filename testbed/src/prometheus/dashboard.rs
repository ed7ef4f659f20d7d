//! Grafana's dashboard: its variables, and the queries of its panels.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::api::Api;
use super::config::shipped;

/// The shipped dashboard.
#[derive(Clone, Debug)]
pub struct Dashboard {
    json: Value,
}

/// Rows about traffic between services, over TLS, and about what is usual after a day: one Envoy
/// that has just started shows nothing in them.
pub const ROWS_OF_A_FLEET: [&str; 3] = ["Network", "Topology", "Base lines"];

/// What a variable without values stands for.
const ANY: &str = ".*";

/// What a panel asks for.
#[derive(Clone, Debug)]
pub struct Query {
    /// The title of the row that it stands in.
    pub row: String,
    /// The panel's title.
    pub panel: String,
    /// The expression, with its variables.
    pub expression: String,
}

impl Query {
    /// Whether one Envoy that has just started has no answer.
    pub fn is_of_a_fleet(&self) -> bool {
        ROWS_OF_A_FLEET.contains(&&*self.row)
    }
}

impl Dashboard {
    /// Reads the shipped one.
    pub fn read() -> Result<Self> {
        let path = shipped().join("grafana-dashboard.json");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("can't read {}", path.display()))?;
        Ok(Self { json: serde_json::from_str(&text)? })
    }

    /// All of its JSON.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// All panels but rows.
    pub fn panels(&self) -> impl Iterator<Item = &Value> {
        let panels = self.json["panels"].as_array().into_iter().flatten();
        panels.filter(|panel| panel["type"] != "row")
    }

    /// The queries of all panels.
    pub fn queries(&self) -> Vec<Query> {
        let (mut row, mut queries) = (String::new(), Vec::new());
        for panel in self.json["panels"].as_array().into_iter().flatten() {
            let title = panel["title"].as_str().unwrap_or_default();
            if panel["type"] == "row" {
                title.clone_into(&mut row);
            }
            for target in panel["targets"].as_array().into_iter().flatten() {
                queries.push(Query {
                    row: row.clone(),
                    panel: title.to_owned(),
                    expression: target["expr"].as_str().unwrap_or_default().to_owned(),
                });
            }
        }
        queries
    }

    /// The values of all variables, every choice chosen, as Grafana would find them; fails
    /// where one has none.
    pub async fn variables(&self, prometheus: &Api) -> Result<BTreeMap<String, String>> {
        let values = self.choices(prometheus).await?;
        let empty = values.iter().find(|(_, value)| *value == ANY);
        ensure!(empty.is_none(), "a variable has no values: {empty:?}");
        Ok(values)
    }

    /// The same, where a variable without values stands for any.
    pub async fn choices(&self, prometheus: &Api) -> Result<BTreeMap<String, String>> {
        let mut values = BTreeMap::new();
        let variables = self.json.pointer("/templating/list").and_then(Value::as_array);
        for variable in variables.into_iter().flatten().filter(|it| it["type"] == "query") {
            let name = variable["name"].as_str().unwrap_or_default();
            let query = variable.pointer("/query/query").and_then(Value::as_str);
            let query = filled(query.unwrap_or_default(), &values);
            let (selector, label) = label_values(&query)
                .with_context(|| format!("${name} isn't label_values(…): {query}"))?;
            let choices = prometheus.label_values(label, Some(selector)).await?;
            let all = format!("({})", choices.join("|"));
            values.insert(name.to_owned(), if choices.is_empty() { ANY.into() } else { all });
        }
        Ok(values)
    }
}

/// `text` with the values of its variables.
pub fn filled(text: &str, values: &BTreeMap<String, String>) -> String {
    // A name may begin with another one: the longest first.
    let mut names: Vec<_> = values.keys().collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names
        .into_iter()
        .fold(text.to_owned(), |text, name| text.replace(&format!("${name}"), &values[name]))
}

/// The selector and the label in `label_values(selector, label)`.
fn label_values(query: &str) -> Option<(&str, &str)> {
    let (selector, label) =
        query.strip_prefix("label_values(")?.strip_suffix(')')?.rsplit_once(',')?;
    Some((selector.trim(), label.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in() {
        let values = [("job", "a"), ("job_name", "b")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(filled("x{$job_name, $job}", &values), "x{b, a}");
    }

    #[test]
    fn the_label_comes_last() {
        assert_eq!(label_values("label_values(a{b, c}, job)"), Some(("a{b, c}", "job")));
        assert_eq!(label_values("metrics(a)"), None);
    }
}
