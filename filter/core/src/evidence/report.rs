//! What the proxy knows of the health of what it stands in front of, at one moment.

use crate::base::outcome::Verdict;
use crate::base::time::WallTime;

/// What the evidence says of one probe rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// When it was drawn up.
    pub at: WallTime,
    /// One for each item of the rule's `when`, in its order.
    pub findings: Vec<Finding>,
}

/// What one piece of evidence says.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its name, which no other of the report has: a check's name, `server`,
    /// `cluster:orders`, `clusters:a,b`, `traffic`, `score`.
    pub name: String,
    /// What was looked at.
    pub subject: Subject,
    /// What it means for the rule, by the severity that the rule gives it.
    pub verdict: Verdict,
    /// Nothing was heard of it yet: it is too early to call that a failure.
    pub pending: bool,
    /// In words; empty where nobody reads them, as is the name then.
    pub output: String,
    /// The measure, in the unit of its subject.
    pub observed: Option<u64>,
    /// When it was observed; `None` where it never was.
    pub at: Option<WallTime>,
}

/// What a piece of evidence is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A background check; it measures the time to the answer.
    Check,
    /// The proxy itself; it measures nothing.
    Server,
    /// An upstream cluster; it measures the share of healthy hosts.
    Cluster,
    /// The ordinary requests; they measure the share of errors.
    Traffic,
    /// The health score.
    Score,
}

impl Report {
    /// The worst of its findings; `pass` where there are none.
    pub fn verdict(&self) -> Verdict {
        self.findings.iter().fold(Verdict::Pass, |worst, finding| worst.worse(finding.verdict))
    }
}

impl Subject {
    /// What it measures, and in which unit.
    pub const fn measure(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Check => Some(("responseTime", "ms")),
            Self::Server => None,
            Self::Cluster => Some(("healthyHosts", "percent")),
            Self::Traffic => Some(("errorRate", "percent")),
            Self::Score => Some(("score", "points")),
        }
    }
}
