//! What it costs to tell a probe from ordinary traffic, as rules grow.
//!
//! `cargo bench --package heartbeat-core`
#![allow(clippy::panic)] // A benchmark that can't begin should say so.

use divan::{Bencher, black_box};
use heartbeat_core::{Policy, RequestHead, Surroundings};

fn main() {
    divan::main();
}

/// A request whose headers cost nothing to read.
struct Request {
    path: String,
}

impl RequestHead for Request {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        match name {
            ":path" => Some(self.path.clone().into()),
            ":method" => Some(b"GET".to_vec()),
            _ => None,
        }
    }

    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        self.header(name).into_iter().collect()
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        None
    }

    fn peer_uri_san(&self) -> Option<Vec<u8>> {
        None
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        None
    }

    fn protocol(&self) -> Option<Vec<u8>> {
        None
    }
}

const RULES: [usize; 3] = [10, 100, 1_000];

/// So many rules, exact paths and prefixes by turns.
fn policy(rules: usize) -> Policy {
    let rule = |n: usize| {
        let key = if n.is_multiple_of(2) { "path" } else { "path_prefix" };
        format!(r#"{{"name":"p{n}","match":{{"{key}":"/health/{n}","methods":["GET"]}}}}"#)
    };
    let rules: Vec<String> = (0..rules).map(rule).collect();
    let config = format!(r#"{{"probes":[{}]}}"#, rules.join(","));
    match Policy::from_bytes(config.as_bytes(), &Surroundings::default()) {
        Ok(policy) => policy,
        Err(errors) => panic!("{errors}"),
    }
}

fn recognise(bencher: Bencher<'_, '_>, rules: usize, path: &str) {
    let policy = policy(rules);
    let request = Request { path: path.to_owned() };
    bencher.bench_local(|| policy.recognise(black_box(&request)).is_some());
}

#[divan::bench(args = RULES, sample_size = 1_000)]
fn ordinary(bencher: Bencher<'_, '_>, rules: usize) {
    recognise(bencher, rules, "/orders/17/items?page=2");
}

#[divan::bench(args = RULES, sample_size = 1_000)]
fn exact(bencher: Bencher<'_, '_>, rules: usize) {
    recognise(bencher, rules, "/health/8");
}

#[divan::bench(args = RULES, sample_size = 1_000)]
fn below_a_prefix(bencher: Bencher<'_, '_>, rules: usize) {
    recognise(bencher, rules, "/health/9/db/primary");
}
