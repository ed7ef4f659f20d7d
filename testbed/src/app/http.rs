//! The HTTP routes: health in its usual places, and a little business.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Value, json};

use crate::latin1;

const PAYMENT_ID: &str = "x-payment-id";

/// Every route; anything else is 404.
pub fn routes() -> Router {
    let routes = ["/health", "/healthz", "/livez", "/readyz"]
        .into_iter()
        .fold(Router::new(), |routes, path| routes.route(path, get(health)));
    routes
        .route("/v1/health", get(health_json).post(health_json))
        .route("/pay", post(pay))
        .route("/orders/{id}", get(order))
}

async fn health() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain")], "ok\n")
}

async fn health_json() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

async fn pay(headers: HeaderMap) -> Response {
    let Some(id) = headers.get(PAYMENT_ID) else {
        return Json(json!({ "paid": true })).into_response();
    };
    let receipt = Json(json!({ "paid": true, "payment": latin1::decode(id.as_bytes()) }));
    ([(PAYMENT_ID, id.clone())], receipt).into_response()
}

async fn order(Path(id): Path<String>) -> Json<Value> {
    Json(json!({ "order": id, "status": "shipped" }))
}
