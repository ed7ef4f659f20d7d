//! Every kind of expectation holds where it should and fails where it should.

use std::time::Duration;

use serde_json::{from_value, json};

use super::*;

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn http_faults(expected: Value) -> Vec<String> {
    let answer = http::Response {
        status: 200,
        headers: pairs(&[("x-one", "a"), ("x-two", "b"), ("x-two", "c"), ("age", "2")]),
        body: b"ok\n".into(),
        trailers: pairs(&[("grpc-status", "0")]),
        elapsed: Duration::from_millis(500),
    };
    from_value::<Expect>(expected).unwrap().faults(&Ok(answer))
}

#[test]
fn an_error_is_a_fault_unless_it_is_expected() {
    let faults = |expected: Value| {
        let expected: Expect = from_value(expected).unwrap();
        expected.faults(&Err(anyhow::anyhow!("broken pipe").context("can't send")))
    };
    assert_eq!(faults(json!({})), ["can't send: broken pipe"]);
    assert_eq!(faults(json!({ "error": "broken pipe" })), [""; 0]);
    assert_eq!(
        faults(json!({ "error": "~hea+t" })),
        ["error: expected /hea+t/, got can't send: broken pipe"]
    );
    assert_eq!(
        http_faults(json!({ "error": "broken pipe" })),
        [r#"error: expected "broken pipe", got an answer with 200"#]
    );
}

#[test]
fn an_http_answer_as_expected_has_no_faults() {
    let faults = http_faults(json!({
        "status": 200,
        "headers": { "X-One": "a", "x-two": ["b", "~[cd]"], "x-three": null, "age": { "at_least": 2, "at_most": 3 } },
        "body": "ok\n",
        "body_base64": "b2sK",
        "trailers": { "grpc-status": "0" },
        "took": { "at_least": "400ms", "at_most": "600ms" },
    }));
    assert_eq!(faults, [""; 0]);
}

#[test]
fn every_part_of_an_http_answer_is_compared() {
    for wrong in [
        json!({ "status": 204 }),
        json!({ "headers": { "x-one": "b" } }),
        json!({ "headers": { "x-one": null } }),
        json!({ "headers": { "x-two": "b" } }),
        json!({ "headers": { "x-two": ["c", "b"] } }),
        json!({ "headers": { "x-three": "a" } }),
        json!({ "headers": { "x-three": "~" } }),
        json!({ "headers": { "age": { "at_least": 3 } } }),
        json!({ "headers": { "age": { "at_most": 1 } } }),
        json!({ "headers": { "x-one": { "at_least": 0 } } }),
        json!({ "headers": { "retry-after": { "at_least": 0 } } }),
        json!({ "body": "ok" }),
        json!({ "body": "~no" }),
        json!({ "body_base64": "b2s=" }),
        json!({ "trailers": { "grpc-status": null } }),
        json!({ "took": { "at_most": "499ms" } }),
        json!({ "took": { "at_least": "501ms" } }),
    ] {
        assert_eq!(http_faults(wrong.clone()).len(), 1, "{wrong}");
    }
}

#[test]
fn json_is_compared_and_held_against_a_schema() {
    let faults = |body: &str, expected: Value| {
        let (headers, trailers, elapsed) = (vec![], vec![], Duration::ZERO);
        let answer = http::Response { status: 200, headers, body: body.into(), trailers, elapsed };
        from_value::<Expect>(expected).unwrap().faults(&Ok(answer))
    };
    let expected = json!({ "body_schema": "harness.schema.json", "json": { "status": "ok" } });
    assert_eq!(faults(r#"{"status":"ok"}"#, expected.clone()), [""; 0]);
    assert_eq!(
        faults(r#"{"status":"shipped"}"#, expected.clone()),
        [
            "body: not as in harness.schema.json: at '/status': value must be 'ok'",
            r#"json /status: expected "ok", got "\"shipped\"""#,
        ]
    );
    let broken = faults("{", expected);
    assert!(broken.len() == 1 && broken[0].starts_with("body: it isn't JSON"), "{broken:?}");
}

#[test]
fn all_faults_are_told() {
    let faults = http_faults(json!({ "status": 503, "headers": { "x-one": null }, "body": "" }));
    assert_eq!(
        faults,
        [
            r#"status: expected 503, got 200 with body "ok\n""#,
            r#"header x-one: expected none, got "a""#,
            r#"body: expected "", got "ok\n""#,
        ]
    );
}

#[test]
fn a_header_outside_its_limits_is_told_with_them() {
    let faults = http_faults(json!({ "headers": { "age": { "at_least": 3, "at_most": 4 } } }));
    assert_eq!(faults, [r#"header age: expected 3 to 4, got "2""#]);
}

fn grpc_faults(expected: Value) -> Vec<String> {
    let answer = grpc::Answer {
        code: "OK".into(),
        message: "fine".into(),
        statuses: vec!["SERVING".into()],
        services: BTreeMap::from([("".into(), "SERVING".into())]),
        metadata: pairs(&[("x-one", "a")]),
        elapsed: Duration::from_millis(500),
    };
    from_value::<ExpectGrpc>(expected).unwrap().faults(&answer)
}

#[test]
fn a_grpc_answer_as_expected_has_no_faults() {
    let faults = grpc_faults(json!({
        "code": "OK", "message": "~f", "serving": "SERVING", "services": { "": "SERVING" },
        "headers": { "x-one": "a" }, "took": { "at_most": "1s" },
    }));
    assert_eq!(faults, [""; 0]);
}

#[test]
fn every_part_of_a_grpc_answer_is_compared() {
    for wrong in [
        json!({ "code": "UNAVAILABLE" }),
        json!({ "message": "fin" }),
        json!({ "serving": "NOT_SERVING" }),
        json!({ "serving": [] }),
        json!({ "serving": ["SERVING", "NOT_SERVING"] }),
        json!({ "services": {} }),
        json!({ "headers": { "x-one": "b" } }),
        json!({ "took": { "at_most": "1ms" } }),
    ] {
        assert_eq!(grpc_faults(wrong.clone()).len(), 1, "{wrong}");
    }
}

fn application_faults(expected: Value) -> Vec<String> {
    let seen = |target: &str| Seen {
        method: "GET".into(),
        target: target.into(),
        version: "1.1".into(),
        headers: pairs(&[("connection", "close")]),
    };
    let expected: Vec<ExpectSeen> = from_value(expected).unwrap();
    seen_faults(Role::Dependency, &expected, &[seen("/a"), seen("/a"), seen("/b?c")])
}

#[test]
fn requests_as_expected_have_no_faults() {
    let faults = application_faults(json!([
        { "request": "GET /a", "times": 2, "headers": { "connection": "close", "x": null } },
        { "request": "GET /b?c", "version": "1.1" },
    ]));
    assert_eq!(faults, [""; 0]);
}

#[test]
fn who_has_seen_something_else_is_told() {
    assert!(application_faults(json!([]))[0].starts_with("the dependency: expected 0 requests"));
}

#[test]
fn what_the_application_sees_is_exact() {
    let a = json!({ "request": "GET /a", "times": 2 });
    for wrong in [
        json!([]),
        json!([a]),
        json!([a, { "request": "GET /b" }]),
        json!([a, { "request": "HEAD /b?c" }]),
        json!([a, { "request": "GET /b?c", "version": "2" }]),
        json!([a, { "request": "GET /b?c", "headers": { "connection": null } }]),
        json!([a, { "request": "GET /b?c" }, { "request": "GET /d" }]),
    ] {
        assert_eq!(application_faults(wrong.clone()).len(), 1, "{wrong}");
    }
}
