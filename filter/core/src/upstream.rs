//! What is known of an upstream cluster: whether `connection: close` may be sent
//! to it.
//!
//! Envoy tells a filter nothing about the protocol of a cluster, and fails a
//! request with a `connection` header over HTTP/2 (RFC 9113, section 8.2.2). So
//! one probe tries, and all others go without until its answer is there.

use crate::state::{Decoder, Encoder, Lease, State};
use crate::time::Nanos;

/// What is known of a cluster, shared by all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upstream {
    protocol: Option<Protocol>,
    trial: Lease,
}

/// The protocol that a cluster speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1: its connections can be closed by a header.
    Http1,
    /// HTTP/2: they can't.
    Http2,
}

impl Upstream {
    /// Whether a probe may send `connection: close`; where nothing is known yet
    /// it is the trial, with `patience` nanoseconds to come to an end.
    pub fn may_close(&mut self, now: Nanos, token: u64, patience: Nanos) -> bool {
        if let Some(protocol) = self.protocol {
            return protocol == Protocol::Http1;
        }
        let under_way = self.trial.is_held(now);
        if !under_way {
            self.trial.grant(token, now, patience);
        }
        !under_way
    }

    /// Whether no answer has shown anything yet.
    pub fn is_unknown(&self) -> bool {
        self.protocol.is_none()
    }

    /// Takes note of what an answer shows. Says whether it is news.
    pub fn learn(&mut self, protocol: Protocol) -> bool {
        let news = self.protocol != Some(protocol);
        *self = Self { protocol: Some(protocol), trial: Lease::default() };
        news
    }

    /// Takes back a trial whose answer showed nothing. Says whether it was its own.
    pub fn release(&mut self, token: u64) -> bool {
        self.trial.release(token)
    }
}

impl State for Upstream {
    fn encode(&self, to: &mut Encoder) {
        to.optional(self.protocol.as_ref(), |to, protocol| {
            to.number(u64::from(*protocol == Protocol::Http2));
        });
        self.trial.encode(to);
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let protocol = from.optional(|from| match from.number()? {
            0 => Some(Protocol::Http1),
            _ => Some(Protocol::Http2),
        })?;
        let trial = Lease::decode(from)?;
        Some(Self { protocol, trial })
    }

    /// What a cluster speaks is of use for as long as there is the cluster.
    fn expires(&self) -> Nanos {
        self.protocol.map_or(self.trial.until(), |_| Nanos::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const NOW: Nanos = 1_000_000_000_000;
    const PATIENCE: Nanos = 3_000_000_000;

    fn unknown_but_tried() -> Upstream {
        let mut upstream = Upstream::default();
        assert!(upstream.may_close(NOW, 1, PATIENCE));
        upstream
    }

    #[test]
    fn one_probe_tries_and_the_others_go_without() {
        let mut upstream = unknown_but_tried();
        assert!(!upstream.may_close(NOW, 2, PATIENCE));
        assert!(!upstream.may_close(NOW + 1, 3, PATIENCE));
    }

    #[test]
    fn what_the_trial_showed_holds_for_all() {
        let mut upstream = unknown_but_tried();
        assert!(upstream.learn(Protocol::Http1));
        assert!(upstream.may_close(NOW, 2, PATIENCE));
        assert!(!upstream.learn(Protocol::Http1), "no news");
        assert!(upstream.learn(Protocol::Http2));
        assert!(!upstream.may_close(NOW, 3, PATIENCE));
    }

    #[test]
    fn a_trial_that_showed_nothing_is_made_again() {
        let mut upstream = unknown_but_tried();
        assert!(!upstream.release(2));
        assert!(upstream.release(1));
        assert!(upstream.may_close(NOW, 3, PATIENCE));
        assert!(upstream.may_close(NOW + PATIENCE, 4, PATIENCE), "given up");
    }

    #[test]
    fn it_survives_shared_data() {
        let mut learned = unknown_but_tried();
        learned.learn(Protocol::Http2);
        for state in [Upstream::default(), unknown_but_tried(), learned] {
            let mut encoder = Encoder::default();
            state.encode(&mut encoder);
            assert_eq!(Upstream::decode(&mut Decoder::new(&encoder.finish())), Some(state));
        }
    }
}
