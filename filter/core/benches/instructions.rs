//! The core's tasks, one at a time, for callgrind to count: `scripts/instructions.sh`.
//!
//! `instructions --list` names the tasks; `instructions NAME` does one, and what is done
//! within `measured` counts.
#![allow(clippy::panic)] // A benchmark that can't begin should say so.

mod tasks;

use tasks::tasks;

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    // cargo says so when it runs all benchmarks.
    if matches!(wanted.as_str(), "" | "--bench" | "--test") {
        return;
    }
    if wanted == "--list" {
        tasks().for_each(|(name, _)| println!("{name}"));
        return;
    }
    let Some((_, prepare)) = tasks().find(|(name, _)| *name == wanted) else {
        panic!("no task {wanted}; --list names them");
    };
    let mut task = prepare();
    // The first time, memory is asked for that the next one finds.
    task();
    measured(&mut *task);
}

#[inline(never)]
fn measured(task: &mut dyn FnMut()) {
    task();
    // Something to come back for: else the call above would be a jump, and callgrind
    // would not see the end.
    std::hint::black_box(());
}
