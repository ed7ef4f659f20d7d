//! `score`: what the health score goes by.

use super::checks::cluster_name;
use super::evidence::window;
use super::reader::{Object, Reader};
use crate::facts::admin::Side;
use crate::score::{Alpn, AxisName, PARTS, ProtocolRule, ScoreRule, TlsVersion, Weight};
use std::time::Duration;

const HEAVIEST: u32 = 1_000;
const DEFAULT_WEIGHTS: [Weight; 3] = [Weight(400_000), Weight(350_000), Weight(250_000)];
const DEFAULT_WINDOW: Duration = Duration::from_secs(60);
const DEFAULT_MIN_VOLUME: u32 = 20;
const LARGEST_VOLUME: u32 = 1_000_000_000;
const MOST_CLUSTERS: usize = 64;

/// Reads `score`.
pub(super) fn read(reader: &Reader<'_>) -> Option<ScoreRule> {
    let object = reader.object(&["weights", "window", "min_volume", "clusters", "protocol"])?;
    let weights = object.or_default("weights", DEFAULT_WEIGHTS, read_weights);
    let window = object.or_default("window", DEFAULT_WINDOW, |reader| reader.parsed(window));
    let min_volume = object.or_default("min_volume", DEFAULT_MIN_VOLUME, |reader| {
        reader.count_from_one(LARGEST_VOLUME)
    });
    let clusters = object.or_default("clusters", Vec::new(), read_clusters);
    let protocol = object.or_default("protocol", ProtocolRule::default(), read_protocol);
    Some(ScoreRule {
        weights: weights?,
        window: window?,
        min_volume: min_volume?,
        clusters: clusters?,
        protocol: protocol?,
    })
}

fn read_weights(reader: &Reader<'_>) -> Option<[Weight; 3]> {
    let object = reader.object(&AxisName::ALL.map(AxisName::word))?;
    let [topology, stability, protocol] =
        AxisName::ALL.map(|axis| read_weight(&object, axis.word()));
    let weights = [topology?, stability?, protocol?];
    if weights == [Weight(0); 3] {
        object.error("leaves nothing to score; give one axis a weight above 0");
    }
    Some(weights)
}

fn read_weight(object: &Object<'_>, axis: &str) -> Option<Weight> {
    let example = format!(r#""{axis}": 0.25, or 0 to leave it out of the score"#);
    let weight = object.required(axis, &example)?.number(0, HEAVIEST)?;
    // A cast can't overflow: the number is small.
    Some(Weight((weight * PARTS).round() as u32))
}

fn read_clusters(list: &Reader<'_>) -> Option<Vec<String>> {
    let clusters = list.list_of(cluster_name)?;
    if clusters.len() > MOST_CLUSTERS {
        list.error(format!("has {} items; keep {MOST_CLUSTERS} at most", clusters.len()));
    }
    Some(clusters)
}

fn read_protocol(reader: &Reader<'_>) -> Option<ProtocolRule> {
    let object = reader.object(&["tls", "mtls", "alpn", "handshakes"])?;
    let tls = object.optional("tls", |reader| {
        reader.one_of(&[
            ("1.0", TlsVersion::V1_0),
            ("1.1", TlsVersion::V1_1),
            ("1.2", TlsVersion::V1_2),
            ("1.3", TlsVersion::V1_3),
        ])
    });
    let mtls = object.or_default("mtls", false, Reader::bool);
    let alpn = object.or_default("alpn", Vec::new(), |reader| reader.list_of(alpn));
    let handshakes = object.or_default("handshakes", Side::default(), |reader| {
        reader.one_of(&[("both", Side::Both), ("upstream", Side::Upstream)])
    });
    Some(ProtocolRule { tls: tls?, mtls: mtls?, alpn: alpn?, handshakes: handshakes? })
}

fn alpn(text: &str) -> Result<Alpn, String> {
    match text {
        "http/1.1" => Ok(Alpn::Http1),
        "h2" => Ok(Alpn::Http2),
        "h3" => Ok(Alpn::Http3),
        _ => Err(r#"isn't known; write "http/1.1", "h2" or "h3""#.to_owned()),
    }
}
