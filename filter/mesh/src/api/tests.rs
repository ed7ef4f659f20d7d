use super::*;
use proptest::prelude::*;

fn get(target: &str) -> Result<Route, Problem> {
    route(b"GET", target.as_bytes())
}

fn status(method: &str, target: &str) -> u16 {
    route(method.as_bytes(), target.as_bytes()).unwrap_err().status
}

#[test]
fn each_path_leads_to_its_own() {
    assert_eq!(route(b"POST", b"/mesh/v1/health/events"), Ok(Route::Events));
    assert_eq!(route(b"POST", b"/v3/discovery:endpoints"), Ok(Route::Assignment));
    assert_eq!(get("/mesh/v1/health"), Ok(Route::Health));
    assert_eq!(get("/mesh/v1/health/"), Ok(Route::Health));
    assert_eq!(get("/mesh/v1/topology?x=y"), Ok(Route::Topology));
    assert_eq!(get("/mesh/?x=y"), Ok(Route::Page));
    assert_eq!(get("/mesh/v1/health/payments"), Ok(Route::Service("payments".into())));
    assert_eq!(
        get("/mesh/v1/health/payments/10.1.0.5:8080"),
        Ok(Route::Instance("payments".into(), "10.1.0.5:8080".into()))
    );
    assert_eq!(route(b"HEAD", b"/mesh/v1/health"), Ok(Route::Health));
}

#[test]
fn a_slash_in_a_name_is_escaped() {
    let instance = |target| match get(target) {
        Ok(Route::Instance(_, instance)) => instance,
        other => panic!("{other:?}"),
    };
    assert_eq!(instance("/mesh/v1/health/a/east%2Fone"), "east/one");
    assert_eq!(instance("/mesh/v1/health/a/east%2fone%"), "east/one%");
    assert_eq!(status("GET", "/mesh/v1/health/a/east/one"), 404);
    assert_eq!(status("GET", "/mesh/v1/health/a/%ff"), 400);
    assert_eq!(status("GET", "/mesh/v1/health/subscribe?service=%ff"), 400);
}

#[test]
fn a_subscription_says_what_it_knows_and_how_long_it_waits() {
    let wait = Duration::from_secs;
    let subscription = |target: &str| match get(target) {
        Ok(Route::Subscribe(subscription)) => subscription,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        subscription("/mesh/v1/health/subscribe?service=a%2Fb&index=7&wait=25s&x"),
        Subscription { service: "a/b".into(), index: Some(7), wait: wait(25) }
    );
    assert_eq!(
        subscription("/mesh/v1/health/subscribe"),
        Subscription { service: String::new(), index: None, wait: LONGEST_WAIT }
    );
    assert_eq!(subscription("/mesh/v1/health/subscribe?wait=2h").wait, LONGEST_WAIT);
    for (query, field) in [("index=-1", "index"), ("index=x", "index"), ("wait=5", "wait")] {
        let problem = get(&format!("/mesh/v1/health/subscribe?{query}")).unwrap_err();
        assert_eq!((problem.status, problem.field), (400, field), "{query}");
    }
}

#[test]
fn a_wrong_method_is_told_the_right_one() {
    for (method, target, allow) in [
        ("GET", "/mesh/v1/health/events", "POST"),
        ("POST", "/mesh/v1/health", "GET"),
        ("POST", "/mesh/v1/health/subscribe", "GET"),
        ("PUT", "/mesh/v1/topology", "GET"),
        ("GET", "/v3/discovery:endpoints", "POST"),
    ] {
        let problem = route(method.as_bytes(), target.as_bytes()).unwrap_err();
        assert_eq!((problem.status, problem.allow), (405, allow), "{target}");
    }
}

#[test]
fn whoever_wants_to_be_called_is_told_why_not() {
    let problem = route(b"POST", b"/mesh/v1/health/subscribe").unwrap_err();
    assert!(problem.error.contains("webhooks"), "{}", problem.error);
}

#[test]
fn what_isnt_there_is_404() {
    for target in ["/", "/mesh/v1", "/mesh/v1/healthy", "/v3/discovery:clusters", "*", ""] {
        assert_eq!(status("GET", target), 404, "{target}");
    }
}

#[test]
fn a_problem_is_json_that_names_the_field() {
    let body = |problem: Problem| String::from_utf8(problem.reply().body).unwrap();
    assert_eq!(body(Problem::new(404, "no \"a\"")), r#"{"error":"no \"a\""}"#);
    let problem = Problem::new(400, "must be more").of("index");
    assert_eq!(body(problem), r#"{"error":"must be more","field":"index"}"#);
}

proptest! {
    #[test]
    fn nothing_that_is_asked_for_traps(
        method in "[A-Z]{0,5}", target in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let _ = route(method.as_bytes(), &target);
        let _ = route(method.as_bytes(), &[b"/mesh/v1/health/".as_slice(), &target].concat());
        let _ = route(b"GET", &[b"/mesh/v1/health/subscribe?".as_slice(), &target].concat());
    }
}
