//! What a strict server takes for a host: Go's `net/http`, Tomcat and Django answer 400
//! to a request that names anything else.

use axum::extract::Request;
use hyper::Version;
use hyper::header::HOST;

/// Whether a request names a host that the strictest of them takes; one before HTTP/1.1
/// needs none.
pub fn is_named_well(request: &Request) -> bool {
    let header = request.headers().get(HOST).map(|host| host.as_bytes());
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    match header.or(authority) {
        Some(host) => is_host(host),
        None => request.version() < Version::HTTP_11,
    }
}

fn is_host(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    if let Some(literal) = host.strip_prefix('[') {
        let Some((address, port)) = literal.split_once(']') else { return false };
        let address: Result<std::net::Ipv6Addr, _> = address.parse();
        return address.is_ok() && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    name.split('.').all(is_label) && port.is_none_or(is_port)
}

/// RFC 1123, section 2.1.
fn is_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let framed = label.starts_with('-') || label.ends_with('-');
    !label.is_empty() && !framed && label.bytes().all(plain)
}

fn is_port(port: &str) -> bool {
    port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_host_is_refused() {
        for host in ["app", "127.0.0.1:8080", "[::1]:80", "[::1]", "db-1.example.com", "A.b"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in ["inbound|8086||", "default/app/80", "a_b", "a:b", "[::1", "", "a..b", "-a"] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
