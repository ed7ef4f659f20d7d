//! Services that call each other in circles.

use std::collections::{BTreeSet, VecDeque};

use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

/// What a service is to those that it calls in a circle: a component of the graph is the
/// services that all reach each other, and most components are one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Components {
    /// Their members, each in the order in which they call; who calls stands before whom it
    /// calls among the components.
    pub members: Vec<Vec<usize>>,
    /// Which one each service is in.
    pub of: Vec<usize>,
}

impl Components {
    /// Those of `count` services with these edges.
    pub fn new(count: usize, edges: &[(usize, usize)]) -> Self {
        let mut graph = DiGraph::<(), (), usize>::with_capacity(count, edges.len());
        let nodes: Vec<_> = (0..count).map(|_| graph.add_node(())).collect();
        for (from, to) in edges {
            graph.add_edge(nodes[*from], nodes[*to], ());
        }
        // It yields whom others call first.
        let found = tarjan_scc(&graph).into_iter().rev();
        let found = found.map(|nodes| nodes.into_iter().map(|node| node.index()).collect());
        let members: Vec<Vec<usize>> = found.map(|nodes| in_order(nodes, edges)).collect();
        let mut of = vec![0; count];
        for (component, members) in members.iter().enumerate() {
            members.iter().for_each(|service| of[*service] = component);
        }
        Self { members, of }
    }

    /// Circles that name every service that is in any, each from its least service on and
    /// without coming back to it; a service that calls itself is one.
    pub fn circles(&self, edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
        let mut circles = BTreeSet::new();
        for members in &self.members {
            let mut named = BTreeSet::new();
            for service in members {
                if !named.contains(service)
                    && let Some(circle) = shortest(*service, members, edges)
                {
                    named.extend(circle.iter().copied());
                    circles.insert(from_least(circle));
                }
            }
        }
        let itself = edges.iter().filter(|(from, to)| from == to);
        circles.extend(itself.map(|(service, _)| vec![*service]));
        circles.into_iter().collect()
    }
}

/// Members in the order in which they call, from the least on.
fn in_order(mut members: Vec<usize>, edges: &[(usize, usize)]) -> Vec<usize> {
    members.sort_unstable();
    let mut order = Vec::new();
    let mut next: Vec<_> = members.iter().rev().copied().collect();
    while let Some(service) = next.pop() {
        if order.contains(&service) {
            continue;
        }
        order.push(service);
        let called = edges.iter().rev().filter(|(from, to)| *from == service && from != to);
        next.extend(called.map(|(_, to)| *to).filter(|to| members.contains(to)));
    }
    order
}

/// The shortest way from a service back to it.
fn shortest(start: usize, members: &[usize], edges: &[(usize, usize)]) -> Option<Vec<usize>> {
    let mut ways = VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let called = edges.iter().filter(|(from, to)| Some(from) == way.last() && from != to);
        for (_, to) in called.filter(|(_, to)| members.contains(to)) {
            if *to == start {
                return Some(way);
            }
            if seen.insert(*to) {
                ways.push_back(way.iter().copied().chain([*to]).collect());
            }
        }
    }
    None
}

fn from_least(mut circle: Vec<usize>) -> Vec<usize> {
    let least = circle.iter().enumerate().min_by_key(|(_, service)| **service);
    let at = least.map_or(0, |(at, _)| at);
    circle.rotate_left(at);
    circle
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(count: usize, edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
        Components::new(count, edges).circles(edges)
    }

    #[test]
    fn who_calls_stands_before_whom_it_calls() {
        let components = Components::new(3, &[(2, 1), (1, 0)]);
        assert_eq!(components.members, [[2], [1], [0]]);
        assert_eq!(components.of, [2, 1, 0]);
    }

    #[test]
    fn members_of_a_circle_stand_together_in_the_order_of_their_calls() {
        let edges = [(0, 3), (3, 1), (1, 0), (1, 2)];
        assert_eq!(Components::new(4, &edges).members, [vec![0, 3, 1], vec![2]]);
        assert_eq!(circles(4, &edges), [[0, 3, 1]]);
    }

    #[test]
    fn each_service_in_a_circle_is_named_and_no_circle_twice() {
        // Two circles share a service: no single one passes through all.
        assert_eq!(circles(3, &[(0, 1), (1, 0), (1, 2), (2, 1)]), [[0, 1], [1, 2]]);
        assert_eq!(circles(2, &[(0, 1), (1, 0)]), [[0, 1]]);
    }

    #[test]
    fn calling_oneself_is_a_circle_of_one() {
        assert_eq!(circles(2, &[(0, 0), (0, 1)]), [[0]]);
        assert_eq!(Components::new(1, &[(0, 0)]).members, [[0]]);
    }

    #[test]
    fn without_circles_there_are_none() {
        assert!(circles(0, &[]).is_empty());
        assert!(circles(3, &[(0, 1), (1, 2), (0, 2)]).is_empty());
    }
}
