//! Order, bounds, and that no target waits for another.

use super::*;

/// What a target does with a call.
#[derive(Clone, Copy, Debug)]
enum Does {
    Takes,
    Fails,
    Refuses,
    TooMany,
    Hangs,
    NoHost,
}

fn does() -> impl Strategy<Value = Does> {
    prop_oneof![
        4 => Just(Does::Takes),
        3 => Just(Does::Fails),
        1 => Just(Does::Refuses),
        1 => Just(Does::TooMany),
        1 => Just(Does::Hangs),
        1 => Just(Does::NoHost),
    ]
}

impl Setup {
    /// Has the next call end so, and says what was taken.
    fn ends(&mut self, does: Does) -> Option<HttpCall> {
        let refuses = matches!(does, Does::NoHost).then_some(CallRefusal::NotSent);
        self.caller.refuses.set(refuses);
        let (token, call) = self.next_call(400 * SECOND)?;
        let answer = |status| FakeAnswer::of_upstream(status);
        match does {
            Does::Takes => {
                self.answer(token, &answer("200"));
                return Some(call);
            }
            Does::Fails => self.answer(token, &FakeAnswer::refused()),
            Does::Refuses => self.answer(token, &answer("404")),
            Does::TooMany => {
                self.answer(token, &answer("429").with_header("retry-after", "3"));
            }
            Does::Hangs | Does::NoHost => {}
        }
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn changes_arrive_in_their_order_none_is_lost_unsaid_and_the_queue_has_its_bound(
        steps in proptest::collection::vec((0..6_u64, does()), 1..60),
    ) {
        let mut setup = Setup::of(vec![rule("pager")]);
        let (mut last, mut heard, mut missed) = (0, 0, 0);
        let mut noted = 0;
        let mut take = |call: &HttpCall| {
            let told = ids(call);
            missed += document(call)["missed"].as_u64().unwrap();
            for id in told {
                assert!(id > last, "{id} after {last}");
                last = id;
                heard += 1;
            }
        };
        for (count, does) in steps {
            setup.note(noted + 1..=noted + count);
            noted += count;
            prop_assert!(setup.webhooks.waiting().all(|waiting| waiting <= 10 + 10));
            setup.ends(does).iter().for_each(&mut take);
        }
        // In the end it takes all, and one more, by which it learns of what it has missed.
        setup.caller.refuses.set(None);
        setup.note([noted + 1]);
        for _ in 0..10 {
            setup.ends(Does::Takes).iter().for_each(&mut take);
        }
        setup.note([noted + 2]);
        setup.ends(Does::Takes).iter().for_each(&mut take);
        prop_assert_eq!(heard + missed, noted + 2);
    }
}

#[test]
fn a_target_that_hangs_holds_up_no_other() {
    let mut setup = Setup::of(vec![rule("hangs"), rule("well")]);
    setup.note([1]);
    let mut told = Vec::new();
    for id in 2..200 {
        while let Some((token, call)) = setup.next_call(0) {
            if document(&call)["webhook"] == "well" {
                told.extend(ids(&call));
                setup.answer(token, &FakeAnswer::of_upstream("200"));
            }
        }
        setup.note([id]);
        setup.now = setup.now + SECOND / 10;
    }
    assert_eq!(told, (1..199).collect::<Vec<_>>());
    let waiting: Vec<usize> = setup.webhooks.waiting().collect();
    assert!(waiting[0] <= 11, "{waiting:?}");
    let results = setup.results();
    assert!(results[&(0, "dropped")] > 150 && !results.contains_key(&(1, "dropped")));
    let said = setup.webhooks.take_log();
    assert!(said.len() <= 4, "{said:?}");
    assert!(said.iter().any(|line| line.contains("were not delivered")), "{said:?}");
}

#[test]
fn of_many_that_are_due_each_has_its_turn() {
    let mut setup = Setup::of((0..5).map(|number| rule(&number.to_string())).collect());
    for id in 1..=20 {
        setup.note([id]);
        let call = setup.takes("200");
        assert_eq!(document(&call)["webhook"], ((id - 1) % 5).to_string());
    }
}

#[test]
fn an_hour_of_a_target_that_hangs_takes_no_more_memory_than_a_minute() {
    let mut setup = Setup::of(vec![rule("hangs")]);
    let mut calls = 0;
    for id in 1..36_000 {
        setup.note([id]);
        calls += u64::from(setup.next_call(SECOND / 10).is_some());
        assert!(setup.webhooks.waiting().all(|waiting| waiting <= 20));
        setup.caller.calls.borrow_mut().clear();
    }
    assert!((50..500).contains(&calls), "{calls} calls in an hour");
}
