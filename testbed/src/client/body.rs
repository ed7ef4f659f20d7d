//! A request's body, sent in pieces.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

/// Pieces that are sent one by one, with a pause between them.
#[derive(Debug)]
pub struct Pieces {
    left: VecDeque<Bytes>,
    /// The length, if it is sent beforehand: that of one piece is.
    length: Option<u64>,
    pause: Duration,
    /// The pause under way.
    pausing: Option<Pin<Box<Sleep>>>,
}

impl Pieces {
    /// A body of these pieces; an empty one is a frame all the same in HTTP/2.
    pub fn new(pieces: &[Vec<u8>], pause: Duration) -> Self {
        let left: VecDeque<_> = pieces.iter().cloned().map(Bytes::from).collect();
        let length = (left.len() <= 1).then(|| left.iter().map(|piece| piece.len() as u64).sum());
        Self { left, length, pause, pausing: None }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(pausing) = &mut self.pausing {
            ready!(pausing.as_mut().poll(context));
        }
        let piece = self.left.pop_front();
        let goes_on = !self.left.is_empty() && !self.pause.is_zero();
        self.pausing = goes_on.then(|| Box::pin(tokio::time::sleep(self.pause)));
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
