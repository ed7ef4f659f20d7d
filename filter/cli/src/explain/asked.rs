//! The request that is asked about, as Envoy would hand it to the filter.

use std::net::{IpAddr, SocketAddr};

use heartbeat_core::grpc::{framed, request as message};

use super::arguments::{Arguments, AssumedArguments, GrpcMethod, RequestArguments};
use super::assumed::Assumed;
use super::request::{Fields, Request, value};
use crate::reading::{Refusal, ancestors};
use crate::source::{Form, Found, Loaded, Value};

/// Headers of one connection: Envoy takes them off before any filter sees the request.
const OF_CONNECTION: [&str; 4] =
    ["connection", "keep-alive", "proxy-connection", "transfer-encoding"];

impl Arguments {
    /// What is assumed.
    pub(super) fn assumed(&self) -> Assumed {
        let AssumedArguments {
            app, app_header, checks, server, clusters, traffic, evidence, ..
        } = &self.assumed;
        Assumed {
            application: *app,
            headers: app_header.clone(),
            checks: checks.clone(),
            server: *server,
            clusters: clusters.clone(),
            traffic: *traffic,
            evidence: *evidence,
        }
    }

    /// The request. What the configuration is loaded by tells whose word its sender's address
    /// is.
    pub(super) fn request(&self, found: &Found) -> Result<Request, Refusal> {
        let RequestArguments {
            headers,
            body,
            grpc,
            service,
            from,
            principal,
            http,
            upstream,
            route,
            filter_state,
        } = &self.request;
        let (method, target) = self.line()?;
        let version = http.as_deref().unwrap_or(if grpc.is_some() { "2" } else { "1.1" });
        let (mut fields, body) = match grpc {
            Some(_) => (of_call(), Some(framed(&message(service)))),
            None => (Vec::new(), body.clone().filter(|it| !it.is_empty()).map(String::into_bytes)),
        };
        if let (None, Some(body)) = (grpc, &body) {
            fields.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
        }
        let is_upgrade = headers.iter().any(|(name, _)| name == "upgrade");
        let given = headers
            .iter()
            .filter(|(name, _)| is_upgrade || !OF_CONNECTION.contains(&name.as_str()));
        for (name, value) in given {
            let name = if name == "host" { ":authority" } else { name };
            fields.push((name.to_owned(), value.clone().into_bytes()));
        }
        let manager = Manager::around(found);
        let source = manager.source(&fields, *from);
        if manager.is_edge {
            append(&mut fields, "x-forwarded-for", &from.ip().to_string());
        }
        let first = [
            (":method", method),
            (":path", target),
            (":scheme", "http"),
            (":authority", "localhost"),
            ("x-forwarded-proto", "http"),
        ];
        let first = first.into_iter().filter(|(name, _)| value(&fields, name).is_none());
        let first = first.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let headers = first.collect::<Fields>().into_iter().chain(fields.clone()).collect();
        Ok(Request {
            headers,
            body,
            source: source.into_bytes(),
            principal: principal.clone().map(String::into_bytes),
            filter_state: filter_state
                .iter()
                .map(|it| (it.name.clone(), it.value.clone().into_bytes()))
                .collect(),
            cluster: upstream.clone().into_bytes(),
            route: route.clone().into_bytes(),
            protocol: format!("HTTP/{version}").into_bytes(),
            is_hidden: hides_bodies(found),
        })
    }

    fn line(&self) -> Result<(&str, &str), Refusal> {
        let called = self.request.grpc.map(|method| ("POST", path(method)));
        let written = match (self.method.as_deref(), self.target.as_deref()) {
            // What is most often asked about.
            (Some(target), None) if target.starts_with('/') => Some(("GET", target)),
            (Some(method), Some(target)) => Some((method, target)),
            _ => None,
        };
        let line = called.or(written).ok_or_else(|| {
            Refusal::of("what is its target? Write METHOD TARGET, such as GET /health".to_owned())
        })?;
        if !line.1.starts_with('/') {
            return Err(Refusal::of(format!(
                "{:?} is no target; write a path, such as /health?x=1",
                line.1
            )));
        }
        Ok(line)
    }
}

/// Whether Envoy shows the filter no body before it has decided: only its own configuration
/// can say otherwise.
fn hides_bodies(found: &Found) -> bool {
    let shows = |loaded: &Loaded| {
        let said = loaded.plugin.field("allow_on_headers_stop_iteration");
        loaded.form == Form::Envoy && said.is_some_and(|node| node.value == Value::Bool(true))
    };
    found.loaded.as_ref().is_some_and(|loaded| !shows(loaded))
}

fn path(method: GrpcMethod) -> &'static str {
    match method {
        GrpcMethod::Check => "/grpc.health.v1.Health/Check",
        GrpcMethod::List => "/grpc.health.v1.Health/List",
        GrpcMethod::Watch => "/grpc.health.v1.Health/Watch",
    }
}

fn of_call() -> Fields {
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec()
}

fn append(fields: &mut Fields, name: &str, more: &str) {
    match fields.iter_mut().find(|(known, _)| known == name) {
        Some((_, value)) => value.extend_from_slice(format!(",{more}").as_bytes()),
        None => fields.push((name.to_owned(), more.as_bytes().to_vec())),
    }
}

/// What a connection manager believes of addresses.
#[derive(Default)]
struct Manager {
    /// `use_remote_address`.
    is_edge: bool,
    /// `xff_num_trusted_hops`.
    trusted_hops: usize,
}

impl Manager {
    /// The one that the filter stands in, as far as the file has it.
    fn around(found: &Found) -> Self {
        let Some(loaded) = &found.loaded else { return Self::default() };
        let around = ancestors(&loaded.document.root, &loaded.plugin);
        let Some(manager) = around.into_iter().find(|it| it.field("http_filters").is_some()) else {
            return Self::default();
        };
        let is_edge = manager.field("use_remote_address").map(|node| &node.value);
        let hops = manager.field("xff_num_trusted_hops").map(|node| &node.value);
        Self {
            is_edge: matches!(is_edge, Some(Value::Bool(true))),
            trusted_hops: match hops {
                Some(Value::Number(hops)) => hops.json.parse().unwrap_or_default(),
                _ => 0,
            },
        }
    }

    /// The address that it takes for the client's.
    /// <https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-for>
    fn source(&self, fields: &Fields, peer: SocketAddr) -> String {
        let all = fields.iter().filter(|(name, _)| name == "x-forwarded-for");
        let all = all.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
        let all = all.collect::<Vec<_>>().join(",");
        let from_end = match (self.is_edge, self.trusted_hops) {
            (true, 0) => None,
            (true, hops) => Some(hops - 1),
            (false, hops) => Some(hops),
        };
        let named = from_end.and_then(|place| all.rsplit(',').nth(place));
        let address = named.and_then(|text| text.trim().parse::<IpAddr>().ok());
        address.map_or_else(|| peer.to_string(), |address| address.to_string())
    }
}
