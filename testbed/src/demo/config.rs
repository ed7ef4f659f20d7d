//! What the shipped configuration is given on top, so that there is more to see.

use serde_json::{Value, json};

/// The counters that the filter is configured with.
pub const BUSINESS: [&str; 2] = ["payment_request_total", "payment_request_success"];

/// How long one answer to `/healthz` serves everyone, in milliseconds.
pub const CACHE_TTL_MS: u64 = 500;

/// The filter's own configuration: the default probes, but for three that show
/// what else a probe may be.
pub fn filter() -> Value {
    let payment = json!({ "headers": [ { "name": "x-payment-id", "present": true } ] });
    let order_type = json!({ "order_type": {
        "request_header": "x-order-type", "values": ["retail", "wholesale"] } });
    let matching = |path: &str| json!({ "path": path, "methods": ["GET", "HEAD"] });
    json!({
        "probes": [
            { "name": "health", "match": matching("/health") },
            { "name": "livez", "match": matching("/livez"),
              "breaker": { "failures": 3, "open_for": "500ms" } },
            { "name": "healthz", "match": matching("/healthz"), "action": "cache",
              "cache": { "ttl": format!("{CACHE_TTL_MS}ms"), "stale_for": "30s" } },
            { "name": "readyz", "match": matching("/readyz"), "action": "respond",
              "when": [
                  { "check": "app" },
                  { "check": "app_grpc", "severity": "warn" },
                  { "cluster": "app", "severity": "warn" },
              ] },
            { "name": "v1_health",
              "match": { "path": "/v1/health", "methods": ["GET", "HEAD", "POST"] } },
            { "name": "grpc", "match": { "grpc": { "methods": ["Check", "List"] } } },
            { "name": "grpc_watch", "match": { "grpc": { "methods": ["Watch"] } },
              "timeout": "none" },
        ],
        "checks": [
            { "name": "app", "http": { "cluster": "app", "path": "/v1/health" },
              "interval": "200ms", "timeout": "150ms", "rise": 2, "fall": 2 },
            { "name": "app_grpc", "grpc": { "cluster": "app_grpc", "service": "", "watch": true } },
        ],
        "admin": { "cluster": "envoy_admin", "interval": "200ms", "timeout": "150ms" },
        "score": {},
        "counters": [
            { "name": BUSINESS[0], "labels": order_type, "when": { "request": payment } },
            { "name": BUSINESS[1], "labels": order_type,
              "when": { "request": payment, "response": { "status": ["200"] } } },
        ],
    })
}

/// Envoy's own configuration: it checks the application too, and lets the filter
/// and the report ask for what it knows.
pub fn envoy() -> Value {
    json!({
        // Otherwise histograms lag behind by seconds.
        "stats_flush_on_admin": true,
        "static_resources": { "clusters": [
            { "name": "app", "health_checks": [ {
                "timeout": "0.15s", "interval": "0.2s", "no_traffic_interval": "0.2s",
                "unhealthy_threshold": 2, "healthy_threshold": 1,
                "http_health_check": { "path": "/v1/health" },
            } ] },
            // The host name stands for Envoy's own admin interface.
            { "name": "envoy_admin", "connect_timeout": "1s", "load_assignment": {
                "cluster_name": "envoy_admin",
                "endpoints": [ { "lb_endpoints": [ { "endpoint": { "address": {
                    "socket_address": { "address": "admin", "port_value": 0 } } } } ] } ],
            } },
        ] },
    })
}
