//! A panel of a dashboard, as its JSON has it.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a panel is, where it stands, and how its values are shown.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    /// Its kind: `timeseries`, `stat`, …
    pub kind: String,
    /// What it is called.
    pub title: String,
    /// What it says of itself.
    pub description: String,
    /// Where it stands in a grid of 24 columns.
    pub place: Place,
    /// What it asks.
    pub targets: Vec<Target>,
    /// The unit of its values.
    pub unit: String,
    /// How many decimals they have.
    pub decimals: Option<i32>,
    /// Where its axis begins, if it says so.
    pub min: Option<f64>,
    /// Where it ends.
    pub max: Option<f64>,
    /// From which value on which colour holds, the lowest first.
    pub thresholds: Vec<(f64, String)>,
    /// Whether these are drawn as lines.
    pub lines_at_thresholds: bool,
    /// What values mean: a word and a colour.
    pub mappings: BTreeMap<String, (String, String)>,
    /// Colours of series, by their names.
    pub colors: BTreeMap<String, String>,
    /// Whether series stand on each other.
    pub stacked: bool,
}

/// A place in the grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub x: u64,
    pub y: u64,
    pub width: u64,
    pub height: u64,
}

/// A question.
#[derive(Clone, Debug)]
pub struct Target {
    /// The expression.
    pub expression: String,
    /// How its series are called.
    pub legend: String,
}

impl Panel {
    /// Reads one.
    pub fn read(json: &Value) -> Self {
        let text =
            |path: &str| json.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |path: &str| json.pointer(path).and_then(Value::as_f64);
        let all = |path: &str| json.pointer(path).and_then(Value::as_array).into_iter().flatten();
        let at = |side: &str| json["gridPos"][side].as_u64().unwrap_or_default();
        let custom = "/fieldConfig/defaults/custom";
        Self {
            kind: text("/type"),
            title: text("/title"),
            description: text("/description"),
            place: Place { x: at("x"), y: at("y"), width: at("w"), height: at("h") },
            targets: all("/targets").map(target).collect(),
            unit: text("/fieldConfig/defaults/unit"),
            decimals: number("/fieldConfig/defaults/decimals").map(|decimals| decimals as i32),
            min: number("/fieldConfig/defaults/min"),
            max: number("/fieldConfig/defaults/max"),
            thresholds: all("/fieldConfig/defaults/thresholds/steps").map(threshold).collect(),
            lines_at_thresholds: text(&format!("{custom}/thresholdsStyle/mode")).contains("line"),
            mappings: all("/fieldConfig/defaults/mappings").flat_map(mappings).collect(),
            colors: all("/fieldConfig/overrides").filter_map(color).collect(),
            stacked: text(&format!("{custom}/stacking/mode")) == "normal",
        }
    }

    /// The colour that a value has by the thresholds.
    pub fn color_of(&self, value: f64) -> Option<&str> {
        let reached = self.thresholds.iter().rfind(|(from, _)| value >= *from);
        reached.map(|(_, color)| color.as_str())
    }
}

fn target(json: &Value) -> Target {
    let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    Target { expression: text("expr"), legend: text("legendFormat") }
}

fn threshold(step: &Value) -> (f64, String) {
    let from = step["value"].as_f64().unwrap_or(f64::NEG_INFINITY);
    (from, step["color"].as_str().unwrap_or_default().to_owned())
}

fn mappings(mapping: &Value) -> Vec<(String, (String, String))> {
    let options = mapping["options"].as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    options
        .map(|(value, shown)| (value.clone(), (text(&shown["text"]), text(&shown["color"]))))
        .collect()
}

/// The colour that an override gives to a series.
fn color(json: &Value) -> Option<(String, String)> {
    let name =
        (json["matcher"]["id"] == "byName").then(|| json["matcher"]["options"].as_str())??;
    let properties = json["properties"].as_array()?;
    let color = properties.iter().find(|property| property["id"] == "color")?;
    Some((name.to_owned(), color["value"]["fixedColor"].as_str()?.to_owned()))
}

/// What a series is called: the legend with its labels filled in, or else its labels.
pub fn name(legend: &str, labels: &BTreeMap<String, String>) -> String {
    if legend.is_empty() || legend == "__auto" {
        let labels = labels.iter().map(|(name, value)| format!("{name}={value:?}"));
        return format!("{{{}}}", labels.collect::<Vec<_>>().join(", "));
    }
    let mut named = String::new();
    let mut rest = legend;
    while let Some((before, after)) = rest.split_once("{{") {
        let (label, behind) = after.split_once("}}").unwrap_or((after, ""));
        named += before;
        named += labels.get(label.trim()).map_or("", String::as_str);
        rest = behind;
    }
    named + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_series_is_called_by_its_legend() {
        let labels = [("job", "web"), ("axis", "topology")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(name("{{axis}} at {{ job }}, {{none}}", &labels), "topology at web, ");
        assert_eq!(name("p99", &labels), "p99");
        assert_eq!(name("", &labels), r#"{axis="topology", job="web"}"#);
    }

    #[test]
    fn a_value_has_the_colour_of_the_highest_threshold_that_it_reaches() {
        let steps = json!([{ "color": "green", "value": null }, { "color": "red", "value": 0.5 }]);
        let panel = Panel::read(
            &json!({ "fieldConfig": { "defaults": { "thresholds": { "steps": steps } } } }),
        );
        assert_eq!(panel.color_of(-1.0), Some("green"));
        assert_eq!(panel.color_of(0.5), Some("red"));
        assert_eq!(Panel::default().color_of(1.0), None);
    }
}
