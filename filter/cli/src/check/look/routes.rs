//! Probes that no request gets to, because the routes that take their paths switch the
//! filter off.

use std::rc::Rc;

use regex::Regex;

use crate::check::finding::{Finding, Rule};
use crate::source::{File, Form, Found, Loaded, Node, Value};

pub fn look(_: &File, found: &Found, loaded: &Loaded) -> Vec<Finding> {
    let (Form::Envoy, Some(config)) = (loaded.form, &found.config) else { return Vec::new() };
    let chains = chains(loaded);
    let rules = config.root.get("probes").map_or(&[][..], |probes| probes.items());
    let mut findings = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let Some(asked) = Asked::of(rule) else { continue };
        // One chain that lets the probe come is enough, and so is one path.
        let blocking: Option<Vec<&Node>> = chains
            .iter()
            .flat_map(|chain| asked.paths.iter().map(|path| chain.blocks(path, asked.is_grpc)))
            .collect();
        let Some(route) = blocking.and_then(|routes| routes.first().copied()) else { continue };
        let problem = format!(
            "no request gets to this probe: the route on line {}, which takes it, switches the \
             filter off; give the path a route of its own before that one",
            loaded.document.position(route).line
        );
        let place = format!("probes[{index}].match");
        findings.push(Finding::new(Rule::Route, config.position(asked.at), place, problem));
    }
    findings
}

/// What a rule's requests ask for.
struct Asked<'n> {
    at: &'n Node,
    paths: Vec<String>,
    is_grpc: bool,
}

impl<'n> Asked<'n> {
    fn of(rule: &'n Node) -> Option<Self> {
        let at = rule.get("match")?;
        if let Some(path) = at.get("path").and_then(|path| path.text()) {
            return Some(Self { at, paths: vec![path.to_owned()], is_grpc: false });
        }
        if let Some(prefix) = at.get("path_prefix").and_then(|prefix| prefix.text()) {
            let below = format!("{}/-", prefix.trim_end_matches('/'));
            return Some(Self { at, paths: vec![prefix.to_owned(), below], is_grpc: false });
        }
        let methods = at.get("grpc")?.get("methods");
        let methods: Vec<&str> = match methods {
            Some(methods) => methods.items().iter().filter_map(|method| method.text()).collect(),
            None => vec!["Check", "List", "Watch"],
        };
        let paths = methods.iter().map(|method| format!("/grpc.health.v1.Health/{method}"));
        Some(Self { at, paths: paths.collect(), is_grpc: true })
    }
}

/// The filter in one HTTP connection manager.
struct Chain<'n> {
    /// What the filter is called there.
    filter: &'n str,
    /// Whether it is off where no route says otherwise.
    is_off: bool,
    routes: &'n Node,
}

/// Every connection manager of the document that has the plugin, and its routes in itself.
fn chains(loaded: &Loaded) -> Vec<Chain<'_>> {
    let mut all = Vec::new();
    collect(&loaded.document.root, &loaded.plugin, &mut all);
    all
}

fn collect<'n>(node: &'n Node, plugin: &Rc<Node>, all: &mut Vec<Chain<'n>>) {
    let filters = node.field("http_filters").map_or(&[][..], |filters| filters.items());
    let ours = filters.iter().find(|filter| {
        let config = filter.field("typed_config").and_then(|typed| typed.get("config"));
        config.is_some_and(|config| Rc::ptr_eq(config, plugin))
    });
    if let (Some(ours), Some(routes)) = (ours, node.field("route_config")) {
        let filter = ours.get("name").and_then(|name| name.text()).unwrap_or_default();
        let is_off = ours.get("disabled").is_some_and(|off| off.value == Value::Bool(true));
        all.push(Chain { filter, is_off, routes });
    }
    for child in node.children() {
        collect(child, plugin, all);
    }
}

impl<'n> Chain<'n> {
    /// The route that keeps requests for a path from the filter, on every virtual host.
    fn blocks(&self, path: &str, is_grpc: bool) -> Option<&'n Node> {
        let hosts = self.routes.field("virtual_hosts").map_or(&[][..], |hosts| hosts.items());
        let on_each: Option<Vec<&Node>> =
            hosts.iter().map(|host| self.blocks_on(host, path, is_grpc)).collect();
        on_each?.first().copied()
    }

    fn blocks_on(&self, host: &'n Node, path: &str, is_grpc: bool) -> Option<&'n Node> {
        let routes = host.get("routes").map_or(&[][..], |routes| routes.items());
        for route in routes {
            let matched = route.get("match")?;
            if !takes(matched, path)? || (matched.get("grpc").is_some() && !is_grpc) {
                continue;
            }
            let nodes = [route, host, self.routes];
            let is_off =
                nodes.iter().find_map(|node| self.switched_off(node)).unwrap_or(self.is_off);
            match (is_off, has_conditions(matched)) {
                (false, _) => return None,
                (true, false) => return Some(route),
                // Others of this path go on to the next route.
                (true, true) => {}
            }
        }
        None
    }

    /// Whether a route, or what it stands in, switches the filter off, or on.
    fn switched_off(&self, node: &Node) -> Option<bool> {
        let config = node.field("typed_per_filter_config")?.get(self.filter)?;
        let of_filter = config.get("@type")?.text()?.ends_with(".FilterConfig");
        let off = config.get("disabled").is_some_and(|off| off.value == Value::Bool(true));
        of_filter.then_some(off)
    }
}

/// Whether a route's match is about a path; nothing where that can't be told.
fn takes(matched: &Node, path: &str) -> Option<bool> {
    let case_matters = matched
        .field("case_sensitive")
        .is_none_or(|sensitive| sensitive.value != Value::Bool(false));
    let fold = |text: &str| if case_matters { text.to_owned() } else { text.to_lowercase() };
    let path = fold(path);
    let text = |key: &str| matched.field(key).and_then(|value| value.text()).map(fold);
    if let Some(prefix) = text("prefix") {
        return Some(path.starts_with(&prefix));
    }
    if let Some(exact) = text("path") {
        return Some(path == exact);
    }
    if let Some(prefix) = text("path_separated_prefix") {
        let rest = path.strip_prefix(&prefix);
        return Some(rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    }
    let pattern = matched.field("safe_regex")?.get("regex")?.text()?;
    let regex = Regex::new(&format!("^(?:{pattern})$")).ok()?;
    Some(regex.is_match(&path))
}

/// Whether more than the path decides.
fn has_conditions(matched: &Node) -> bool {
    let others = [
        "headers",
        "query_parameters",
        "runtime_fraction",
        "tls_context",
        "dynamic_metadata",
        "filter_state",
        "cookies",
    ];
    others.iter().any(|key| matched.field(key).is_some())
}
