//! The command line of `explain`.

use std::net::{IpAddr, SocketAddr};

use clap::{Args, ValueEnum};

use super::assumed::{Application, ClusterHealth, Evidence, Named, Server, Target, Traffic};

/// A request, and what is to be assumed of all that it meets.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is sent anywhere: the filter's own code decides, as in a proxy that has just started.
What it would learn from others is assumed, and may be said: by default the application
answers well, and all evidence speaks for health.

  heartbeatctl explain envoy.yaml GET '/health?x=1' -H 'user-agent: kube-probe/1.31'
  heartbeatctl explain envoy.yaml GET /readyz --check db=fail --from 10.0.0.7
  heartbeatctl explain envoy.yaml --grpc Check --service orders --app NOT_SERVING
  heartbeatctl explain plugin.yaml GET /lb --principal spiffe://example.org/prober --format json")]
pub struct Arguments {
    /// The file with the filter's configuration; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(super) file: String,
    /// The request's method
    #[arg(value_name = "METHOD", required_unless_present = "grpc", conflicts_with = "grpc")]
    pub(super) method: Option<String>,
    /// Its path, with its query
    #[arg(value_name = "TARGET")]
    pub(super) target: Option<String>,
    #[command(flatten)]
    pub(super) request: RequestArguments,
    #[command(flatten)]
    pub(super) assumed: AssumedArguments,
    /// Which of several configurations in the file: the first is 1
    #[arg(long, value_name = "NUMBER")]
    pub(super) nth: Option<usize>,
    /// For `respond`: show the answer in every format that it could be given
    #[arg(long)]
    pub(super) formats: bool,
    /// How the explanation is written
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

/// What is said of the request.
#[derive(Debug, Args)]
#[command(next_help_heading = "The request")]
pub struct RequestArguments {
    /// A header, as often as you like
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(super) headers: Vec<(String, String)>,
    /// The body; without it there is none
    #[arg(long, value_name = "TEXT")]
    pub(super) body: Option<String>,
    /// Make it a call of the gRPC health protocol
    #[arg(long, value_name = "METHOD", value_enum, ignore_case = true)]
    pub(super) grpc: Option<GrpcMethod>,
    /// The service that the call asks for
    #[arg(
        long,
        value_name = "NAME",
        requires = "grpc",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) service: String,
    /// The address that Envoy takes for the client's (%DOWNSTREAM_REMOTE_ADDRESS%)
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = peer, default_value = "127.0.0.1")]
    pub(super) from: SocketAddr,
    /// The first URI in the client's certificate
    #[arg(long, value_name = "SPIFFE-ID")]
    pub(super) principal: Option<String>,
    /// The HTTP that the client speaks: 1.0, 1.1, 2 or 3. Calls of gRPC are made in 2
    #[arg(long, value_name = "VERSION", value_parser = ["1.0", "1.1", "2", "3"])]
    pub(super) http: Option<String>,
    /// The cluster that the request's route leads to
    #[arg(long, value_name = "CLUSTER", default_value = "app")]
    pub(super) upstream: String,
    /// The name of that route
    #[arg(long, value_name = "ROUTE", default_value = "", hide_default_value = true)]
    pub(super) route: String,
    /// What a filter before this one has noted, for `"address": { "filter_state": NAME }`
    #[arg(long, value_name = "NAME=VALUE", value_parser = Named::<String>::read)]
    pub(super) filter_state: Vec<Named<String>>,
}

/// What is assumed of all that it meets.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is assumed")]
pub struct AssumedArguments {
    /// What the application answers: an HTTP status, a serving status (NOT_SERVING), a code of
    /// gRPC (NOT_FOUND), or `timeout`, `refused`, `reset` for no answer
    #[arg(long, value_name = "ANSWER", value_parser = Application::read)]
    pub(super) app: Option<Application>,
    /// A header of its answer, as often as you like
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    pub(super) app_header: Vec<(String, String)>,
    /// What a check finds: pass, fail, timeout or unreachable
    #[arg(long = "check", value_name = "NAME=STATE", value_parser = Named::<Target>::read)]
    pub(super) checks: Vec<Named<Target>>,
    /// The proxy itself: live, draining, or its admin interface unreachable
    #[arg(long, value_enum, default_value_t)]
    pub(super) server: Server,
    /// How many hosts of a cluster are healthy
    #[arg(long = "cluster", value_name = "NAME=HEALTHY/ALL", value_parser = Named::<ClusterHealth>::read)]
    pub(super) clusters: Vec<Named<ClusterHealth>>,
    /// How many of how many ordinary requests failed lately
    #[arg(long, value_name = "FAILED/ALL", value_parser = Traffic::read, default_value = "0/0")]
    pub(super) traffic: Traffic,
    /// How old the evidence is
    #[arg(long, value_enum, default_value_t)]
    pub(super) evidence: Evidence,
    /// The proxy's `node.cluster`, where the file doesn't say it
    #[arg(long, value_name = "NAME")]
    pub(super) node_cluster: Option<String>,
}

/// A method of `grpc.health.v1.Health`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum GrpcMethod {
    /// One service's health
    #[value(name = "Check")]
    Check,
    /// Every service's
    #[value(name = "List")]
    List,
    /// One service's, as often as it changes
    #[value(name = "Watch")]
    Watch,
}

/// How the explanation is written.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON document
    Json,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once(':').ok_or("write it as \"name: value\", such as \"user-agent: curl\"")?;
    let name = name.trim().to_ascii_lowercase();
    if name.is_empty() {
        return Err("has no name; method and target stand before the options".to_owned());
    }
    Ok((name, value.trim().to_owned()))
}

fn peer(text: &str) -> Result<SocketAddr, String> {
    const ANY_PORT: u16 = 50_000;
    let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, ANY_PORT));
    address.or_else(|_| text.parse()).map_err(|_| {
        "is no address; write it as 10.0.0.7, 10.0.0.7:50000, fd00::7 or [fd00::7]:50000".to_owned()
    })
}
