//! Prometheus's HTTP API.
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail, ensure};
use reqwest::{Client, Url};
use serde_json::Value;

/// How long an answer may take: that of a busy Prometheus.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where questions go; a name and a password in the URL go along, and what its path holds
/// stands in front of each question's own.
#[derive(Clone, Debug)]
pub struct Api {
    base: Url,
    client: Client,
}

/// One series at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its labels, the name among them where it has one.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// One series over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its values, and when: seconds since 1970, rising.
    pub points: Vec<(f64, f64)>,
}

/// From when to when, and how far apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The first moment, in seconds since 1970.
    pub from: f64,
    /// The last one.
    pub to: f64,
    /// Seconds from one to the next.
    pub step: f64,
}

impl Api {
    /// The Prometheus at a URL of `http` or `https`.
    pub fn at(url: &str) -> Result<Self> {
        let mut base = Url::parse(url).with_context(|| format!("{url} is no URL"))?;
        ensure!(
            ["http", "https"].contains(&base.scheme()) && base.has_host(),
            "{url} is no URL of a Prometheus: it begins with http:// or https:// and a host"
        );
        base.set_query(None);
        base.set_fragment(None);
        // It fails where another has been installed, which does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().timeout(TIMEOUT).build().context("no HTTP client")?;
        Ok(Self { base, client })
    }

    /// What people may read: the URL without its name and password.
    pub fn shown(&self) -> String {
        let mut shown = self.base.clone();
        // They fail where a URL can't have any.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        shown.to_string()
    }

    /// What an expression yields now.
    pub async fn query(&self, expression: &str) -> Result<Vec<Sample>> {
        self.query_at(expression, now()).await
    }

    /// What an expression yields at a moment, in seconds since 1970.
    pub async fn query_at(&self, expression: &str, time: f64) -> Result<Vec<Sample>> {
        let data = self.get("query", &[("query", expression), ("time", &time.to_string())]).await?;
        samples(&data).with_context(|| format!("odd answer: {data}"))
    }

    /// What an expression yields over time.
    pub async fn query_range(&self, expression: &str, range: Range) -> Result<Vec<Track>> {
        let [start, end, step] = [range.from, range.to, range.step].map(|it| it.to_string());
        let asked = [("query", expression), ("start", &start), ("end", &end), ("step", &step)];
        let data = self.get("query_range", &asked).await?;
        tracks(&data).with_context(|| format!("odd answer: {data}"))
    }

    /// The labels of every series that matches `selector`.
    pub async fn series(&self, selector: &str) -> Result<Vec<BTreeMap<String, String>>> {
        let data = self.get("series", &[("match[]", selector)]).await?;
        serde_json::from_value(data).context("odd series")
    }

    /// The values of a label, among the series that match `selector` or among all.
    pub async fn label_values(&self, label: &str, selector: Option<&str>) -> Result<Vec<String>> {
        let among: Vec<_> = selector.map(|selector| ("match[]", selector)).into_iter().collect();
        let path = format!("label/{label}/values");
        serde_json::from_value(self.get(&path, &among).await?).context("odd values")
    }

    /// The state of all rules, group by group.
    pub async fn rules(&self) -> Result<Value> {
        self.get("rules", &[]).await
    }

    /// The state of what is scraped.
    pub async fn targets(&self) -> Result<Value> {
        self.get("targets", &[]).await
    }

    async fn get(&self, path: &str, asked: &[(&str, &str)]) -> Result<Value> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/api/v1/{path}", self.base.path().trim_end_matches('/')));
        let answer = self.client.get(url).query(asked).send().await.map_err(|error| {
            // What it says of the URL holds the password.
            anyhow!(error.without_url()).context(format!(
                "no answer from Prometheus at {}: is it running there, and its port reachable?",
                self.shown()
            ))
        })?;
        let status = answer.status();
        let text = answer.text().await.context("no whole answer")?;
        let body: Result<Value, _> = serde_json::from_str(&text);
        let Some(mut body) = body.ok().filter(|body| body["status"].is_string()) else {
            bail!(
                "{} doesn't answer as a Prometheus does: {status} at /api/v1/{path}. Is a \
                 path, or a name and a password, missing from its URL?",
                self.shown()
            );
        };
        if body["status"] != "success" {
            bail!("{}", body["error"].as_str().unwrap_or("no success, and no error"));
        }
        Ok(body["data"].take())
    }
}

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
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

fn tracks(data: &Value) -> Option<Vec<Track>> {
    let result = (data["resultType"] == "matrix").then(|| data["result"].as_array())??;
    result.iter().map(track).collect()
}

fn track(result: &Value) -> Option<Track> {
    let labels = serde_json::from_value(result["metric"].clone()).ok()?;
    let points = result["values"].as_array()?.iter();
    let points = points.map(|pair| Some((pair.get(0)?.as_f64()?, value(pair)?)));
    Some(Track { labels, points: points.collect::<Option<_>>()? })
}

/// The number in `[time, "number"]`.
fn value(pair: &Value) -> Option<f64> {
    pair.get(1)?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use hyper::server::conn::http1;
    use hyper_util::rt::TokioIo;
    use hyper_util::service::TowerToHyperService;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_shown_of_a_url_holds_no_password() {
        let api = Api::at("https://me:secret@prometheus.example:9/team/a?x=1").unwrap();
        assert_eq!(api.shown(), "https://prometheus.example:9/team/a");
    }

    #[test]
    fn what_is_no_url_of_a_prometheus_is_said_to_be_none() {
        for url in ["", "localhost:9090", "prometheus", "file:///etc", "ftp://a"] {
            assert!(Api::at(url).is_err(), "{url}");
        }
    }

    /// A server that answers each question with what it was asked, in an error's words.
    async fn echo() -> String {
        async fn answer(request: axum::extract::Request) -> axum::Json<Value> {
            let header = request.headers().get("authorization");
            let header = header.map(|it| it.to_str().unwrap_or_default().to_owned());
            let asked = format!("{} {}", request.uri(), header.unwrap_or_default());
            axum::Json(json!({ "status": "error", "error": asked }))
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = axum::Router::new().fallback(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(app.clone());
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        address.to_string()
    }

    #[tokio::test]
    async fn a_path_stands_in_front_and_a_password_goes_along() {
        let api = Api::at(&format!("http://me:secret@{}/team/a/", echo().await)).unwrap();
        let asked = api.query_at(r#"a{b=~"c|d"} + 1"#, 1.5).await.unwrap_err().to_string();
        let query = "/team/a/api/v1/query?query=a%7Bb%3D%7E%22c%7Cd%22%7D+%2B+1&time=1.5";
        assert_eq!(asked, format!("{query} Basic bWU6c2VjcmV0"));
    }

    #[tokio::test]
    async fn who_does_not_answer_is_named_without_the_password() {
        let api = Api::at("http://me:secret@127.0.0.1:1/").unwrap();
        let error = format!("{:#}", api.query("up").await.unwrap_err());
        assert!(error.contains("http://127.0.0.1:1/: is it running"), "{error}");
        assert!(!error.contains("secret"), "{error}");
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
    #[test]
    fn a_matrix_is_tracks() {
        let matrix = json!({ "resultType": "matrix", "result": [
            { "metric": { "job": "a" }, "values": [[1, "2"], [3.5, "+Inf"]] } ] });
        let [track] = &tracks(&matrix).unwrap()[..] else { panic!("one track") };
        assert_eq!(track.points, [(1.0, 2.0), (3.5, f64::INFINITY)]);
        assert_eq!(tracks(&json!({ "resultType": "vector", "result": [] })), None);
    }
}
