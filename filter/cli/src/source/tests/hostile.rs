//! Files that nobody means well with, or that a program has mangled: each is refused in a
//! line, within bounds.

use super::super::*;

fn refused(name: &str, bytes: &[u8]) -> String {
    let file = File::parse(name, bytes);
    let unreadable = file.map(|file| file.documents.len()).unwrap_err();
    let position = unreadable.position.map(|position| position.to_string()).unwrap_or_default();
    format!("{position}: {}", unreadable.problem)
}

#[test]
fn nesting_without_end_is_refused() {
    let deep = 100_000;
    for (name, text) in [
        ("a.yaml", format!("a: {}", "[".repeat(deep))),
        ("a.yaml", "{a: ".repeat(deep)),
        ("a.yaml", "- ".repeat(deep)),
        ("a.yaml", format!("{}1", "? ".repeat(deep))),
        ("a.yaml", format!("{}1{}", "[".repeat(deep), "]".repeat(deep))),
    ] {
        let said = refused(name, text.as_bytes());
        assert!(said.contains("nests deeper than 127 levels"), "{said}");
    }
    let json = format!("{}1{}", "[".repeat(deep), "]".repeat(deep));
    assert!(refused("a.json", json.as_bytes()).contains("nests deeper than 127 levels"));
}

#[test]
fn anchors_that_multiply_are_refused_before_they_do() {
    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..10 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        laughs.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    assert!(refused("a.yaml", laughs.as_bytes()).contains("aliases repeat more than"));
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1_000_000), "*a, ".repeat(1_000));
    assert!(refused("a.yaml", long.as_bytes()).contains("aliases repeat more than"));
    let merged =
        format!("a: &a {{ {} }}\n", (0..1_000).map(|it| format!("k{it}: 1, ")).collect::<String>());
    let merged =
        merged + &(0..2_000).map(|it| format!("m{it}: {{ <<: *a }}\n")).collect::<String>();
    assert!(refused("a.yaml", merged.as_bytes()).contains("aliases repeat more than"));
}

#[test]
fn an_anchor_that_holds_itself_is_refused() {
    assert!(refused("a.yaml", b"a: &a [*a]\n").starts_with("1:8: refers to what it stands in"));
    assert!(refused("a.yaml", b"a: *b\n").starts_with("1:4: isn't YAML"));
}

#[test]
fn more_values_than_any_configuration_has_are_refused() {
    let many = "0,".repeat(1_500_000);
    for (name, text) in [("a.yaml", format!("a: [ {many} ]")), ("a.json", format!("[{many}0]"))] {
        let said = refused(name, text.as_bytes());
        assert!(said.contains("holds more than 1000000 values"), "{said}");
    }
}

#[test]
fn a_tab_that_indents_is_named() {
    assert!(refused("a.yaml", b"a:\n  b:\n\t- c\n").starts_with("3:1: isn't YAML: a tab"));
    assert!(refused("a.yaml", b"a:\n \tb: [c\nd").contains("a tab indents this line"));
}

#[test]
fn what_isnt_utf_8_is_refused_at_its_first_byte() {
    let said = refused("a.yaml", b"a: 1\nb: caf\xe9\n");
    assert_eq!(said, "2:7: isn't UTF-8 from here on; save it as UTF-8");
    let utf_16: Vec<u8> = "\u{feff}a: 1".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(refused("a.yaml", &utf_16), "1:1: is UTF-16; save it as UTF-8");
    assert!(refused("a.yaml", b"a: \0\n").contains("isn't YAML"));
}

#[test]
fn a_byte_order_mark_and_line_ends_of_windows_are_fine() {
    for (name, text) in [
        ("a.yaml", "\u{feff}admin:\r\n  cluster: |\r\n    a\r\n  b: 1\r\n"),
        ("a.json", "\u{feff}{\r\n  \"admin\": { \"cluster\": \"a\\n\" },\r\n \"b\": 1 }"),
    ] {
        let file = File::parse(name, text.as_bytes()).unwrap();
        let found = find(&file, None).unwrap();
        assert_eq!(found[0].at("admin.cluster").unwrap().text(), Some("a\n"), "{name}");
        let place = if name == "a.yaml" { "admin.b" } else { "b" };
        assert!(found[0].position(place) > found[0].position("admin.cluster"), "{name}");
    }
}

#[test]
fn what_stands_behind_a_document_or_is_cut_off_is_refused() {
    assert!(refused("a.json", b"{\"a\": 1} {").starts_with("1:10: isn't JSON: trailing"));
    assert!(refused("a.json", b"{\"a\": 1,\n \"b\"").starts_with("2:4: isn't JSON: EOF"));
    assert!(refused("a.json", b"").contains("isn't JSON"));
    assert!(refused("a.yaml", b"a: [1, 2\n").contains("isn't YAML"));
    assert!(refused("a.yaml", b"a: 'b\n").contains("isn't YAML"));
}
