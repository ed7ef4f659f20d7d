//! The behaviour of the filter, told in YAML: `testbed/scenarios/*.yaml`.
//!
//! Every scenario gets an Envoy and an application of its own, and a second
//! application, the dependency, if it asks for one. Only `name` is
//! needed; an unknown key is an error.
//!
//! ```yaml
//! scenarios:
//!   - name: get_health_is_forwarded_as_a_probe   # the rule, in snake_case
//!
//!     alone: true                 # run it after all others: it keeps the machine busy
//!
//!     # The filter's configuration; a string is passed on as it is. Without
//!     # this key the filter gets none at all.
//!     config: { probes: [] }
//!
//!     envoy:
//!       file: static/envoy.yaml     # below testbed/scenarios or envoy-config; this is the default
//!       shipped_config: true        # keep the configuration that stands in the file
//!       istio: grpc-responder.yaml  # a file in envoy-config/istio, applied as istiod would:
//!                                   # EnvoyFilters, and the access logs of a Telemetry
//!       workers: 2
//!       log_level: info
//!       hcm: {}                     # merged into every HTTP connection manager
//!       filter_chain: {}            # merged into every filter chain: TLS for every listener
//!       patch: {}                   # merged into the whole file (lists by `name`, null removes);
//!                                   # a host called app or app_grpc leads to the application,
//!                                   # dependency or dependency_grpc to the dependency,
//!                                   # admin to Envoy's own admin interface, self to its
//!                                   # first listener, and a listener's name to that one
//!
//!     # The application's deviations by path, and its gRPC services.
//!     app: { /health: { status: 503, headers: {}, body: "", delay_ms: 0, hang: false, reset: false } }
//!     # body_size: 40MiB instead of body: that much of the letter a
//!     # stall: true instead of body: the head is sent, and nothing more
//!     # A deviation may hold for a few requests only, or change from one to the next:
//!     #   /health: { status: 503, times: 2 }
//!     #   /health: { sequence: [{ status: 500 }, {}, { hang: true }], status: 503 }   # then 503
//!     # raw: "HTTP/1.1 200 OK\r\n..", bytes in the place of an answer (Latin-1)
//!     grpc_services: { "": SERVING, orders: NOT_SERVING }
//!     app_on_close: announce        # what it does when a request over HTTP/1.1 asks it to close
//!                                   # the connection: announce (Node, Go), silent (the JDK,
//!                                   # Python), late (silent, 5 ms after the answer), ignore
//!     app_ignores: [/ping]          # paths that app_sees overlooks (background checks)
//!
//!     # The dependency: another application like the first, and told the same things.
//!     dependency: {}                # its deviations; without this key there is none
//!     dependency_grpc_services: {}
//!     dependency_ignores: []
//!
//!     steps:
//!       - send: GET /health         # METHOD target
//!         version: "1.1"            # or "2"
//!         headers: { user-agent: kube-probe/1.31, x-many: [a, b] }
//!         body: ""                  # or body_base64, or body_pieces: [base64, ..], each of which
//!                                   # is a DATA frame in HTTP/2; pause: 100ms between them
//!         to: edge                  # a listener's name; the first one otherwise
//!         from: 127.0.0.2           # the client's own address
//!         as: spiffe://example.org/prober   # speak TLS, with a certificate for this URI;
//!                                   # anonymous: with none. ALPN must agree on HTTP/2
//!         times: 1                  # one after the other
//!         within: 5s                # repeat until it is as expected
//!         throughout: 2s            # repeat for so long, after that: it must stay as expected
//!         leave_after: 200ms        # instead of expect: close the connection, answered or not
//!         expect:
//!           status: 200             # or any of several: [503, 504]
//!           headers: { x-heartbeat-status: ready, x-heartbeat-probe: null, x-many: [a, b],
//!                      age: { at_least: 1, at_most: 3 } }
//!           body: "ok\n"
//!           body_base64: b2sK
//!           body_schema: health+json.schema.json   # a file in testbed/schemas; formats count
//!           json: { status: "~^w", output: null,   # the body holds this, and may hold more; but
//!                   checks: { "db:time": [{ value: { at_most: 9 } }] } }   # a list has no more items
//!           trailers: { grpc-status: "0" }
//!           took: { at_least: 900ms, at_most: 1500ms }
//!           error: certificate      # or else: there is no answer, and this is in the reason
//!
//!       - grpc: Check               # or List, Watch
//!         client: grpcio            # or tonic, the default, or grpc_health_probe: the command
//!                                   # line of that crate, which knows Check only; it names few
//!                                   # codes, and any other is RPC_FAILURE here
//!         service: ""
//!         deadline: 5s
//!         headers: {}
//!         messages: 1               # of a Watch, before hanging up
//!         health_checked: 2s        # grpcio watches the service's health by itself for so long
//!                                   # before the call, as `healthCheckConfig` has it
//!         expect: { code: OK, message: "", serving: SERVING, services: { "": SERVING },
//!                   headers: {}, took: {} }   # serving: [..] for several messages
//!                                   # also to, from, as, within, throughout, leave_after
//!
//!       - burst:                    # all at the same moment, each on a connection of its own
//!           requests: 200
//!           send: GET /health       # also version, headers, body, to, from, as
//!           expect: { status: 200 } # of every answer; 200 if nothing is said
//!           answers: { "200": 190, "503": { at_most: 10 } }   # so many, and no other status
//!           leave_after: 200ms      # instead of expect and answers
//!
//!       - burst:
//!           requests: 500
//!           grpc: Check             # by the tonic client; also service, deadline, headers,
//!                                   # to, from, as, leave_after
//!           expect: { code: OK, serving: SERVING }   # of every answer; OK if nothing is said
//!           answers: { SERVING: 490, UNAVAILABLE: 10 }   # by the serving status of a call that
//!                                   # is OK (OK itself for a List), or else by its code
//!
//!       - rate:                     # by the clock, whatever becomes of the requests; less
//!           per_second: 2000        # than 80 % of it is a fault
//!           for: 10s
//!           connections: 50         # keep-alive; while all are busy requests are late, not lost
//!           send: GET /health       # and as for burst, but for leave_after
//!
//!       - load:                     # exact shares by weight, shuffled, keep-alive
//!           requests: 10000
//!           connections: 50         # also version, to, from, as
//!           took: { at_most: 30s }
//!           mix:                    # every answer must be as expected; 200 if nothing is said
//!             - { weight: 3, send: GET /health }
//!             - { weight: 1, send: POST /pay, headers: { x-payment-id: "1" } }
//!
//!       - raw: ["GET /he", "alth HTTP/1.1\r\n"]   # bytes (Latin-1), in one piece or in several
//!         pause: 300ms              # between them
//!         read_for: 500ms           # after the last one
//!         leave_after: 200ms        # instead of expect; also to, from, as
//!         expect: { text: "~^HTTP/1.1 200", closed: false }   # closed by Envoy
//!
//!       - send: GET /orders/1       # any of the above (and wait) may go on while the next steps are
//!         background: orders        # taken; what it leads to is looked at when it is joined, or at
//!                                   # the end: `wait: 0s` begins a time that is looked at as a whole
//!       - join: orders
//!
//!       - set_app: { /health: { hang: true } }   # replaces all deviations
//!         grpc_services: { "": NOT_SERVING }     # and all services
//!       - signal_app: STOP          # or CONT, KILL
//!       - restart_app: {}           # on the same ports, and behaving as told last
//!       - set_dependency: {}        # also signal_dependency, restart_dependency
//!       - reload: { config: {} }    # a new configuration of the filter in the running Envoy, which
//!                                   # gets the filter from a file then (ECDS); times: 20 for more,
//!                                   # every: 1s from one to the next
//!       - reload: { config: {}, refused: ["probes[0].timeout"] }   # Envoy must keep the old one
//!       - set_clock: -30s           # Envoy's wall time is so much off from now on; where
//!                                   # .tools/lib/clock.so is missing the scenario is skipped
//!       - baseline: {}              # remember how much memory Envoy takes, and its series
//!       - wait: 1s
//!       - admin: POST /healthcheck/fail
//!         within: 1s                # also repeated until it is as expected
//!         expect: { body: "OK\n" }
//!
//!         # Any step may also say what it leads to:
//!         app_sees:                 # these requests and no others reached the application
//!           - request: GET /health
//!             version: "1.1"
//!             times: 1
//!             headers: { connection: close, x-heartbeat-probe: health }
//!         app_counts: { /health: 1, /pay: { at_least: 1, at_most: 9 } }   # so many more requests
//!         app_pace:                 # when requests came from the step's beginning until now
//!           /ping:
//!             times: { at_least: 20 }
//!             longest_gap: { at_most: 400ms }    # also before the first and after the last
//!             shortest_gap: { at_least: 150ms }
//!             crowded: { within: 100ms, at_most: 1 }   # so many came sooner after another
//!         dependency_sees: []       # also dependency_counts, dependency_pace
//!         metrics: {}               # as below
//!         memory: { envoy_grows_at_most: 20MiB }   # since the baseline
//!         series: { grow_by_at_most: 0 }           # so many that weren't there at the baseline
//!
//!     # After the steps, waited for up to two seconds.
//!     metrics: { 'heartbeat_probe_total{outcome="pass",probe="health"}': 2, heartbeat_x: null,
//!                heartbeat_y: { at_least: 1 } }
//!     log: [ "Envoy's log must hold this" ]
//!     log_never: [ "and never this" ]   # signs of a trap are always looked for
//!
//!     # Or else: Envoy must refuse to start, and its log must hold all of these.
//!     refused: [ "probes[0].timeout" ]
//! ```
//!
//! One text may tell many scenarios, by a table. Each combination of the axes'
//! words is a scenario; `probe_forward_check_there` is one of these:
//!
//! ```yaml
//!   - name: probe
//!     table:                        # the axes, in the order of the words in the name
//!       - action:                   # words, and what ${action} stands for with each of them
//!           forward: {}
//!           cache: { cache: { ttl: 1s } }
//!       - call: { check: { grpc: Check }, list: { grpc: List } }
//!       - app: [there, gone]        # or words that stand for themselves
//!     cells:                        # ${answer} and ${before}, which differ from cell to cell
//!       answer:                     # a grid: in each line and column the words of some cells
//!         columns:     [check, list]
//!         there:       [{ code: OK, serving: SERVING }, { code: OK }]
//!         gone:        [{ code: UNAVAILABLE }, { code: UNAVAILABLE }]
//!         cache gone:  [{ code: OK, serving: SERVING }, { code: UNAVAILABLE }]
//!       before:                     # or lines only; there|gone would be about both
//!         otherwise: { wait: 0s }
//!         gone: { signal_app: KILL }
//!     config: { defaults: "${action}", probes: [] }
//!     steps:
//!       - "${before}"
//!       - { grpc: "${call.grpc}", expect: "${answer}" }
//! ```
//!
//! `${axis}`, or `${axis.key}` for a part of it, may stand in any string and in
//! any key; a string that is nothing else becomes the value itself, a list, an
//! object or null. Of the lines about a cell, the one with the most words
//! holds. A cell without a line, two lines that are equally about a cell, a line
//! that is chosen for none, and an axis by which nothing differs are errors.
//!
//! What befalls a host can't be told of processes. A scenario about hosts has those of
//! `testbed/compose.yaml` and runs only there (`make testbed`): an Envoy with two workers
//! and an application, which find each other by name, and a Prometheus.
//!
//! ```yaml
//!   - name: probes_of_a_lost_host_fail_in_time
//!     hosts: {}                     # { app: nameless }: what the application's host is like at first
//!     config: { probes: [] }        # and as above, but for refused, the dependency, and the
//!                                   # steps signal_app, restart_app, reload and baseline
//!     steps:
//!       - host_app: stopped         # or paused, unplugged, mute, slow, nameless; and well again:
//!                                   # testbed/src/hosts/condition.rs tells what they mean
//!       - { send: GET /health, within: 5s, expect: { status: [503, 504] } }
//!       - prometheus: heartbeat_health_score   # an expression, asked by the second
//!         yields: { at_most: 599 }  # one value, or null for none
//!         within: 10s
//!       - host_app: well            # one that was stopped behaves as told last
//! ```
//!
//! Wherever text is expected, `~` begins a regular expression that must be
//! found in it, and `null` for a header, a trailer or a series means that it
//! must be absent. Header values are Latin-1: `"\xFF"` is that one byte.
//! A stopped application notes requests when it continues, and one that was
//! started once more has forgotten all paces.
//! `${repeat a 61440}` in any string stands for so many times that text, and
//! `${random}` in a header of a `load` or a `rate` for letters, digits and other
//! characters that are new with every request; `${number}` there is the request's
//! number, from 0. The item `{ "${copies 9}": { name: "svc${number}" } }` of a list
//! stands for nine of them, numbered from 0. In
//! `patch`, `hcm` and `filter_chain`, `${tls.ca}`, `${tls.server.cert}` and
//! `${tls.server.key}` stand for the files of an authority that is made for the
//! run, which also certifies the clients of `as`.

mod arrivals;
mod burst;
mod cast;
mod expect;
mod format;
mod grpc;
mod grpc_burst;
mod headers;
mod json;
mod leave;
mod load;
mod logs;
mod order;
mod pace;
mod pattern;
mod pool;
mod random;
mod rate;
mod raw;
mod repeat;
mod report;
mod request;
mod role;
mod run;
mod schema;
mod span;
mod stage;
mod step;
mod table;
mod tally;
mod template;
mod traffic;

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;
use serde_json::Value;

pub use self::format::Scenario;
pub use self::run::{run, run_on};

/// A scenario and the stem of the file that tells it.
#[derive(Debug)]
pub struct Told {
    /// The file's stem.
    pub group: String,
    /// The scenario.
    pub scenario: Scenario,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    scenarios: Vec<Value>,
}

/// Reads every scenario in the YAML files of a directory, in order.
pub fn read_all(directory: &Path) -> Result<Vec<Told>> {
    let entries = directory
        .read_dir()
        .with_context(|| format!("can't read {}", directory.display()))?
        .collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("can't read {}", path.display()))?;
        let group = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for scenario in read(&text).with_context(|| path.display().to_string())? {
            all.push(Told { group: group.clone(), scenario });
        }
    }
    Ok(all)
}

/// Reads the scenarios of one file from its text.
pub fn read(text: &str) -> Result<Vec<Scenario>> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| anyhow!("{error}"))?;
    let mut names = std::collections::BTreeSet::new();
    let mut all = Vec::new();
    for told in file.scenarios {
        let context = format!("scenario {}", name(&told));
        for mut told in table::spread(told).context(context)? {
            let name = name(&told);
            ensure!(names.insert(name.clone()), "scenario {name} is told twice");
            let scenario = template::expand(&mut told, None)
                .and_then(|()| Ok(serde_json::from_value::<Scenario>(told)?))
                .and_then(Scenario::checked);
            all.push(scenario.with_context(|| format!("scenario {name}"))?);
        }
    }
    Ok(all)
}

fn name(told: &Value) -> String {
    told["name"].as_str().unwrap_or("without a name").to_owned()
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
