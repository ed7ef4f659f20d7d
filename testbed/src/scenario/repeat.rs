//! Steps that are repeated.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Deserialize;

use super::span::Span;

/// How often things are looked at again.
const POLL: Duration = Duration::from_millis(30);

/// How often what is to last is looked at.
const GUARD: Duration = Duration::from_millis(20);

/// For how long a step is repeated.
///
/// Serde checks for unknown keys where this is flattened into.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Repetition {
    /// Until it is as expected, for so long at most.
    pub within: Option<Span>,
    /// From then on, for so long, it must stay so.
    pub throughout: Option<Span>,
}

impl Repetition {
    /// Whether a step is to be repeated at all.
    pub fn is_asked_for(&self) -> bool {
        self.within.is_some() || self.throughout.is_some()
    }

    /// Repeats `attempt`; returns the faults of the attempt that decides.
    pub async fn repeat<F: Future<Output = Result<Vec<String>>>>(
        &self,
        attempt: impl Fn() -> F,
    ) -> Result<Vec<String>> {
        let faults = repeat(self.within, &attempt).await?;
        match self.throughout {
            Some(span) if faults.is_empty() => hold(span, attempt).await,
            _ => Ok(faults),
        }
    }
}

/// Calls `attempt` until it finds no fault or the time has run out.
pub async fn repeat<F: Future<Output = Result<Vec<String>>>>(
    within: Option<Span>,
    attempt: impl Fn() -> F,
) -> Result<Vec<String>> {
    let deadline = Instant::now() + within.map_or(Duration::ZERO, |span| span.0);
    loop {
        let faults = attempt().await?;
        if faults.is_empty() || Instant::now() >= deadline {
            return Ok(faults);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Calls `attempt` until it finds a fault, and says when, or the time has passed.
async fn hold<F: Future<Output = Result<Vec<String>>>>(
    throughout: Span,
    attempt: impl Fn() -> F,
) -> Result<Vec<String>> {
    let start = Instant::now();
    loop {
        let at = start.elapsed().as_millis();
        let faults = attempt().await?;
        if !faults.is_empty() {
            let timed = |fault| format!("after {at} ms of {throughout}: {fault}");
            return Ok(faults.into_iter().map(timed).collect());
        }
        if start.elapsed() >= throughout.0 {
            return Ok(faults);
        }
        tokio::time::sleep(GUARD).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde_json::{Value, from_value, json};

    use super::*;

    /// Repeats what is wrong in some of its attempts, counted from one; returns
    /// the faults and the number of attempts.
    async fn repeated(repetition: Value, wrong: impl Fn(u32) -> bool) -> (Vec<String>, u32) {
        let repetition: Repetition = from_value(repetition).unwrap();
        let attempts = Cell::new(0);
        let faults = repetition.repeat(async || {
            attempts.set(attempts.get() + 1);
            Ok(if wrong(attempts.get()) { vec!["wrong".into()] } else { vec![] })
        });
        (faults.await.unwrap(), attempts.get())
    }

    #[tokio::test]
    async fn without_repetition_there_is_one_attempt() {
        assert_eq!(repeated(json!({}), |_| true).await, (vec!["wrong".into()], 1));
    }

    #[tokio::test]
    async fn it_is_repeated_until_it_is_right() {
        let (faults, attempts) = repeated(json!({ "within": "5s" }), |attempt| attempt < 3).await;
        assert_eq!((faults.len(), attempts), (0, 3));
        let (faults, attempts) = repeated(json!({ "within": "50ms" }), |_| true).await;
        assert!(faults == ["wrong"] && attempts > 1, "{faults:?} {attempts}");
    }

    #[tokio::test]
    async fn it_must_stay_right() {
        let (faults, attempts) = repeated(json!({ "throughout": "100ms" }), |_| false).await;
        assert!(faults.is_empty() && attempts > 2, "{faults:?} {attempts}");
        let (faults, attempts) =
            repeated(json!({ "throughout": "5s" }), |attempt| attempt == 3).await;
        assert_eq!((faults.len(), attempts), (1, 3));
        assert!(
            faults[0].starts_with("after ") && faults[0].ends_with("of 5s: wrong"),
            "{faults:?}"
        );
        assert_eq!(repeated(json!({ "throughout": "5s" }), |_| true).await.1, 1);
    }

    #[tokio::test]
    async fn it_may_have_to_become_right_first() {
        let both = json!({ "within": "5s", "throughout": "100ms" });
        let (faults, attempts) = repeated(both.clone(), |attempt| attempt < 3).await;
        assert!(faults.is_empty() && attempts > 4, "{faults:?} {attempts}");
        let (faults, attempts) = repeated(both, |attempt| attempt != 2).await;
        assert_eq!((faults.len(), attempts), (1, 3));
    }
}
