//! The messages of `grpc.health.v1.Health`.

use crate::base::metric::LabelValue;
use crate::base::outcome::Verdict;
use prost::Message;

/// `grpc.health.v1.HealthCheckRequest`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    pub(super) service: String,
}

/// `grpc.health.v1.HealthCheckResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HealthCheckResponse {
    #[prost(enumeration = "ServingStatus", tag = "1")]
    pub(super) status: i32,
}

/// `grpc.health.v1.HealthCheckResponse.ServingStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
pub enum ServingStatus {
    /// Nothing is said, or something that is not known yet.
    Unknown = 0,
    /// It serves.
    Serving = 1,
    /// It doesn't.
    NotServing = 2,
    /// There is no such service; only a Watch says so.
    ServiceUnknown = 3,
}

impl ServingStatus {
    /// Reads a HealthCheckResponse; `None` where it isn't one.
    pub fn read(message: &[u8]) -> Option<Self> {
        HealthCheckResponse::decode(message).ok().map(|response| response.status())
    }

    /// Every status, in the order of their numbers.
    pub const ALL: [Self; 4] =
        [Self::Unknown, Self::Serving, Self::NotServing, Self::ServiceUnknown];

    /// The word for metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Serving => "serving",
            Self::NotServing => "not_serving",
            Self::ServiceUnknown => "service_unknown",
        }
    }

    /// As the protocol writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Serving => "SERVING",
            Self::NotServing => "NOT_SERVING",
            Self::ServiceUnknown => "SERVICE_UNKNOWN",
        }
    }
}

impl LabelValue for ServingStatus {
    const VALUES: &'static [Self] = &Self::ALL;

    fn number(self) -> usize {
        self as usize
    }

    fn word(self) -> &'static str {
        self.label()
    }
}

impl From<Verdict> for ServingStatus {
    /// It serves unless the verdict is `fail`.
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass | Verdict::Warn => Self::Serving,
            Verdict::Fail => Self::NotServing,
        }
    }
}

/// A HealthCheckRequest for a service.
pub fn request(service: &str) -> Vec<u8> {
    HealthCheckRequest { service: service.to_owned() }.encode_to_vec()
}

/// A message in its frame.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[0], length.as_slice(), message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_request_names_its_service() {
        assert_eq!(framed(&request("")), [0, 0, 0, 0, 0]);
        assert_eq!(framed(&request("ab")), [0, 0, 0, 0, 4, 10, 2, b'a', b'b']);
    }

    #[test]
    fn warn_is_serving_and_fail_is_not() {
        assert_eq!(ServingStatus::from(Verdict::Pass), ServingStatus::Serving);
        assert_eq!(ServingStatus::from(Verdict::Warn), ServingStatus::Serving);
        assert_eq!(ServingStatus::from(Verdict::Fail), ServingStatus::NotServing);
    }

    #[test]
    fn a_status_of_the_future_is_unknown_and_garbage_is_none() {
        assert_eq!(ServingStatus::read(&[8, 3]), Some(ServingStatus::ServiceUnknown));
        assert_eq!(ServingStatus::read(&[8, 99]), Some(ServingStatus::Unknown));
        assert_eq!(ServingStatus::read(&[8, 0xff]), None);
    }
}
