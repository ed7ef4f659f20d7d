//! What is measured: which requests, through which filters.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

/// How much time there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Everything, in less than a quarter of an hour.
    Full,
    /// Everything in short, in less than three minutes.
    Quick,
    /// Memory alone, in full.
    Memory,
    /// Costs alone, in full.
    Cpu,
    /// Scale alone, in full.
    Scale,
}

impl Effort {
    /// How many rounds of the costs one Envoy is measured in. Where the memory of each
    /// contender comes to lie in a process is worth some percent for as long as it runs,
    /// so there are several.
    pub const ROUNDS_OF_AN_ENVOY: usize = 8;

    /// Interleaved rounds of the costs.
    pub fn rounds(self) -> usize {
        match self {
            Self::Quick => 5,
            Self::Full | Self::Cpu => 48,
            Self::Memory | Self::Scale => 0,
        }
    }

    /// Interleaved rounds of each scale.
    pub fn scale_rounds(self) -> usize {
        match self {
            Self::Quick => 2,
            Self::Full | Self::Scale => 20,
            Self::Memory | Self::Cpu => 0,
        }
    }

    /// About how long one measurement takes: the shorter, the more alike are the
    /// circumstances of those that are compared, and the more of them there can be.
    pub const SAMPLE: Duration = Duration::from_millis(90);

    /// How many requests memory is watched for.
    pub fn requests(self) -> u64 {
        match self {
            Self::Quick => 60_000,
            Self::Full | Self::Memory => 1_000_000,
            Self::Cpu | Self::Scale => 0,
        }
    }

    /// How many reloads memory is watched for.
    pub fn reloads(self) -> u64 {
        match self {
            Self::Quick => 60,
            Self::Full | Self::Memory => 1_000,
            Self::Cpu | Self::Scale => 0,
        }
    }

    /// How often an Envoy is started to see how long that takes.
    pub fn starts(self) -> usize {
        match self {
            Self::Quick => 2,
            Self::Full | Self::Memory => 7,
            Self::Cpu | Self::Scale => 0,
        }
    }
}

/// What the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum HttpVersion {
    /// HTTP/1.1.
    #[serde(rename = "HTTP/1.1")]
    Http1,
    /// HTTP/2, without TLS.
    #[serde(rename = "HTTP/2")]
    Http2,
}

impl HttpVersion {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// A request that is sent over and over.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// What the client speaks.
    pub protocol: HttpVersion,
    /// Where to.
    pub path: &'static str,
    /// Headers of its own.
    pub headers: &'static [(&'static str, &'static str)],
    /// Its body, which makes it a POST.
    pub body: Option<&'static [u8]>,
}

/// Whose work is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// Envoy without a filter of ours or like ours.
    NoFilter,
    /// The module as it ships.
    Ours,
    /// The same, with a counter that counts the request.
    OursCounting,
    /// The module as the compiler leaves it.
    OursUntrimmed,
    /// The module, on routes that switch it off for ordinary traffic.
    OursSwitchedOff,
    /// A module that is called as often and reads as much, and decides nothing.
    Least,
    /// A module that is called once, and does nothing.
    Empty,
    /// Envoy's own health_check filter, in C++.
    Native,
    /// The same in Envoy's Lua filter.
    Lua,
}

impl Who {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoFilter => "no filter",
            Self::Ours => "ours",
            Self::OursCounting => "ours, counting",
            Self::OursUntrimmed => "ours, untrimmed",
            Self::OursSwitchedOff => "ours, switched off",
            Self::Least => "the least in Wasm",
            Self::Empty => "an empty module",
            Self::Native => "native health_check",
            Self::Lua => "Lua",
        }
    }
}

/// Someone who is measured, and the listener that it stands behind.
pub type Contender = (Who, &'static str);

/// One kind of request, sent to several contenders by turns.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// What it is.
    pub name: &'static str,
    /// The request.
    pub request: Request,
    /// Who is compared; the others are held against the first.
    pub contenders: &'static [Contender],
    /// Who is to answer it.
    pub answered_by: By,
}

/// Who answers requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The application, each of them.
    Application,
    /// The proxy; without a filter, the application.
    Proxy,
    /// The proxy, which asks the application now and then.
    Cache,
}

impl Workload {
    /// Its name, and what its client speaks.
    pub fn title(&self) -> String {
        format!("{}, {}", self.name, self.request.protocol.name())
    }

    /// Whether the application may have seen `seen` of `sent` requests that this
    /// contender got. If not, something else was measured than what is said.
    pub fn may_reach(&self, who: Who, seen: u64, sent: u64) -> bool {
        match self.answered_by {
            By::Application => seen == sent,
            By::Proxy if who == Who::NoFilter => seen == sent,
            By::Proxy => seen == 0,
            By::Cache => seen < sent / 10,
        }
    }
}

const ORDINARY: &[Contender] = &[
    (Who::NoFilter, "none"),
    (Who::Ours, "ours"),
    (Who::OursCounting, "counting"),
    (Who::OursUntrimmed, "untrimmed"),
    (Who::OursSwitchedOff, "off"),
    (Who::Least, "least"),
    (Who::Empty, "empty"),
    (Who::Native, "native"),
    (Who::Lua, "lua"),
];

const RESPOND: &[Contender] = &[
    (Who::Native, "native"),
    (Who::Ours, "ours"),
    (Who::OursUntrimmed, "untrimmed"),
    (Who::Least, "least_respond"),
    (Who::Lua, "lua"),
];

const CACHE: &[Contender] = &[(Who::Native, "native_cache"), (Who::Ours, "ours")];

const FORWARD: &[Contender] = &[
    (Who::NoFilter, "none"),
    (Who::Ours, "ours"),
    (Who::OursUntrimmed, "untrimmed"),
    (Who::Native, "native_forward"),
    (Who::Lua, "lua_forward"),
];

const WORST: &[Contender] = &[(Who::NoFilter, "none"), (Who::Ours, "worst")];

const CHECK: &[Contender] =
    &[(Who::NoFilter, "none"), (Who::Ours, "ours"), (Who::OursUntrimmed, "untrimmed")];

/// The header that the counter looks for; everyone gets it.
const PAYMENT: (&str, &str) = ("x-payment-id", "p-1742");

const GRPC: &[(&str, &str)] = &[PAYMENT, ("content-type", "application/grpc"), ("te", "trailers")];

const LARGE: &[u8] = &[b'x'; 16 * 1024];

/// A gRPC message in its frame, of a size that calls have.
const MESSAGE: &[u8] = b"\0\0\0\0\x20\x0a\x1eorder 17, two items, paid, EUR";

/// A HealthCheckRequest for the server as a whole.
const EMPTY: &[u8] = &[0; 5];

/// What is sent in either protocol.
fn in_http(protocol: HttpVersion) -> Vec<Workload> {
    let get = |path| Request { protocol, path, headers: &[PAYMENT], body: None };
    let post = Request { body: Some(LARGE), ..get("/orders") };
    vec![
        workload("ordinary GET", get("/orders/17?view=full"), ORDINARY, By::Application),
        workload("ordinary POST, 16 KiB", post, ORDINARY, By::Application),
        workload("respond", get("/up"), RESPOND, By::Proxy),
        workload("cache, hit", get("/lb"), CACHE, By::Cache),
        workload("forward", get("/health"), FORWARD, By::Application),
    ]
}

fn workload(
    name: &'static str,
    request: Request,
    contenders: &'static [Contender],
    answered_by: By,
) -> Workload {
    Workload { name, request, contenders, answered_by }
}

/// Requests of 8 KiB that make a filter look at as much of them as there is to look at.
fn worst(protocol: HttpVersion) -> Vec<Workload> {
    // They are made once, and sent for as long as the program runs.
    let get = |path: String, headers: Vec<(&'static str, &'static str)>| Request {
        protocol,
        path: path.leak(),
        headers: headers.leak(),
        body: None,
    };
    let worst = |name, request| workload(name, request, WORST, By::Application);
    let value = |size| -> &'static str { "a".repeat(size).leak() };
    // Envoy takes no more than a hundred headers.
    let name = |number: usize| -> &'static str { format!("x-worst-{number:02}").leak() };
    let many = (0..80).map(|number| (name(number), value(90))).collect();
    let repeated = (0..80).map(|_| ("x-worst", value(90))).collect();
    vec![
        worst("worst path, slashes", get("/".repeat(8_000), vec![])),
        worst("worst path, below a prefix", get(format!("/status{}", "/x".repeat(4_000)), vec![])),
        worst("worst headers, one", get("/orders".into(), vec![("x-worst", value(8_000))])),
        worst("worst headers, many", get("/orders".into(), many)),
        worst("worst headers, repeated", get("/orders".into(), repeated)),
        worst("worst host", get("/orders".into(), vec![(":authority", value(8_000))])),
    ]
}

/// Everything that is measured.
pub fn workloads() -> Vec<Workload> {
    let call = |path, message| Request {
        protocol: HttpVersion::Http2,
        path,
        headers: GRPC,
        body: Some(message),
    };
    let (order, check) =
        (call("/shop.Orders/Get", MESSAGE), call("/grpc.health.v1.Health/Check", EMPTY));
    let mut all = in_http(HttpVersion::Http1);
    all.extend(in_http(HttpVersion::Http2));
    all.extend([HttpVersion::Http1, HttpVersion::Http2].into_iter().flat_map(worst));
    all.push(workload("ordinary gRPC call", order, ORDINARY, By::Application));
    all.push(workload("gRPC Check, respond", check, CHECK, By::Proxy));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_frame_is_as_long_as_it_says() {
        assert_eq!(usize::from(MESSAGE[4]), MESSAGE.len() - 5);
        assert_eq!(usize::from(MESSAGE[6]), MESSAGE.len() - 7);
    }

    #[test]
    fn what_reaches_the_application_shows_who_answered() {
        let all = workloads();
        let may = |name: &str, who, seen| {
            all.iter().find(|it| it.name == name).unwrap().may_reach(who, seen, 100)
        };
        assert!(may("respond", Who::Ours, 0) && !may("respond", Who::Ours, 1));
        assert!(may("forward", Who::Ours, 100) && !may("forward", Who::Ours, 99));
        assert!(may("cache, hit", Who::Ours, 2) && !may("cache, hit", Who::Ours, 100));
        assert!(may("gRPC Check, respond", Who::NoFilter, 100));
        assert!(!may("gRPC Check, respond", Who::Ours, 100));
    }

    #[test]
    fn a_full_run_has_more_than_twenty_rounds_in_several_envoys() {
        assert!(Effort::Full.rounds() >= 20);
        assert!(Effort::Full.rounds() >= 4 * Effort::ROUNDS_OF_AN_ENVOY);
    }
}
