//! Envoy's admin interface.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::client::http::{self, Request};

/// The addresses of the listeners called `names`, once Envoy is live and all of
/// them are open.
pub async fn open_listeners(
    admin: SocketAddr,
    names: &[String],
) -> Option<BTreeMap<String, SocketAddr>> {
    ask(admin, &Request::new("GET", "/ready")).await.ok()?;
    let page = ask(admin, &Request::new("GET", "/listeners?format=json")).await.ok()?;
    let page: Value = serde_json::from_str(&page).ok()?;
    let open: BTreeMap<String, SocketAddr> =
        page["listener_statuses"].as_array()?.iter().filter_map(named_address).collect();
    names.iter().all(|name| open.contains_key(name)).then_some(open)
}

fn named_address(listener: &Value) -> Option<(String, SocketAddr)> {
    let socket = &listener["local_address"]["socket_address"];
    let ip = socket["address"].as_str()?.parse().ok()?;
    // A listener that is not open yet still says port 0.
    let port = u16::try_from(socket["port_value"].as_u64()?).ok().filter(|port| *port != 0)?;
    Some((listener["name"].as_str()?.to_owned(), SocketAddr::new(ip, port)))
}

/// The body of an answer of status 200.
pub async fn ask(admin: SocketAddr, request: &Request) -> Result<String> {
    let answer = http::fetch(admin, request).await?;
    ensure!(answer.status == 200, "{request}: {} {}", answer.status, answer.text());
    Ok(answer.text())
}
