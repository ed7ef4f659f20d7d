//! Output of a container without a terminal: frames, each with eight bytes before it,
//! of which the last four are its length (Docker Engine API, "Stream format").

use bytes::{Buf, BufMut, Bytes, BytesMut};

const HEAD: usize = 8;

/// Takes frames apart, however the bytes arrive.
#[derive(Debug, Default)]
pub struct Frames {
    waiting: BytesMut,
}

impl Frames {
    /// What whole frames hold, now that `piece` has arrived too.
    pub fn push(&mut self, piece: &[u8]) -> Bytes {
        self.waiting.put_slice(piece);
        let mut payload = BytesMut::new();
        while let Some(length) = self.length()
            && self.waiting.len() >= HEAD + length
        {
            self.waiting.advance(HEAD);
            payload.unsplit(self.waiting.split_to(length));
        }
        payload.freeze()
    }

    /// The length of the frame that comes next, once it is known.
    fn length(&self) -> Option<usize> {
        let length = self.waiting.get(HEAD - 4..HEAD)?;
        Some(u32::from_be_bytes(length.try_into().ok()?) as usize)
    }
}

/// What all frames in `output` hold.
pub fn payload(output: &[u8]) -> Bytes {
    Frames::default().push(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &str) -> Vec<u8> {
        let mut frame = vec![1, 0, 0, 0];
        frame.extend((payload.len() as u32).to_be_bytes());
        frame.extend(payload.as_bytes());
        frame
    }

    #[test]
    fn frames_are_joined() {
        let output = [frame("one, "), frame(""), frame("two\n")].concat();
        assert_eq!(payload(&output), "one, two\n");
        assert_eq!(payload(b""), "");
    }

    #[test]
    fn a_frame_may_arrive_byte_by_byte() {
        let mut frames = Frames::default();
        let output = [frame("ab"), frame("c")].concat();
        let joined: Vec<_> = output.iter().flat_map(|byte| frames.push(&[*byte])).collect();
        assert_eq!(joined, b"abc");
    }

    #[test]
    fn half_a_frame_is_waited_for() {
        let whole = frame("abc");
        let mut frames = Frames::default();
        assert_eq!(frames.push(&whole[..HEAD + 1]), "");
        assert_eq!(frames.push(&whole[HEAD + 1..]), "abc");
    }
}
