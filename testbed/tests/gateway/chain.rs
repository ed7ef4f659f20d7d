//! Where the module stands among the filters of Envoy Gateway's other policies.

use anyhow::{Result, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use testbed::client::http::Request;
use testbed::tools::Tools;

use crate::bed::Bed;
use crate::image::Form;
use crate::policy::{self, Policy};

/// The user `balancer` with the password `secret`, as `htpasswd -s` writes it.
const USERS: &str = "balancer:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";

/// A public key, of which nobody has the private one.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"none",
    "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

/// Who isn't known is refused, and the balancer with it.
pub async fn authentication_comes_first(tools: &Tools) -> Result<()> {
    let bed = before(tools, &json!({}), &authentication()).await?;
    bed.answers("/orders/1", 401).await?;
    bed.answers("/lb-health", 401).await?;
    let known = format!("Basic {}", BASE64_STANDARD.encode("balancer:secret"));
    let answer =
        bed.send(&Request::new("GET", "/lb-health").header("authorization", &known)).await?;
    ensure!(answer.status == 200, "who is known gets {} {}", answer.status, answer.text());
    Ok(())
}

/// Unless the EnvoyProxy says otherwise, as the shipped one does.
pub async fn the_module_can_be_put_before_authentication(tools: &Tools) -> Result<()> {
    let bed = before(tools, &policy::shipped_proxy()?, &authentication()).await?;
    bed.answers("/orders/1", 401).await?;
    bed.answers("/lb-health", 200).await
}

/// The balancer's probes are neither forbidden nor counted.
pub async fn authorization_and_rate_limits_come_after(tools: &Tools) -> Result<()> {
    let deny = other("SecurityPolicy", &json!({ "authorization": { "defaultAction": "Deny" } }));
    let bed = before(tools, &json!({}), &deny).await?;
    bed.answers("/orders/1", 403).await?;
    bed.answers("/lb-health", 200).await?;
    bed.gateway.apply("other", &other("BackendTrafficPolicy", &one_in_an_hour()))?;
    bed.answers("/orders/1", 429).await?;
    bed.answers("/lb-health", 200).await
}

/// With all that could come before or after it: where it is, and where the shipped EnvoyProxy
/// puts it.
pub async fn among_all_filters(tools: &Tools) -> Result<()> {
    let authentication = ["ext_authz", "api_key_auth", "basic_auth", "jwt_authn"];
    let authorization = ["rbac", "local_ratelimit", "router"];
    let order =
        [&["health_check", "cors"], &authentication[..], &["wasm"], &authorization].concat();
    let shipped = [&["health_check", "cors", "wasm"], &authentication[..], &authorization].concat();
    for (proxy, order) in [(json!({}), order), (policy::shipped_proxy()?, shipped)] {
        let mut bed = before(tools, &proxy, &everything()).await?;
        bed.answers("/native", 200).await?;
        let filters = bed.filters().await?;
        let names = filters.iter().filter_map(|name| name.split('/').next());
        let names: Vec<_> =
            names.map(|name| name.trim_start_matches("envoy.filters.http.")).collect();
        ensure!(names == order, "{names:?}, not {order:?}");
        bed.gateway.stop()?;
    }
    Ok(())
}

/// The shipped policy beside another one, with what an EnvoyProxy says.
async fn before(tools: &Tools, proxy: &Value, other: &str) -> Result<Bed> {
    let mut bed = Bed::prepare(tools, Form::Image, proxy)?;
    bed.gateway.apply("policy", &Policy::shipped(&bed.image)?.to_string())?;
    bed.gateway.apply("other", other)?;
    bed.gateway.start().await?;
    Ok(bed)
}

fn authentication() -> String {
    let basic = json!({ "basicAuth": { "users": { "name": "users" } } });
    format!("{}\n---\n{}", secret("users", ".htpasswd", USERS), other("SecurityPolicy", &basic))
}

/// A policy of each kind, with everything that brings a filter.
fn everything() -> String {
    let security = json!({
        "cors": { "allowOrigins": ["https://example.com"] },
        "extAuth": { "http": { "backendRefs": [
            { "group": "gateway.envoyproxy.io", "kind": "Backend", "name": "payments" },
        ] } },
        "apiKeyAuth": {
            "credentialRefs": [{ "name": "keys" }],
            "extractFrom": [{ "headers": ["x-api-key"] }],
        },
        "basicAuth": { "users": { "name": "users" } },
        "jwt": { "providers": [{
            "name": "issuer", "localJWKS": { "type": "Inline", "inline": KEYS },
        }] },
        "authorization": { "defaultAction": "Deny" },
    });
    [
        secret("users", ".htpasswd", USERS),
        secret("keys", "balancer", "secret"),
        other("SecurityPolicy", &security),
        other("BackendTrafficPolicy", &one_in_an_hour()),
        other("ClientTrafficPolicy", &json!({ "healthCheck": { "path": "/native" } })),
    ]
    .join("\n---\n")
}

pub fn one_in_an_hour() -> Value {
    let rule = json!({ "limit": { "requests": 1, "unit": "Hour" } });
    json!({ "rateLimit": { "type": "Local", "local": { "rules": [rule] } } })
}

fn secret(name: &str, key: &str, value: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": { "name": name, "namespace": "shop" },
        "data": { key: BASE64_STANDARD.encode(value) },
    })
    .to_string()
}

/// Another policy for the gateway.
pub fn other(kind: &str, spec: &Value) -> String {
    let mut spec = spec.clone();
    spec["targetRefs"] =
        json!([{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public" }]);
    json!({
        "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": kind,
        "metadata": { "name": "other", "namespace": "shop" },
        "spec": spec,
    })
    .to_string()
}
