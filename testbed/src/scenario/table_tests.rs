//! Tables of scenarios, right and wrong.

use super::*;

fn spread_yaml(text: &str) -> Result<Vec<Value>> {
    spread(serde_saphyr::from_str(text).unwrap())
}

fn names(scenarios: &[Value]) -> Vec<&str> {
    scenarios.iter().map(|scenario| scenario["name"].as_str().unwrap()).collect()
}

fn answers(cells: &str) -> Result<Vec<String>> {
    let text = format!(
        "{{ name: t, table: [{{ a: [x, w] }}, {{ b: [k, l] }}], steps: \"${{answer}} ${{a}} ${{b}}\", cells: {cells} }}"
    );
    let steps = |scenario: &Value| scenario["steps"].as_str().unwrap_or_default().to_owned();
    Ok(spread_yaml(&text)?.iter().map(steps).collect())
}

#[test]
fn a_scenario_without_a_table_is_itself() {
    let text = json!({ "name": "a", "config": "${b}" });
    assert_eq!(spread(text.clone()).unwrap(), [text]);
    assert!(spread(json!({ "name": "a", "cells": {} })).is_err());
}

#[test]
fn every_combination_is_a_scenario_with_what_its_words_stand_for() {
    let all = spread_yaml(
        r#"
        name: call
        table:
          - tls: [h2c, tls]
          - act: { cache: { ttl: 1s }, forward: { ttl: null } }
        config: { transport: "by ${tls}", act: "${act}", "for ${tls}": "${act.ttl}" }
        "#,
    )
    .unwrap();
    assert_eq!(
        names(&all),
        ["call_h2c_cache", "call_h2c_forward", "call_tls_cache", "call_tls_forward"]
    );
    assert_eq!(
        all[3],
        json!({
            "name": "call_tls_forward",
            "config": { "transport": "by tls", "act": { "ttl": null }, "for tls": null },
        })
    );
}

#[test]
fn the_most_special_line_is_chosen_whatever_the_order() {
    assert_eq!(
        answers("{ answer: { otherwise: 0, x: 1, l x: 2 } }").unwrap(),
        ["1 x k", "2 x l", "0 w k", "0 w l"]
    );
    assert_eq!(
        answers("{ answer: { x|w k: 1, l: 2 } }").unwrap(),
        ["1 x k", "2 x l", "1 w k", "2 w l"]
    );
    // A line may say what the cell's words stand for.
    assert_eq!(answers("{ answer: { otherwise: 'is ${b}' } }").unwrap()[1], "is l x l");
}

#[test]
fn a_grid_has_a_value_for_each_column() {
    assert_eq!(
        answers("{ answer: { columns: [k, l], x: [1, 2], w: [3, 4] } }").unwrap(),
        ["1 x k", "2 x l", "3 w k", "4 w l"]
    );
}

#[test]
fn what_leaves_a_cell_in_doubt_is_refused() {
    for (cells, reason) in [
        ("{ answer: { x: 1 } }", "no line is about w k"),
        ("{ answer: { otherwise: 0, x: 1, k: 2 } }", "k, x are equally about x k"),
        ("{ answer: { otherwise: 0, x: 1, w: 2 } }", "otherwise is about no cell"),
        ("{ answer: { otherwise: 0, z: 1 } }", "z isn't on one axis"),
        ("{ answer: { otherwise: 0, x|k: 1 } }", "x|k isn't on one axis"),
        ("{ answer: { columns: [k, l], x: [1, 2], w: [3] } }", "w: not a value for each column"),
        ("{ answer: { otherwise: '${b.c}' } }", "there is no ${b.c}"),
        ("{ a: { otherwise: 0 } }", "a is an axis too"),
        ("{ anser: { otherwise: 0 } }", "nothing says ${anser}"),
    ] {
        let fault = format!("{:#}", answers(cells).unwrap_err());
        assert!(fault.contains(reason), "{cells}: {fault}");
    }
}

#[test]
fn a_table_that_makes_no_sense_is_refused() {
    for (table, reason) in [
        ("[{ a: [x, w] }, { b: [w, z] }]", "w stands twice"),
        ("[{ a: [x] }, { a: [w] }]", "a stands twice"),
        ("[{ a: [] }]", "without words"),
        ("[{ a: 1 }]", "neither a list of words"),
        ("[{ a: [otherwise] }]", "otherwise can't be a word"),
        ("[{ a: [x] }, { c: [w, z] }]", "nothing differs by c"),
        ("[{ a: { x: {} } }]", "there is no ${a.b}"),
    ] {
        let text = format!("{{ name: t, table: {table}, config: '${{a.b}}' }}");
        let fault = format!("{:#}", spread_yaml(&text).unwrap_err());
        assert!(fault.contains(reason), "{table}: {fault}");
    }
}
