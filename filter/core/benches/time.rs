//! How long the core's tasks take on this machine.
//!
//! `cargo bench --package heartbeat-core --bench time`
#![allow(clippy::panic)] // A benchmark that can't begin should say so.

mod tasks;

use divan::Bencher;
use tasks::{Task, tasks};

fn main() {
    divan::main();
}

fn names() -> impl Iterator<Item = &'static str> {
    tasks().map(|(name, _)| *name)
}

#[divan::bench(args = names())]
fn task(bencher: Bencher<'_, '_>, name: &str) {
    let prepare = |(_, prepare): &Task| prepare();
    let task = tasks().find(|(known, _)| *known == name).map(prepare);
    let task = task.unwrap_or_else(|| panic!("no task {name}"));
    bencher.bench_local(task);
}
