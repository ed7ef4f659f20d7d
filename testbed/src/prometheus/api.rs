//! Prometheus's HTTP API.
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::process::Prometheus;
use crate::client::http::{self, Request};

/// One series at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its labels, the name among them where it has one.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl Prometheus {
    /// What an expression yields now.
    pub async fn query(&self, expression: &str) -> Result<Vec<Sample>> {
        let data = self.get(&format!("query?query={}", encoded(expression))).await?;
        samples(&data).with_context(|| format!("odd answer: {data}"))
    }

    /// The labels of every series that matches `selector`.
    pub async fn series(&self, selector: &str) -> Result<Vec<BTreeMap<String, String>>> {
        let data = self.get(&format!("series?match[]={}", encoded(selector))).await?;
        serde_json::from_value(data).context("odd series")
    }

    /// The values of a label, among the series that match `selector` or among all.
    pub async fn label_values(&self, label: &str, selector: Option<&str>) -> Result<Vec<String>> {
        let among = selector.map(|selector| format!("?match[]={}", encoded(selector)));
        let path = format!("label/{label}/values{}", among.unwrap_or_default());
        serde_json::from_value(self.get(&path).await?).context("odd values")
    }

    /// The state of all rules, group by group.
    pub async fn rules(&self) -> Result<Value> {
        self.get("rules").await
    }

    /// The state of what is scraped.
    pub async fn targets(&self) -> Result<Value> {
        self.get("targets").await
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let request = Request::new("GET", &format!("/api/v1/{path}"));
        let answer = http::fetch(self.address, &request).await?;
        let mut body: Value = serde_json::from_slice(&answer.body)
            .with_context(|| format!("{}: {}", answer.status, answer.text()))?;
        if body["status"] != "success" {
            bail!("{}", body["error"].as_str().unwrap_or("no success, and no error"));
        }
        Ok(body["data"].take())
    }
}

fn samples(data: &Value) -> Option<Vec<Sample>> {
    let result = &data["result"];
    match data["resultType"].as_str()? {
        "vector" => result.as_array()?.iter().map(sample).collect(),
        "scalar" => Some(vec![Sample { labels: BTreeMap::new(), value: value(result)? }]),
        _ => None,
    }
}

fn sample(result: &Value) -> Option<Sample> {
    let labels = serde_json::from_value(result["metric"].clone()).ok()?;
    Some(Sample { labels, value: value(&result["value"])? })
}

/// The number in `[time, "number"]`.
fn value(pair: &Value) -> Option<f64> {
    pair.get(1)?.as_str()?.parse().ok()
}

/// Percent-encodes whatever isn't plain in a query.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_query_is_encoded() {
        assert_eq!(encoded(r#"sum(a{b=~"c|d"}[5m])"#), "sum%28a%7Bb%3D~%22c%7Cd%22%7D%5B5m%5D%29");
    }

    #[test]
    fn vectors_and_scalars_are_samples() {
        let vector = json!({ "resultType": "vector", "result": [
            { "metric": { "job": "a" }, "value": [1.5, "NaN"] } ] });
        let [sample] = &samples(&vector).unwrap()[..] else { panic!("one sample") };
        assert_eq!(sample.labels["job"], "a");
        assert!(sample.value.is_nan());

        let scalar = json!({ "resultType": "scalar", "result": [1.5, "2"] });
        assert_eq!(samples(&scalar).unwrap()[0].value, 2.0);
        assert_eq!(samples(&json!({ "resultType": "matrix", "result": [] })), None);
    }
}
