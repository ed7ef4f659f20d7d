//! What a call of `grpc.health.v1.Health` asks for.

use super::health::HealthCheckRequest;
use super::{LONGEST_MESSAGE, code};
use prost::Message;

const HEADER: usize = 5; // one flag byte, four of length

/// How much of a call's body is looked at, in bytes: the longest message that is
/// taken, and one byte more.
pub const LONGEST_CALL: usize = HEADER + LONGEST_MESSAGE + 1;

/// Why a call can't be understood.
/// <https://github.com/grpc/grpc/blob/master/doc/statuscodes.md>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The message is compressed.
    Compressed,
    /// The message is longer than any health request.
    TooLong,
    /// The message is no health request.
    Garbage,
    /// There isn't exactly one message.
    NotOne,
}

impl Violation {
    /// The gRPC status that it means.
    pub const fn code(self) -> u32 {
        match self {
            Self::Compressed | Self::NotOne => code::UNIMPLEMENTED,
            Self::TooLong => code::RESOURCE_EXHAUSTED,
            Self::Garbage => code::INTERNAL,
        }
    }

    /// In words.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Compressed => "a health request must not be compressed",
            Self::TooLong => "the message is too long for a health request",
            Self::Garbage => "the message is no health request",
            Self::NotOne => "a health call has exactly one request",
        }
    }
}

/// Reads the service that a call asks for out of its body so far. `None` means
/// that more of it must come first; `end_stream` says that nothing more comes.
///
/// # Errors
/// The call can't be understood.
pub fn read_service(body: &[u8], end_stream: bool) -> Option<Result<String, Violation>> {
    let Some((&[flag, a, b, c, d], rest)) = body.split_first_chunk::<HEADER>() else {
        return match body {
            [] if end_stream => Some(Err(Violation::NotOne)),
            _ if end_stream => Some(Err(Violation::Garbage)),
            _ => None,
        };
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    match (flag, length) {
        (0, ..=LONGEST_MESSAGE) => {}
        (0, _) => return Some(Err(Violation::TooLong)),
        (1, _) => return Some(Err(Violation::Compressed)),
        _ => return Some(Err(Violation::Garbage)),
    }
    let Some((message, more)) = rest.split_at_checked(length) else {
        return end_stream.then_some(Err(Violation::Garbage));
    };
    if !more.is_empty() {
        return Some(Err(Violation::NotOne));
    }
    let request = HealthCheckRequest::decode(message);
    Some(request.map(|request| request.service).map_err(|_| Violation::Garbage))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// The body of a call for a service.
    fn call(service: &str) -> Vec<u8> {
        let message = HealthCheckRequest { service: service.into() }.encode_to_vec();
        let mut body = vec![0];
        body.extend_from_slice(&(message.len() as u32).to_be_bytes());
        body.extend_from_slice(&message);
        body
    }

    #[test]
    fn a_service_is_known_as_soon_as_its_message_is_whole() {
        for service in ["", "orders", &"x".repeat(1_000)] {
            let body = call(service);
            for end in 0..body.len() {
                assert_eq!(read_service(&body[..end], false), None, "{end} of {}", body.len());
            }
            assert_eq!(read_service(&body, false), Some(Ok(service.to_owned())));
            assert_eq!(read_service(&body, true), Some(Ok(service.to_owned())));
        }
    }

    #[test]
    fn what_is_no_health_request_has_the_status_that_grpc_gives_it() {
        let mut two = call("a");
        two.extend(call("b"));
        for (body, code) in [
            (&[1, 0, 0, 0, 2, 8, 1][..], code::UNIMPLEMENTED),
            (&two, code::UNIMPLEMENTED),
            (&[], code::UNIMPLEMENTED),
            (&[0, 0, 0, 4, 1], code::RESOURCE_EXHAUSTED),
            (&[0, 0xff, 0xff, 0xff, 0xff], code::RESOURCE_EXHAUSTED),
            (&[0, 0, 0, 0, 1, 0xff], code::INTERNAL),
            (&[0, 0, 0, 0, 3, 0x0a, 1, 0xff], code::INTERNAL),
            (&[7, 0, 0, 0, 0], code::INTERNAL),
            (&[0, 0, 0], code::INTERNAL),
            (&[0, 0, 0, 0, 2, 8], code::INTERNAL),
        ] {
            let violation = read_service(body, true).unwrap().unwrap_err();
            assert_eq!(violation.code(), code, "{body:?}: {}", violation.message());
        }
    }

    #[test]
    fn unknown_fields_are_passed_over() {
        let body = [0, 0, 0, 0, 6, 0x10, 1, 0x0a, 2, b'o', b'k'];
        assert_eq!(read_service(&body, true), Some(Ok("ok".into())));
    }
}
