//! Answers: the application's, Envoy's own in its place, and the filter's.

use heartbeat_core::callout::CallAnswer;
use heartbeat_core::grpc::{GrpcMethod, ServingStatus, check_answer, code, list_answer};
use heartbeat_core::http::edits::Reply;
use heartbeat_core::{RequestHead, ResponseHead};

use super::assumed::Application;
use super::request::{Fields, Request, value};

/// An answer on its way to the prober.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// Its headers, `:status` first.
    pub headers: Fields,
    /// Its body.
    pub body: Vec<u8>,
    /// Its trailers.
    pub trailers: Fields,
    /// Envoy's reason for it.
    pub details: String,
    /// The cluster and the route that it comes from.
    pub from: (Vec<u8>, Vec<u8>),
}

fn fields<const N: usize>(pairs: [(&str, &str); N]) -> Fields {
    pairs.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec()
}

impl Response {
    /// What the application answers to a request that has come to it.
    pub fn of_application(
        request: &Request,
        call: Option<GrpcMethod>,
        answer: Application,
        more: &[(String, String)],
    ) -> Self {
        let mut response = match (answer, call) {
            (Application::Http(status), _) => Self::http(status, b"ok\n"),
            (Application::Health(status), Some(method)) => Self::health(method, status),
            // Of a call over HTTP, health is a status.
            (Application::Health(ServingStatus::Serving), None) => Self::http(200, b"ok\n"),
            (Application::Health(_), None) => Self::http(503, b"ok\n"),
            (Application::Code(status), _) => Self::status_of_call(status),
            (Application::Timeout, _) => {
                Self::envoys(request, 504, "response_timeout", "upstream request timeout")
            }
            (Application::Refused, _) => Self::envoys(
                request,
                503,
                "upstream_reset_before_response_started{remote_connection_failure}",
                "upstream connect error or disconnect/reset before headers. reset reason: remote \
                 connection failure, transport failure reason: delayed connect error: Connection \
                 refused",
            ),
            (Application::Reset, _) => Self::envoys(
                request,
                503,
                "upstream_reset_before_response_started{connection_termination}",
                "upstream connect error or disconnect/reset before headers. reset reason: \
                 connection termination",
            ),
        };
        response.from = (request.cluster.clone(), request.route.clone());
        if response.details == "via_upstream" {
            let more = more.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes()));
            response.headers.extend(more);
        }
        if request.header(":method").is_some_and(|method| *method == *b"HEAD") {
            response.body.clear();
        }
        response
    }

    /// What the loopback responder answers, for the filter to put its message in.
    pub fn of_responder() -> Self {
        let mut response = Self::http(200, b"heartbeat\n");
        response.headers.extend(fields([("x-heartbeat-responder", "true")]));
        response
    }

    fn http(status: u16, body: &[u8]) -> Self {
        let headers = fields([
            (":status", &status.to_string()),
            ("content-type", "text/plain"),
            ("x-envoy-upstream-service-time", "1"),
        ]);
        let details = "via_upstream".to_owned();
        Self { headers, body: body.to_vec(), details, ..Self::default() }
    }

    fn health(method: GrpcMethod, status: ServingStatus) -> Self {
        let body = match method {
            GrpcMethod::List => list_answer(std::iter::once((String::new(), status))),
            GrpcMethod::Check | GrpcMethod::Watch => check_answer(status),
        };
        let mut response = Self::http(200, &body);
        response.headers.retain(|(name, _)| name != "content-type");
        response.headers.extend(fields([("content-type", "application/grpc")]));
        response.trailers = fields([("grpc-status", "0")]);
        response
    }

    fn status_of_call(status: u32) -> Self {
        let mut response = Self::health(GrpcMethod::Check, ServingStatus::Unknown);
        (response.body, response.trailers) = (Vec::new(), Vec::new());
        response.headers.extend(fields([("grpc-status", &status.to_string())]));
        response
    }

    /// Envoy's own answer in the place of the application's.
    fn envoys(request: &Request, status: u16, details: &str, words: &str) -> Self {
        let in_grpc = request
            .header("content-type")
            .is_some_and(|kind| kind.starts_with(b"application/grpc"));
        let reply = Local { status, headers: Vec::new(), body: words.as_bytes().to_vec(), details };
        reply.sent(in_grpc.then_some(code::UNAVAILABLE), request)
    }

    /// The filter's own answer, as Envoy sends it.
    pub fn of_reply(reply: Reply, request: &Request) -> Self {
        let headers = reply.headers.pairs();
        let headers = headers
            .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.to_vec()))
            .collect();
        let Reply { status, body, grpc_status, details, .. } = reply;
        Local { status, headers, body, details }.sent(grpc_status, request)
    }

    /// The status of a call: of the trailers, or of the head where there are none.
    pub fn grpc_status(&self) -> Option<u32> {
        let said = value(&self.trailers, "grpc-status");
        let said = said.or_else(|| value(&self.headers, "grpc-status"))?;
        std::str::from_utf8(said).ok()?.parse().ok()
    }

    /// The serving status in the answer to a Check or a Watch, where that is one.
    pub fn health_of_call(&self) -> Option<ServingStatus> {
        const FRAME: usize = 5;
        self.grpc_status().filter(|status| *status == code::OK)?;
        ServingStatus::read(self.body.get(FRAME..)?)
    }
}

/// An answer that isn't an upstream's.
struct Local<'a> {
    status: u16,
    headers: Fields,
    body: Vec<u8>,
    details: &'a str,
}

impl Local<'_> {
    /// As Envoy sends it: to a call of gRPC as its status, with the body for a message.
    fn sent(self, grpc_status: Option<u32>, request: &Request) -> Response {
        let Self { status, headers, mut body, details } = self;
        let shown = if grpc_status.is_some() { 200 } else { status };
        let mut all = fields([(":status", &shown.to_string())]);
        all.extend(headers);
        if let Some(grpc_status) = grpc_status {
            super::request::set(&mut all, "content-type", b"application/grpc".to_vec());
            all.extend(fields([("grpc-status", &grpc_status.to_string())]));
            if !body.is_empty() {
                all.push(("grpc-message".to_owned(), std::mem::take(&mut body)));
            }
        } else if !body.is_empty() && value(&all, "content-type").is_none() {
            all.extend(fields([("content-type", "text/plain")]));
        }
        if request.header(":method").is_some_and(|method| *method == *b"HEAD") {
            body.clear();
        }
        Response { headers: all, body, details: details.to_owned(), ..Response::default() }
    }
}

impl ResponseHead for Response {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        value(&self.headers, name).map(<[u8]>::to_vec)
    }

    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        let named = self.headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.clone()).collect()
    }

    fn code_details(&self) -> Option<Vec<u8>> {
        Some(self.details.as_bytes().to_vec())
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        Some(self.from.0.clone())
    }

    fn route(&self) -> Option<Vec<u8>> {
        Some(self.from.1.clone())
    }
}

impl CallAnswer for Response {
    fn body_size(&self) -> usize {
        self.body.len()
    }

    fn body(&self) -> Vec<u8> {
        self.body.clone()
    }

    fn trailer(&self, name: &str) -> Option<Vec<u8>> {
        value(&self.trailers, name).map(<[u8]>::to_vec)
    }
}
