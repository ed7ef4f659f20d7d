//! Where a probe is on its way.

use super::flight::Flight;
use super::translation::Translation;
use crate::base::outcome::Outcome;
use crate::grpc::GrpcAnswer;

/// What has become of a probe's request. A phase carries what only it has.
#[derive(Debug)]
pub(super) enum Phase {
    /// Nothing is decided yet.
    Deciding,
    /// It waits for the answer that another probe fetches.
    Waiting,
    /// It waits for what the application says to a call of the proxy's own, and then goes
    /// there itself or not.
    Asking(Flight),
    /// The proxy has answered it.
    Answered {
        /// The answer has no media type, and is to be given none.
        untyped: bool,
    },
    /// The proxy answers it, by way of the responder.
    Relayed(Option<Translation>),
    /// It was sent to the application.
    Forwarded(Flight),
    /// It is ordinary traffic after all.
    Ordinary,
}

impl Phase {
    /// What is to be remembered of a probe that was sent to the application, or may be.
    pub(super) fn flight(&self) -> Option<&Flight> {
        match self {
            Self::Asking(flight) | Self::Forwarded(flight) => Some(flight),
            _ => None,
        }
    }

    pub(super) fn flight_mut(&mut self) -> Option<&mut Flight> {
        match self {
            Self::Asking(flight) | Self::Forwarded(flight) => Some(flight),
            _ => None,
        }
    }

    /// What comes back is made into an answer of gRPC in this way.
    pub(super) fn translation(&self) -> Option<&Translation> {
        match self {
            Self::Relayed(translation) => translation.as_ref(),
            Self::Forwarded(flight) => flight.translation.as_ref(),
            _ => None,
        }
    }

    pub(super) fn translation_mut(&mut self) -> Option<&mut Option<Translation>> {
        match self {
            Self::Relayed(translation) => Some(translation),
            Self::Forwarded(flight) => Some(&mut flight.translation),
            _ => None,
        }
    }

    /// Whether the answer has no media type, and is to be given none.
    pub(super) fn is_untyped(&self) -> bool {
        match self {
            Self::Answered { untyped } => *untyped,
            Self::Forwarded(flight) => flight.untyped,
            _ => false,
        }
    }
}

/// What becomes of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestBody {
    /// It is read: the message stands in it that decides what happens.
    Read,
    /// It is held back together with the head.
    Held,
    /// It isn't the application's to see.
    Dropped,
    /// It goes where the head goes.
    Passed,
}

/// What is known of how the probe ends.
#[derive(Debug)]
pub(super) enum Progress {
    /// Nothing has come back yet.
    AwaitingHttp,
    /// Nothing has come back yet, or only a part of the messages.
    AwaitingGrpc(GrpcAnswer),
    /// How it ends is known.
    Known(Outcome),
}
