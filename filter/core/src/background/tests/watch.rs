//! Watches, and the Checks beside them.

use super::*;
use crate::state::Context;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// An interval of 1 s, a timeout of 200 ms, `rise` 2 and `fall` 3.
const WATCHED: &str = r#"{"checks":[{"name":"app","grpc":{"cluster":"app","watch":true},
    "interval":"1s","timeout":"200ms","rise":2,"fall":3}]}"#;

const SERVING: &[u8] = &[8, 1];
const NOT_SERVING: &[u8] = &[8, 2];
const UNAVAILABLE: u32 = 14;

const MISSING: &str = "check \"app\": there is no Watch; a Check every interval must do";

impl Process {
    /// A service that answers SERVING to a Check.
    fn watching(vms: usize) -> Self {
        let mut process = Self::new(WATCHED, vms);
        process.admin = "\0\0\0\0\u{2}\u{8}\u{1}";
        process
    }

    /// The stream that is open.
    fn stream(&self) -> StreamToken {
        let open = self.open.borrow();
        assert_eq!(open.len(), 1, "{open:?}");
        open[0]
    }

    fn each_vm(&mut self, mut act: impl FnMut(&mut Background, Context<'_, FakeStore>)) {
        for vm in self.vms.iter_mut().flatten() {
            act(&mut vm.background, Context::at(&self.store, self.now));
            // As after every end of a stream.
            vm.ticks_at = Some(self.now + MS);
        }
    }

    fn says(&mut self, message: &[u8]) {
        let stream = self.stream();
        self.each_vm(|vm, cx| vm.on_message(stream, message, cx));
        self.run(MS);
    }

    fn ends(&mut self, status: u32) {
        let stream = self.stream();
        self.open.borrow_mut().clear();
        self.each_vm(|vm, cx| vm.on_close(stream, status, b"", cx));
        self.run(MS);
    }

    fn last(&self) -> (bool, String) {
        let vm = self.vms.iter().flatten().next().unwrap();
        let state = vm.background.evidence.checks[0].state.read(Context::at(&self.store, self.now));
        let up = state.status(crate::facts::check::Initial::Unknown)
            == crate::facts::check::CheckStatus::Up;
        (up, state.last.map(|last| last.output).unwrap_or_default())
    }

    /// How long after now a stream was opened each time that it was.
    fn opened_after(&mut self, time: Nanos) -> Vec<Nanos> {
        let (begun, known) = (self.now, self.opened.borrow().len());
        self.run(time);
        self.opened.borrow().iter().skip(known).map(|at| at.since(begun)).collect()
    }
}

#[test]
fn of_several_vms_one_holds_the_watch_and_another_takes_it_over() {
    let mut process = Process::watching(3);
    process.run(20 * SECOND);
    assert_eq!(process.opened.borrow().len(), 1);
    let holder = process.holder();
    process.vms[holder] = None;
    process.open.borrow_mut().clear(); // Envoy does so when a context ends.
    let opened = process.opened_after(5 * SECOND);
    assert!(matches!(opened[..], [at] if at <= 600 * MS), "{opened:?}");
    process.stream();
}

#[test]
fn a_vm_that_lost_the_lease_gives_its_watch_up() {
    let mut process = Process::watching(2);
    process.run(SECOND);
    let (holder, stream) = (process.holder(), process.stream());
    // It sleeps for longer than its lease.
    let sleeper = process.vms[holder].take();
    process.run(2 * SECOND);
    assert_eq!(process.open.borrow().len(), 2);
    process.vms[holder] = sleeper;
    process.run(SECOND);
    assert_ne!(process.stream(), stream);
}

#[test]
fn what_a_watch_says_decides_at_once() {
    let mut process = Process::watching(2);
    process.run(3 * SECOND);
    assert_eq!(process.last(), (true, "answered SERVING in 3 ms".into()));
    process.manner = Manner::Hangs; // The Checks have no say in time.
    for (message, up, output) in [
        (NOT_SERVING, false, "NOT_SERVING"),
        (SERVING, true, "SERVING"),
        (&[8, 3], false, "SERVICE_UNKNOWN"),
        (SERVING, true, "SERVING"),
        (&[], false, "UNKNOWN"),
        (SERVING, true, "SERVING"),
        (&[8, 0xff], false, "its message isn't a HealthCheckResponse"),
        (SERVING, true, "SERVING"),
        (&[0; 2_000], false, "its message isn't a HealthCheckResponse"),
    ] {
        process.says(message);
        assert_eq!(process.last(), (up, output.into()));
        assert_eq!(process.gauges.last(), Some(&u64::from(up)));
    }
}

#[test]
fn a_watch_that_breaks_is_down_at_once_and_opened_again_soon() {
    let mut process = Process::watching(2);
    process.run(SECOND);
    process.says(SERVING);
    process.run(2 * SECOND);
    process.ends(UNAVAILABLE);
    assert_eq!(process.last(), (false, "the Watch is broken: closed with UNAVAILABLE".into()));
    let opened = process.opened_after(SECOND);
    assert!(matches!(opened[..], [at] if (40 * MS..=110 * MS).contains(&at)), "{opened:?}");
    process.says(SERVING);
    assert!(process.last().0);
}

#[test]
fn a_watch_that_does_not_last_is_opened_ever_more_rarely_up_to_the_interval() {
    let mut process = Process::watching(1);
    process.takes_watches = false;
    let opened = process.opened_after(20 * SECOND);
    assert!((15..=45).contains(&opened.len()), "{opened:?}");
    let last = &opened[opened.len() - 2..];
    assert!(last[1] - last[0] >= 490 * MS && last[1] - last[0] <= SECOND, "{last:?}");
    assert!(process.last().0, "the Checks go on");
    assert!(process.log.is_empty(), "{:?}", process.log);
}

#[test]
fn a_watch_that_says_how_things_are_and_ends_breaks_nothing() {
    let mut process = Process::watching(1);
    process.run(10 * MS);
    for _ in 0..10 {
        process.says(SERVING);
        process.ends(code_ok());
        assert!(process.last().0);
        while process.open.borrow().is_empty() {
            process.run(MS);
        }
    }
    process.says(SERVING);
    process.run(2 * SECOND);
    process.ends(code_ok());
    assert!(!process.last().0, "one that has lasted should go on");
}

const fn code_ok() -> u32 {
    crate::grpc::code::OK
}

#[test]
fn a_watch_that_never_got_through_leaves_it_to_the_checks() {
    let mut process = Process::watching(1);
    process.run(SECOND);
    process.ends(UNAVAILABLE);
    assert!(process.last().0);
}

#[test]
fn where_there_is_no_watch_checks_do_and_it_is_looked_for_rarely() {
    let mut process = Process::watching(2);
    process.run(10 * MS);
    process.ends(crate::grpc::code::UNIMPLEMENTED);
    assert!(process.opened_after(59 * SECOND).is_empty());
    assert_eq!(process.log, [MISSING]);
    assert!(process.last().0);
    assert_eq!(process.opened_after(2 * SECOND).len(), 1);
    process.ends(crate::grpc::code::UNIMPLEMENTED);
    assert_eq!(process.log, [MISSING], "said once");
    process.manner = Manner::Closed;
    assert!(process.until("check \"app\" is down: connection refused") <= 3 * SECOND);
}

#[test]
fn a_quiet_watch_does_not_go_stale() {
    let mut process = Process::watching(1);
    process.run(SECOND);
    process.says(SERVING);
    process.run(600 * SECOND);
    let state = |process: &Process| {
        let vm = process.vms[0].as_ref().unwrap();
        let check = &vm.background.evidence.checks[0];
        let last = check.state.read(Context::at(&process.store, process.now)).last.unwrap();
        (check.rule.clone(), last)
    };
    let (rule, last) = state(&process);
    assert!(!last.is_stale(&rule, process.now));
    assert_eq!(process.opened.borrow().len(), 1);
}

#[test]
fn a_process_that_hangs_behind_a_quiet_watch_is_found_by_its_checks() {
    let mut process = Process::watching(2);
    process.run(SECOND);
    process.says(SERVING);
    process.run(SECOND);
    let stream = process.stream();
    process.manner = Manner::Hangs;
    let down = process.until("is down: no answer within 200 ms");
    assert!(down <= 3 * SECOND + 200 * MS, "{down}");
    process.run(20 * MS);
    assert_ne!(process.stream(), stream, "a new one, whose first words count");
    assert!(process.opened_after(10 * SECOND).is_empty(), "one is enough");
    process.says(SERVING);
    assert!(process.last().0);
}

#[test]
fn a_check_that_was_asked_before_the_watch_spoke_has_no_say() {
    let mut process = Process::watching(1);
    process.manner = Manner::Answers("200", 150 * MS);
    process.run(10 * MS);
    process.says(NOT_SERVING);
    process.run(200 * MS);
    assert_eq!(process.last(), (false, "NOT_SERVING".into()));
}

#[test]
fn what_a_watch_shows_is_counted_too() {
    let mut process = Process::watching(1);
    process.run(10 * MS);
    let [passed, failed, ..] = process.results;
    process.says(SERVING);
    process.says(NOT_SERVING);
    assert_eq!(process.results[..2], [passed + 1, failed + 1]);
}
