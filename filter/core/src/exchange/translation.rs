//! What is made of an answer that isn't one of gRPC.

use crate::http::edits::HeaderEdits;

/// What comes back is made into an answer of gRPC.
#[derive(Debug)]
pub(super) enum Translation {
    /// It is the responder's, and stands for this message.
    Loopback { body: Vec<u8>, status: u32, head: HeaderEdits },
    /// It is the application's answer to an HTTP probe.
    ViaHttp,
    /// Its head has passed; this is still to be sent.
    Begun { body: Vec<u8>, status: u32 },
}
