//! What the core may ask about a request and its response.

use crate::base::time::Nanos;
use crate::http::headers::{METHOD, PATH, STATUS_CODE};
use std::borrow::Cow;

/// The first line of a request (RFC 9110, section 6.2), as far as it was read.
#[derive(Clone, Debug, Default)]
pub struct RequestLine {
    /// The request target, with its query string.
    pub target: Vec<u8>,
    /// The method.
    pub method: Method,
}

/// A method, as far as it matters how a probe asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// It asks for an answer with a body.
    Get,
    /// It asks for the head of the answer to a GET.
    Head,
    /// Anything else, as are calls of gRPC.
    #[default]
    Other,
}

impl Method {
    /// By its name, which is case-sensitive.
    pub fn of(name: &[u8]) -> Self {
        match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            _ => Self::Other,
        }
    }
}

impl RequestLine {
    /// The path, without the query string.
    pub fn path(&self) -> &[u8] {
        without_query(&self.target)
    }

    /// Whether there is a query string, be it an empty one.
    pub fn has_query(&self) -> bool {
        self.path().len() != self.target.len()
    }

    /// The query string, without `?`; empty where there is none.
    pub fn query(&self) -> &[u8] {
        self.target.get(self.path().len() + 1..).unwrap_or_default()
    }
}

/// The head of a request, read on demand.
///
/// Inside Envoy every call crosses from the module into the host, so the core
/// asks only for what it needs, in the order that lets an ordinary request go
/// first. Values are bytes: HTTP doesn't promise UTF-8.
pub trait RequestHead {
    /// The value of a header, or of a pseudo-header such as `:path`; the first of
    /// several.
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>>;

    /// All values of a header. Much dearer than [`header`](Self::header).
    fn header_values(&self, name: &str) -> Vec<Vec<u8>>;

    /// Whether any value of a header is such.
    fn any_value(&self, name: &str, such: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.header_values(name).iter().any(|value| such(value))
    }

    /// Whether all headers are such, by name and value; `false` where that isn't known.
    fn all_headers(&self, _such: impl Fn(&[u8], &[u8]) -> bool) -> bool {
        false
    }

    /// The request target, with its query string.
    fn path(&self) -> Option<Cow<'_, [u8]>> {
        self.header(PATH)
    }

    /// The request method.
    fn method(&self) -> Option<Cow<'_, [u8]>> {
        self.header(METHOD)
    }

    /// The address and port that Envoy trusts as the client's
    /// (`%DOWNSTREAM_REMOTE_ADDRESS%`), such as `10.0.0.7:51234`.
    fn source_address(&self) -> Option<Vec<u8>>;

    /// What another filter has noted of the stream under this name.
    fn filter_state(&self, _name: &str) -> Option<Vec<u8>> {
        None
    }

    /// The first URI of the client certificate's subject alternative names.
    fn peer_uri_san(&self) -> Option<Vec<u8>>;

    /// The upstream cluster that the request's route leads to.
    fn cluster(&self) -> Option<Vec<u8>>;

    /// The name of that route; empty where it has none.
    fn route(&self) -> Option<Vec<u8>> {
        None
    }

    /// The protocol that the client speaks, such as `HTTP/1.1`.
    fn protocol(&self) -> Option<Vec<u8>>;

    /// The tokens of the exchanges that have marked the request, one behind the other, in
    /// whichever plugin of this module that was. No client can forge them.
    fn marks(&self) -> Option<Vec<u8>>;
}

/// The head of a response, read on demand like [`RequestHead`].
pub trait ResponseHead {
    /// The value of a header, or of the pseudo-header `:status`; the first of
    /// several.
    fn header(&self, name: &str) -> Option<Vec<u8>>;

    /// All values of a header. Much dearer than [`header`](Self::header).
    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        self.header(name).into_iter().collect()
    }

    /// Envoy's reason for the response (`%RESPONSE_CODE_DETAILS%`).
    /// <https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/response_code_details>
    fn code_details(&self) -> Option<Vec<u8>>;

    /// The upstream cluster that the request has gone to, with its headers as they were
    /// when the last filter was done with them.
    fn cluster(&self) -> Option<Vec<u8>> {
        None
    }

    /// The name of the route that has led there.
    fn route(&self) -> Option<Vec<u8>> {
        None
    }

    /// The HTTP status.
    fn status(&self) -> Option<u16> {
        parse_status(&self.header(STATUS_CODE)?)
    }

    /// The name of the first header that ends so. Nobody looks where all headers would
    /// have to be read for it.
    fn name_ending(&self, _end: &str) -> Option<String> {
        None
    }
}

/// Reads an HTTP status.
pub fn parse_status(value: &[u8]) -> Option<u16> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The headers of a message, be it a request or a response. `'a` is how long the
/// names live that are asked for.
pub trait Headers<'a> {
    /// The first value of a header.
    fn first(&self, name: &'a str) -> Option<Vec<u8>>;

    /// Whether any value of a header is such; dear.
    fn any(&self, name: &'a str, such: &mut dyn FnMut(&[u8]) -> bool) -> bool;
}

impl<'a, T: RequestHead> Headers<'a> for T {
    fn first(&self, name: &'a str) -> Option<Vec<u8>> {
        self.header(name).map(Cow::into_owned)
    }

    fn any(&self, name: &'a str, such: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.any_value(name, such)
    }
}

/// A request that is over: what Envoy knows of it, read on demand.
pub trait Ending {
    /// The head of the request, as routes and filters have left it.
    fn request(&self) -> &impl RequestHead;

    /// The head of the response.
    fn response(&self) -> &impl ResponseHead;

    /// The gRPC status: of the trailers, or of the head where there are none.
    fn grpc_status(&self) -> Option<u32>;

    /// The name of the route that it took.
    fn route(&self) -> Option<Vec<u8>>;

    /// From its first byte to the end of the answer, in nanoseconds.
    fn duration(&self) -> Option<Nanos>;

    /// How long its body is, in bytes; of a request that broke off, no more than
    /// has come of it with its headers.
    fn request_bytes(&self) -> Option<u64>;

    /// How much of the answer's body was sent, in bytes.
    fn response_bytes(&self) -> Option<u64>;

    /// The version of TLS that the client speaks, such as `TLSv1.3`.
    fn tls_version(&self) -> Option<Vec<u8>>;

    /// Whether the client has shown a certificate that Envoy trusts.
    fn is_mtls(&self) -> bool;
}

/// The path of a request target, without the query string.
pub fn without_query(target: &[u8]) -> &[u8] {
    let end = target.iter().position(|&byte| byte == b'?');
    end.and_then(|end| target.get(..end)).unwrap_or(target)
}

/// Whether `path` is `prefix` or stands below it, in whole segments.
pub fn within(path: &[u8], prefix: &[u8]) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
