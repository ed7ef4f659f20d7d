//! Custom counters: which of them a request raises.

use crate::config::CounterRule;
use crate::request::RequestHead;

impl CounterRule {
    /// Whether a request that ended with `status` counts; no status means that
    /// no answer was begun.
    pub fn counts(&self, request: &impl RequestHead, status: Option<u16>) -> bool {
        self.status_matches(status)
            && self.request_headers.iter().all(|matcher| matcher.matches(request))
    }

    fn status_matches(&self, status: Option<u16>) -> bool {
        self.response_status.is_empty()
            || status.is_some_and(|status| {
                self.response_status.iter().any(|pattern| pattern.matches(status))
            })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::request::FakeRequest;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn counts(when: &str, request: &FakeRequest, status: Option<u16>) -> bool {
        let json = format!(r#"{{"counters":[{{"name":"c","when":{when}}}]}}"#);
        let config = Config::parse(json.as_bytes()).unwrap();
        config.counters[0].counts(request, status)
    }

    const PAYMENT: &str = r#"{"request":{"headers":[{"name":"X-Payment-Id","present":true}]},
                              "response":{"status":["200","3xx"]}}"#;

    #[test]
    fn a_counter_counts_when_every_condition_holds() {
        let payment = FakeRequest::new("POST", "/pay").with("x-payment-id", "p-1");
        assert!(counts(PAYMENT, &payment, Some(200)));
        assert!(counts(PAYMENT, &payment, Some(302)));
        assert!(!counts(PAYMENT, &payment, Some(201)));
        assert!(!counts(PAYMENT, &payment, Some(500)));
        assert!(!counts(PAYMENT, &FakeRequest::new("POST", "/pay"), Some(200)));
    }

    #[test]
    fn a_request_without_an_answer_has_no_status_to_match() {
        let payment = FakeRequest::new("POST", "/pay").with("x-payment-id", "p-1");
        assert!(!counts(PAYMENT, &payment, None));
        assert!(counts(
            r#"{"request":{"headers":[{"name":"x-payment-id","present":true}]}}"#,
            &payment,
            None
        ));
    }
}
