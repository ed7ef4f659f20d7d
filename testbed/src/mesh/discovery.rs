//! What an Envoy asks a hub for, asked by hand.

use serde_json::{Value, json};

use crate::client::http::{Request, Response};

/// The type of assignments.
pub const ASSIGNMENT: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";

/// What the Envoy called `node` asks for, which has `version` of `service`.
pub fn discovery(node: &str, service: &str, version: Option<&str>) -> Request {
    // As Envoy writes it: the version first, the type last.
    let version = version.map(|version| format!("\"version_info\":{},", json!(version)));
    let (version, node) = (version.unwrap_or_default(), json!({ "id": node }));
    let (names, kind) = (json!([service]), json!(ASSIGNMENT));
    discovery_of(&format!(
        "{{{version}\"node\":{node},\"resource_names\":{names},\"type_url\":{kind}}}"
    ))
}

/// A request with any body.
pub fn discovery_of(body: &str) -> Request {
    Request::new("POST", "/v3/discovery:endpoints")
        .header("content-type", "application/json")
        .body(body)
}

/// The version of an answer, if it has one.
pub fn version_of(answer: &Response) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    Some(body["version_info"].as_str()?.to_owned())
}

/// What an answer says of an instance: Envoy's word for its health, which is empty where
/// it is healthy; `None` where the instance isn't in it.
pub fn health_of(answer: &Response, instance: &str) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let localities = body.pointer("/resources/0/endpoints")?.as_array()?;
    let endpoints = localities.iter().filter_map(|it| it["lb_endpoints"].as_array()).flatten();
    let found = endpoints.into_iter().find(|it| {
        let socket = &it["endpoint"]["address"]["socket_address"];
        let host = socket["address"].as_str().unwrap_or_default();
        format!("{host}:{}", socket["port_value"]) == instance
    })?;
    Some(found["health_status"].as_str().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_json_in_the_order_of_envoy() {
        let request = discovery("me", "payments", Some("v\"1"));
        let text = String::from_utf8(request.body.concat()).unwrap();
        let asked: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(asked["version_info"], "v\"1");
        assert!(text.starts_with("{\"version_info\"") && text.ends_with("Assignment\"}"), "{text}");
        assert!(!discovery("me", "payments", None).body.concat().starts_with(b"{\"version"));
    }
}
