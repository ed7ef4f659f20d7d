//! Instances that are learnt from events.

use super::*;
use std::borrow::Cow;

fn learning(most: usize, addresses: &[&str]) -> Hub {
    let mut hub = Hub::new([posts(0.9), posts(0.9)], 0);
    hub.table.services[0].rule.learn = vec![LearnRule {
        addresses: addresses.iter().map(|range| Cidr::parse(range).unwrap()).collect(),
        forget: 600 * SECOND,
        most,
        metadata: Default::default(),
    }];
    hub
}

fn at(zone: &'static str) -> Place<'static> {
    let locality = ["eu", zone, ""].map(Cow::Borrowed);
    Place { address: None, locality, priority: None, weight: None }
}

impl Hub {
    fn learns(&mut self, source: usize, id: &str, claim: Claim, place: &Place<'_>) -> Taken {
        self.stamp += 1;
        let report = Report { stamp: self.stamp, claim, ..Report::default() };
        self.table.take(SourceId(source), SERVICE, id, &report, Some(place), self.now)
    }

    fn known(&self) -> Vec<String> {
        let mut known: Vec<_> = self
            .table
            .endpoints(SERVICE, self.now)
            .map(|it| format!("{} {}", it.endpoint.address, it.endpoint.locality[1]))
            .collect();
        known.sort();
        known
    }
}

#[test]
fn what_was_learnt_is_forgotten_but_never_the_last() {
    let mut hub = learning(2, &["10.0.0.0/8"]);
    assert_eq!(hub.learns(0, "10.0.0.1:80", Alive, &at("a")), Taken::Counted);
    assert_eq!(hub.learns(0, "10.0.0.2:80", Dead, &at("a")), Taken::Counted);
    assert_eq!(hub.learns(0, "10.0.0.3:80", Alive, &at("a")), Taken::Full);
    hub.table.take_changes();
    for _ in 0..160 {
        hub.waits(4 * SECOND);
        hub.learns(0, "10.0.0.2:80", Dead, &at("a"));
    }
    assert_eq!(hub.known(), ["10.0.0.2:80 a"]);
    let gone = (SERVICE, "10.0.0.1:80".to_owned());
    assert!(hub.table.take_changes().contains(&gone), "those who follow must know");
    hub.waits(2_000 * SECOND);
    assert_eq!(hub.known(), ["10.0.0.2:80 a"], "traffic would have nowhere to go");
}

#[test]
fn an_instance_is_learnt_only_where_a_rule_lets_it_be() {
    let mut hub = learning(9, &["10.0.0.0/8", "::/0"]);
    for (id, address, expected) in [
        ("10.1.0.5:8080", None, Taken::Counted),
        ("pay-1", Some("10.1.0.6:8080"), Taken::Counted),
        ("[fd00::1]:80", None, Taken::Counted),
        ("11.0.0.1:80", None, Taken::Unknown),
        ("10.1.0.7:8080", Some("192.168.0.1:80"), Taken::Unknown),
        ("pay-2", None, Taken::Unknown),
        ("[::1]:80", None, Taken::Unknown),
        ("[fe80::1]:80", None, Taken::Unknown),
        ("[::ffff:127.0.0.1]:80", None, Taken::Unknown),
        ("[::127.0.0.1]:80", None, Taken::Unknown),
        ("[64:ff9b::7f00:1]:80", None, Taken::Unknown),
        ("[2002:7f00:1::]:80", None, Taken::Unknown),
        ("[2002:808:808::]:80", None, Taken::Counted),
        ("[fd00::2%5]:80", None, Taken::Unknown),
        ("[ff02::1]:80", None, Taken::Unknown),
        ("10.1.0.9:0", None, Taken::Unknown),
        ("pay-3", Some("10.1.0.9:0"), Taken::Unknown),
    ] {
        let place = Place { address: address.map(|it| it.parse().unwrap()), ..at("a") };
        assert_eq!(hub.learns(0, id, Alive, &place), expected, "{id}");
    }
}

#[test]
fn where_another_instance_is_none_is_learnt() {
    let mut hub = learning(9, &["10.0.0.0/8"]);
    let place = Place { address: Some("10.0.0.1:80".parse().unwrap()), ..at("a") };
    assert_eq!(hub.learns(0, "pay-1", Alive, &place), Taken::Counted);
    assert_eq!(hub.learns(1, "10.0.0.1:80", Dead, &at("a")), Taken::Unknown);
    assert_eq!(hub.learns(1, "pay-1", Alive, &place), Taken::Counted);
    assert_eq!(hub.learns(1, "[::ffff:10.0.0.1]:80", Dead, &at("a")), Taken::Unknown);
    assert_eq!(hub.learns(1, "[::ffff:10.0.0.2]:80", Alive, &at("a")), Taken::Counted);
    assert_eq!(hub.known(), ["10.0.0.1:80 a", "10.0.0.2:80 a"]);
}

#[test]
fn what_leads_to_the_clients_own_host_must_be_listed_as_such() {
    for (ranges, expected) in [
        (&["0.0.0.0/0"][..], Taken::Unknown),
        (&["127.0.0.0/8"], Taken::Counted),
        (&["0.0.0.0/0", "127.0.0.1"], Taken::Counted),
        (&["::/0", "0.0.0.0/0", "240.0.0.0/4"], Taken::Unknown),
    ] {
        let mut hub = learning(9, ranges);
        assert_eq!(hub.learns(0, "127.0.0.1:80", Alive, &at("a")), expected, "{ranges:?}");
    }
}

#[test]
fn a_learnt_instance_is_where_it_was_learnt_to_be_and_a_member_where_it_was_configured() {
    let mut hub = learning(9, &["10.0.0.0/8"]);
    hub.learns(0, "10.0.0.1:80", Alive, &at("a"));
    hub.table.take_changes();
    hub.learns(0, "10.0.0.1:80", Alive, &at("a"));
    assert!(!hub.table.has_changes());
    hub.learns(0, "10.0.0.1:80", Alive, &at("b"));
    assert_eq!(hub.known(), ["10.0.0.1:80 b"]);
    assert!(hub.table.has_changes());
    let mut hub = Hub::new([posts(0.9)], 1);
    let elsewhere = Place { address: Some("10.9.9.9:1".parse().unwrap()), ..at("z") };
    assert_eq!(hub.learns(0, "0", Alive, &elsewhere), Taken::Counted);
    assert_eq!(hub.known(), ["10.0.0.1:80 "]);
}

#[test]
fn what_an_event_leaves_out_stays_as_it_was() {
    let mut hub = learning(9, &["10.0.0.0/8"]);
    let full = Place { priority: Some(1), weight: Some(7), ..at("a") };
    hub.learns(0, "10.0.0.1:80", Alive, &full);
    hub.table.take_changes();
    hub.learns(0, "10.0.0.1:80", Alive, &Place::default());
    assert!(!hub.table.has_changes());
    hub.learns(0, "10.0.0.1:80", Alive, &Place { weight: Some(8), ..Place::default() });
    let endpoint = hub.table.endpoints(SERVICE, hub.now).next().unwrap().endpoint;
    assert_eq!((endpoint.priority, endpoint.weight, &*endpoint.locality[1]), (1, 8, "a"));
}

#[test]
fn two_that_disagree_where_an_instance_is_dont_move_it_to_and_fro() {
    let mut hub = learning(9, &["10.0.0.0/8"]);
    hub.learns(0, "10.0.0.1:80", Alive, &at("a"));
    hub.learns(1, "10.0.0.1:80", Alive, &at("b"));
    assert_eq!(hub.known(), ["10.0.0.1:80 a"], "it was learnt from the first");
    hub.waits(6 * SECOND);
    hub.learns(1, "10.0.0.1:80", Alive, &at("b"));
    assert_eq!(hub.known(), ["10.0.0.1:80 b"], "which is silent by now");
}
