//! Length-prefixed messages out of a body that arrives in pieces of any size.

const HEADER: usize = 5; // one flag byte, four of length
const COMPRESSED: u8 = 1;

/// The longest message that is kept. Health messages are a few bytes; whatever
/// is longer goes by unread, so that no stream can make the filter hold much.
pub const LONGEST_MESSAGE: usize = 1_024;

/// One message of a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message, still encoded.
    Message(Vec<u8>),
    /// A message that is compressed or too long to be kept.
    Unreadable,
}

/// Finds the messages of one direction of a gRPC stream.
#[derive(Debug, Default)]
pub struct FrameReader {
    header: Vec<u8>,
    message: Vec<u8>,
    /// Bytes of the present message that are still to come.
    missing: usize,
    readable: bool,
}

impl FrameReader {
    /// Takes the next piece of the body, and hands over each message that it
    /// completes.
    pub fn feed(&mut self, mut bytes: &[u8], mut found: impl FnMut(Frame)) {
        loop {
            if self.header.len() < HEADER {
                let (header, rest) = split(bytes, HEADER - self.header.len());
                self.header.extend_from_slice(header);
                bytes = rest;
                if !self.begin_message() {
                    return;
                }
            }
            let (piece, rest) = split(bytes, self.missing);
            self.missing -= piece.len();
            bytes = rest;
            if self.readable {
                self.message.extend_from_slice(piece);
            }
            if self.missing > 0 {
                return;
            }
            let message = std::mem::take(&mut self.message);
            found(if self.readable { Frame::Message(message) } else { Frame::Unreadable });
            self.header.clear();
        }
    }

    /// Whether the header is complete, and with it the message's length known.
    fn begin_message(&mut self) -> bool {
        let &[flag, a, b, c, d] = self.header.as_slice() else { return false };
        self.missing = u32::from_be_bytes([a, b, c, d]) as usize;
        self.readable = flag != COMPRESSED && self.missing <= LONGEST_MESSAGE;
        true
    }
}

fn split(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn frames(pieces: &[&[u8]]) -> Vec<Frame> {
        let mut reader = FrameReader::default();
        let mut frames = Vec::new();
        for piece in pieces {
            reader.feed(piece, |frame| frames.push(frame));
        }
        frames
    }

    #[test]
    fn a_message_is_found_however_it_is_split() {
        let body = [0, 0, 0, 0, 2, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 8, 2];
        let expected = [vec![8, 1], vec![], vec![8, 2]].map(Frame::Message);
        for size in 1..=body.len() {
            let pieces: Vec<&[u8]> = body.chunks(size).collect();
            assert_eq!(frames(&pieces), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn an_incomplete_message_is_not_a_message() {
        assert_eq!(frames(&[&[0, 0, 0, 0, 2, 8]]), []);
        assert_eq!(frames(&[&[0, 0, 0]]), []);
        assert_eq!(frames(&[]), []);
    }

    #[test]
    fn a_compressed_message_is_passed_over() {
        assert_eq!(
            frames(&[&[1, 0, 0, 0, 1, 7, 0, 0, 0, 0, 1, 9]]),
            [Frame::Unreadable, Frame::Message(vec![9])]
        );
    }

    #[test]
    fn a_long_message_goes_by_without_being_kept() {
        let mut reader = FrameReader::default();
        let mut found = Vec::new();
        reader.feed(&[0, 0xff, 0xff, 0xff, 0xff], |frame| found.push(frame));
        for _ in 0..100 {
            reader.feed(&[0; 4_096], |frame| found.push(frame));
        }
        assert_eq!(found, []);
        assert_eq!(reader.message.capacity(), 0);
    }
}
