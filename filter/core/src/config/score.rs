//! `score`: what the health score goes by.

use super::evidence::window;
use crate::facts::admin::HandshakeSide;
use crate::reader::object::Object;
use crate::reader::values::cluster_name;
use crate::score::{Alpn, AxisName, PARTS, ProtocolRule, ScoreRule, TlsVersion, Weight};

const DEFAULT_WEIGHTS: [Weight; 3] = [Weight(400_000), Weight(350_000), Weight(250_000)];

/// Reads `score`.
pub(super) fn read(object: &Object<'_>) -> ScoreRule {
    ScoreRule {
        weights: match object.has("weights") {
            true => read_weights(&object.object("weights")),
            false => DEFAULT_WEIGHTS,
        },
        window: object.value("window", window),
        min_volume: object.count("min_volume"),
        clusters: object.list("clusters", cluster_name),
        protocol: read_protocol(&object.object("protocol")),
    }
}

fn read_weights(object: &Object<'_>) -> [Weight; 3] {
    let before = object.mistakes();
    // A cast can't overflow: the numbers are small.
    let weights =
        AxisName::ALL.map(|axis| Weight((object.number(axis.word()) * PARTS).round() as u32));
    if weights == [Weight(0); 3] && object.mistakes() == before {
        object.error("leaves nothing to score; give one axis a weight above 0");
    }
    weights
}

fn read_protocol(object: &Object<'_>) -> ProtocolRule {
    use TlsVersion::{V1_0, V1_1, V1_2, V1_3};
    let tls = object.word("tls", V1_0, &[V1_1, V1_2, V1_3]);
    ProtocolRule {
        tls: object.has("tls").then_some(tls),
        mtls: object.flag("mtls"),
        alpn: object.list("alpn", alpn),
        handshakes: object.word("handshakes", HandshakeSide::Both, &[HandshakeSide::Upstream]),
    }
}

fn alpn(text: &str) -> Result<Alpn, String> {
    match text {
        "http/1.1" => Ok(Alpn::Http1),
        "h2" => Ok(Alpn::Http2),
        "h3" => Ok(Alpn::Http3),
        _ => Err(r#"isn't known; write "http/1.1", "h2" or "h3""#.to_owned()),
    }
}
