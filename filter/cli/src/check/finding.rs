//! What is found, and where.

use crate::source::Position;

/// One thing that is to be said of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What kind of thing.
    pub rule: Rule,
    /// Where; nowhere for a file that can't be opened.
    pub position: Option<Position>,
    /// What it is about: a path in the configuration, such as `probes[2].timeout`, or a key
    /// beside it; may be empty.
    pub place: String,
    /// What is the matter, and how to mend it.
    pub problem: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// A proxy would refuse it, or it can't work.
    Error,
    /// It works, but perhaps not as it was meant.
    Warning,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The file can't be read.
    Unreadable,
    /// The module refuses the configuration.
    Configuration,
    /// The module gets something else than JSON.
    ConfigurationType,
    /// Envoy knows no merge keys.
    MergeKey,
    /// The bootstrap has no such cluster.
    Cluster,
    /// Nothing leads to the admin interface.
    Admin,
    /// The hub is shown no bodies.
    HubBodies,
    /// The module itself warns of it when it loads the configuration.
    Note,
    /// A label stays in the names of metrics.
    Label,
    /// No route leads to a probe.
    Route,
    /// Calls don't show which service they ask for.
    Services,
    /// After a trap, traffic passes without the filter.
    FailOpen,
    /// The file holds no configuration.
    Nothing,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Unreadable,
        Self::Configuration,
        Self::ConfigurationType,
        Self::MergeKey,
        Self::Cluster,
        Self::Admin,
        Self::HubBodies,
        Self::Note,
        Self::Label,
        Self::Route,
        Self::Services,
        Self::FailOpen,
        Self::Nothing,
    ];

    /// Its name for programs, and the anchor in the documentation.
    pub fn id(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Configuration => "configuration",
            Self::ConfigurationType => "configuration-type",
            Self::MergeKey => "merge-key",
            Self::Cluster => "cluster",
            Self::Admin => "admin",
            Self::HubBodies => "hub-bodies",
            Self::Note => "note",
            Self::Label => "label",
            Self::Route => "route",
            Self::Services => "services",
            Self::FailOpen => "fail-open",
            Self::Nothing => "nothing",
        }
    }

    /// What it says, in general.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Unreadable => "the file can't be read",
            Self::Configuration => "the module refuses the configuration",
            Self::ConfigurationType => "the module gets something else than JSON",
            Self::MergeKey => "Envoy doesn't know merge keys",
            Self::Cluster => "the bootstrap has no cluster of that name",
            Self::Admin => "the admin cluster doesn't lead to an admin interface",
            Self::HubBodies => "the hub is shown no bodies of requests",
            Self::Note => "the module warns of it when it loads the configuration",
            Self::Label => "a label stays in the names of metrics",
            Self::Route => "no request gets to the probe, as routes switch the filter off",
            Self::Services => "the filter doesn't see which service a call asks for",
            Self::FailOpen => "after a trap, traffic passes without the filter",
            Self::Nothing => "the file holds no configuration of the modules",
        }
    }

    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::Unreadable
            | Self::Configuration
            | Self::ConfigurationType
            | Self::MergeKey
            | Self::Cluster
            | Self::Admin
            | Self::HubBodies => Severity::Error,
            Self::Note
            | Self::Label
            | Self::Route
            | Self::Services
            | Self::FailOpen
            | Self::Nothing => Severity::Warning,
        }
    }
}

impl Finding {
    /// Something at a place of a file.
    pub fn new(
        rule: Rule,
        position: Position,
        place: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        let (place, problem) = (place.into(), problem.into());
        Self { rule, position: Some(position), place, problem }
    }

    /// Its severity.
    pub fn severity(&self) -> Severity {
        self.rule.severity()
    }

    /// What it is about and what is the matter, in one line.
    pub fn message(&self) -> String {
        if self.place.is_empty() {
            return self.problem.clone();
        }
        format!("{}: {}", self.place, self.problem)
    }
}
