//! Who calls whom.

use std::collections::BTreeSet;

/// Calls from one service to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who calls.
    pub from: String,
    /// Who is called.
    pub to: String,
    /// How often, a second.
    pub rate: u32,
    /// How many of ten fail: half of them get 503, the others no answer.
    pub failing: usize,
}

/// All calls, and by them all services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The calls.
    pub calls: Vec<Call>,
}

impl Plan {
    /// `web` and `checkout` both call `payments`, and four of ten calls of `checkout` fail.
    pub fn shop() -> Self {
        Self::default().call("web", "payments", 20, 0).call("checkout", "payments", 20, 4)
    }

    /// The same, where `payments` calls `web` in its turn.
    pub fn circle() -> Self {
        Self::shop().call("payments", "web", 10, 0)
    }

    /// Adds calls.
    #[must_use]
    pub fn call(mut self, from: &str, to: &str, rate: u32, failing: usize) -> Self {
        self.calls.push(Call { from: from.into(), to: to.into(), rate, failing });
        self
    }

    /// All services, by name.
    pub fn services(&self) -> BTreeSet<String> {
        self.calls.iter().flat_map(|call| [call.from.clone(), call.to.clone()]).collect()
    }

    /// Whom a service calls.
    pub fn called_by(&self, service: &str) -> BTreeSet<&str> {
        let own = self.calls.iter().filter(|call| call.from == service);
        own.map(|call| call.to.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_those_that_call_or_are_called() {
        let plan = Plan::circle();
        assert_eq!(Vec::from_iter(plan.services()), ["checkout", "payments", "web"]);
        assert_eq!(Vec::from_iter(plan.called_by("payments")), ["web"]);
        assert!(Plan::shop().called_by("payments").is_empty());
    }
}
