//! How many hosts of clusters are healthy.

use super::*;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn hosts_count_as_envoy_counts_them() {
    for (min, hosts, verdict, output) in [
        ("50%", Some([4, 2, 0]), Verdict::Pass, "2 of 4 hosts are healthy"),
        ("50%", Some([4, 1, 1]), Verdict::Pass, "1 of 4 hosts are healthy, 1 degraded"),
        ("50%", Some([4, 1, 0]), Verdict::Fail, "1 of 4 hosts are healthy; 50 % must be"),
        ("50%", Some([4, 0, 0]), Verdict::Fail, "0 of 4 hosts are healthy; 50 % must be"),
        ("33.34%", Some([3, 1, 0]), Verdict::Fail, "1 of 3 hosts are healthy; 33.34 % must be"),
        ("50%", Some([0, 0, 0]), Verdict::Fail, "it has no hosts; 50 % must be"),
        (
            "50%",
            None,
            Verdict::Fail,
            "Envoy's statistics show no such cluster: there is none, or a stats_matcher hides it",
        ),
        ("0%", Some([4, 0, 0]), Verdict::Pass, "0 of 4 hosts are healthy"),
        ("0%", Some([0, 0, 0]), Verdict::Pass, "it has no hosts"),
        (
            "0%",
            None,
            Verdict::Pass,
            "Envoy's statistics show no such cluster: there is none, or a stats_matcher hides it",
        ),
    ] {
        let scene = Scene::new(&format!(r#"{{"cluster":"orders","min_healthy":"{min}"}}"#));
        scene.sees(view(true, hosts), NOW);
        assert_eq!(scene.says(NOW), (verdict, output.into()), "{min} {hosts:?}");
    }
}

#[test]
fn of_a_cluster_whose_hosts_envoy_doesnt_list_nobody_knows() {
    let unlisted = Membership { unlisted: true, ..Membership::default() };
    for (rest, verdict) in [
        ("", Verdict::Warn),
        (r#","on_stale":"fail""#, Verdict::Fail),
        (r#","min_healthy":"0%""#, Verdict::Pass),
    ] {
        let scene = Scene::new(&format!(r#"{{"cluster":"orders"{rest}}}"#));
        let view = View { live: true, clusters: vec![Some(unlisted)], ..View::default() };
        scene.sees(view, NOW);
        let found = scene.finds(NOW);
        assert_eq!((found.verdict, found.observed), (verdict, None));
        assert!(found.output.starts_with("Envoy lists no hosts of it"), "{}", found.output);
    }
}

#[test]
fn of_several_clusters_all_must_hold_or_any() {
    let (good, bad) = (Some(hosts_of(2, 2, 0)), Some(hosts_of(4, 1, 0)));
    let unlisted = Some(Membership { unlisted: true, ..Membership::default() });
    for (need, hosts, verdict) in [
        ("all", [good, good], Verdict::Pass),
        ("all", [good, bad], Verdict::Fail),
        ("all", [good, unlisted], Verdict::Warn),
        ("all", [bad, unlisted], Verdict::Fail),
        ("any", [good, bad], Verdict::Pass),
        ("any", [bad, None], Verdict::Fail),
        ("any", [unlisted, bad], Verdict::Warn),
        ("any", [unlisted, good], Verdict::Pass),
    ] {
        let scene = Scene::new(&format!(r#"{{"clusters":["a","b"],"need":"{need}"}}"#));
        let view = View { live: true, clusters: hosts.to_vec(), ..View::default() };
        scene.sees(view, NOW);
        assert_eq!(scene.finds(NOW).verdict, verdict, "{need} {hosts:?}");
    }
    let scene = Scene::new(r#"{"clusters":["a","b"]}"#);
    scene.sees(View { live: true, clusters: vec![good, bad], ..View::default() }, NOW);
    let found = scene.finds(NOW);
    assert_eq!((&*found.name, found.observed), ("clusters:a,b", Some(50)));
    let output = "a: 2 of 2 hosts are healthy; b: 1 of 4 hosts are healthy; 50 % must be";
    assert_eq!(found.output, output);
}
