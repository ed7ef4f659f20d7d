//! The heat map's page as a file: what it may run and load is said in it.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;
use sha2::{Digest, Sha256};
use testbed::tools;

/// What stands between two words of a page, once.
fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = page.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}

/// The policy of the page with the hashes of its style and its script (CSP 3, section 2.3.1).
fn with_hashes(page: &str) -> String {
    ["style", "script"].iter().fold(page.to_owned(), |page, tag| {
        let code = between(&page, &format!("\n<{tag}>"), &format!("</{tag}>"));
        let hash = STANDARD.encode(Sha256::digest(code));
        let policy = Regex::new(&format!("{tag}-src 'sha256-[^']*'")).unwrap();
        policy.replace(&page, format!("{tag}-src 'sha256-{hash}'")).into_owned()
    })
}

fn path() -> PathBuf {
    tools::envoy_configs().join("mesh/heat-map.html")
}

#[test]
fn the_policy_of_the_heat_map_names_what_is_in_it() {
    let page = std::fs::read_to_string(path()).unwrap();
    let right = with_hashes(&page);
    if std::env::var_os("BLESS").is_some() {
        // At once: the test below reads it meanwhile.
        let new = path().with_extension("new");
        std::fs::write(&new, &right).unwrap();
        std::fs::rename(new, path()).unwrap();
    } else {
        assert!(page == right, "a browser won't run it: see the comment at its beginning");
    }
}

#[test]
fn the_heat_map_needs_nothing_but_the_hub_and_writes_no_markup() {
    let page = std::fs::read_to_string(path()).unwrap();
    let names =
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "//cdn"];
    for name in names {
        assert!(!page.contains(name), "{name}");
    }
    let urls = Regex::new(r"https?://[^'\s]*").unwrap();
    let urls: Vec<_> = urls.find_iter(&page).map(|it| it.as_str()).collect();
    assert_eq!(urls, ["http://www.w3.org/2000/svg"], "the name of a format, which nobody loads");
    let hub = std::fs::read_to_string(tools::envoy_configs().join("mesh/hub.yaml")).unwrap();
    let most: usize = between(&hub, "max_direct_response_body_size_bytes: ", "\n").parse().unwrap();
    assert!(page.len() <= most, "the shipped hub doesn't serve a page of {} bytes", page.len());
}
