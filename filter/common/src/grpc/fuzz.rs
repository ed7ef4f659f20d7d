//! Bytes that nobody sent on purpose.

use super::*;
use crate::base::outcome::Outcome;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Numbers that are the same in every run: xorshift, 64 bits.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    /// A sound message with some bytes changed, dropped, doubled or put in.
    fn mutated(&mut self, sound: &[u8]) -> Vec<u8> {
        let mut bytes = sound.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let byte = self.below(256) as u8;
            match self.below(4) {
                0 => bytes.insert(at, byte),
                1 => bytes.truncate(at),
                2 => bytes.extend_from_slice(&bytes.clone()[at..]),
                _ => bytes.iter_mut().skip(at).take(1).for_each(|old| *old = byte),
            }
        }
        bytes
    }
}

const ROUNDS: usize = 50_000;

#[test]
fn whatever_comes_as_a_call_is_a_service_or_has_one_of_the_statuses_for_it() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let sound = framed(&request("orders.v1.Orders"));
    for _ in 0..ROUNDS {
        let body = random.mutated(&sound);
        match read_service(&body, true) {
            Some(Ok(service)) => assert!(service.len() <= LONGEST_MESSAGE, "{body:?}"),
            Some(Err(violation)) => assert!([8, 12, 13].contains(&violation.code()), "{body:?}"),
            None => panic!("a call that has ended says nothing: {body:?}"),
        }
        // In pieces it is the same, or it is known sooner.
        let cut = random.below(body.len() + 1);
        if let Some(sooner) = read_service(&body[..cut], false) {
            let later = read_service(&body, true);
            let more_came = later == Some(Err(Violation::NotOne));
            assert!(more_came || later == Some(sooner), "{body:?} at {cut}");
        }
    }
}

#[test]
fn whatever_comes_as_an_answer_is_judged_the_same_in_any_pieces() {
    let mut random = Random(0xd1b5_4a32_d192_ed03);
    let sound = [framed(&[8, 1]), framed(&[8, 2]), framed(&[])].concat();
    for _ in 0..ROUNDS {
        let body = random.mutated(&sound);
        let outcome = |pieces: &[&[u8]]| {
            let mut answer = GrpcAnswer::new(GrpcMethod::Check);
            pieces.iter().for_each(|piece| answer.on_body(piece, |_| {}));
            answer.outcome(Some(code::OK))
        };
        let whole = outcome(&[&body]);
        assert!([Outcome::Pass, Outcome::Fail, Outcome::Error].contains(&whole), "{body:?}");
        let (first, rest) = body.split_at(random.below(body.len() + 1));
        assert_eq!(outcome(&[first, rest]), whole, "{body:?}");
    }
}
