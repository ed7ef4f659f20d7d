//! How a forwarded gRPC health call ended.

use super::code;
use super::frames::{Frame, FrameReader};
use super::health::ServingStatus;
use crate::base::outcome::Outcome;
use crate::grpc::GrpcMethod;

/// Reads along as an answer goes by, to know what it says.
#[derive(Debug)]
pub struct GrpcAnswer {
    method: GrpcMethod,
    frames: FrameReader,
    /// What the last message says; `None` where there was none.
    last: Option<Outcome>,
}

impl GrpcAnswer {
    /// Begins to read the answer to a call of `method`.
    pub fn new(method: GrpcMethod) -> Self {
        Self { method, frames: FrameReader::default(), last: None }
    }

    /// Takes the next piece of the answer's body, and hands over what each message says.
    pub fn on_body(&mut self, bytes: &[u8], mut on_message: impl FnMut(ServingStatus)) {
        // A List answer is a map of any size; that it came is all that counts.
        if self.method == GrpcMethod::List {
            return;
        }
        let last = &mut self.last;
        self.frames.feed(bytes, |frame| {
            let said = match frame {
                Frame::Message(bytes) => ServingStatus::read(&bytes),
                Frame::Unreadable => None,
            };
            said.into_iter().for_each(&mut on_message);
            *last = Some(match said {
                Some(ServingStatus::Serving) => Outcome::Pass,
                Some(_) => Outcome::Fail,
                None => Outcome::Error,
            });
        });
    }

    /// The method that was called.
    pub fn method(&self) -> GrpcMethod {
        self.method
    }

    /// What the last message says.
    pub fn said(&self) -> Option<Outcome> {
        self.last
    }

    /// How the call ended, by its status: `None` where it ended without one.
    pub fn outcome(&self, status: Option<u32>) -> Outcome {
        match (self.method, status) {
            // A Watch has no end of its own: what it said last is what holds.
            (GrpcMethod::Watch, None | Some(code::OK)) => self.last.unwrap_or(Outcome::Error),
            (_, None) => Outcome::Error,
            (GrpcMethod::List, Some(code::OK)) => Outcome::Pass,
            (GrpcMethod::Check, Some(code::OK)) => self.last.unwrap_or(Outcome::Error),
            (_, Some(_)) => Outcome::Fail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const SERVING: [u8; 7] = [0, 0, 0, 0, 2, 8, 1];
    const NOT_SERVING: [u8; 7] = [0, 0, 0, 0, 2, 8, 2];
    const UNAVAILABLE: u32 = 14;

    fn outcome(method: GrpcMethod, body: &[u8], status: Option<u32>) -> Outcome {
        let mut answer = GrpcAnswer::new(method);
        answer.on_body(body, |_| {});
        answer.outcome(status)
    }

    #[test]
    fn only_serving_passes_a_check() {
        let check = |body| outcome(GrpcMethod::Check, body, Some(code::OK));
        assert_eq!(check(&SERVING), Outcome::Pass);
        assert_eq!(check(&NOT_SERVING), Outcome::Fail);
        assert_eq!(check(&[0, 0, 0, 0, 0]), Outcome::Fail, "UNKNOWN is the empty message");
        assert_eq!(check(&[0, 0, 0, 0, 2, 8, 99]), Outcome::Fail, "a status of the future");
    }

    #[test]
    fn a_check_without_a_readable_message_is_an_error() {
        let check = |body| outcome(GrpcMethod::Check, body, Some(code::OK));
        assert_eq!(check(&[]), Outcome::Error);
        assert_eq!(check(&[1, 0, 0, 0, 2, 8, 1]), Outcome::Error, "compressed");
        assert_eq!(check(&[0, 0, 0, 0, 2, 8, 0xff]), Outcome::Error, "garbage");
    }

    #[test]
    fn a_failed_call_fails_whatever_its_message_says() {
        assert_eq!(outcome(GrpcMethod::Check, &SERVING, Some(UNAVAILABLE)), Outcome::Fail);
        assert_eq!(outcome(GrpcMethod::List, &[], Some(UNAVAILABLE)), Outcome::Fail);
        assert_eq!(outcome(GrpcMethod::Watch, &SERVING, Some(UNAVAILABLE)), Outcome::Fail);
    }

    #[test]
    fn a_call_that_ended_without_a_status_is_an_error() {
        assert_eq!(outcome(GrpcMethod::Check, &SERVING, None), Outcome::Error);
        assert_eq!(outcome(GrpcMethod::List, &SERVING, None), Outcome::Error);
    }

    #[test]
    fn the_last_message_of_a_watch_holds_when_its_client_leaves() {
        let body = [SERVING, NOT_SERVING].concat();
        assert_eq!(outcome(GrpcMethod::Watch, &body, None), Outcome::Fail);
        assert_eq!(outcome(GrpcMethod::Watch, &SERVING, None), Outcome::Pass);
        assert_eq!(outcome(GrpcMethod::Watch, &[], None), Outcome::Error);
    }
}
