//! One verdict of what several sources say of an instance.

/// A share of a whole in thousandths. Trust is compared so: a smaller difference is no
/// reason to move traffic.
pub type Thousandths = u16;

/// The whole.
pub const WHOLE: Thousandths = 1_000;

/// What a source says of an instance, from the best to the worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// It answers.
    #[default]
    Alive,
    /// It answers, and asks for less: `warn`, or 429 (RFC 6585, section 4).
    Warn,
    /// It is on its way out, which is no death.
    Draining,
    /// It hasn't answered, but not often enough yet to be called dead.
    Suspect,
    /// It doesn't answer, or says itself that it can't work.
    Dead,
}

impl Claim {
    /// All of them, the best first. They are handed from VM to VM by their places.
    pub const ALL: [Self; 5] = [Self::Alive, Self::Warn, Self::Draining, Self::Suspect, Self::Dead];

    /// The word for it in documents: that of the verdict that it would be by itself.
    pub const fn word(self) -> &'static str {
        let verdict = match self {
            Self::Alive => Verdict::Alive,
            Self::Warn => Verdict::Degraded,
            Self::Draining => Verdict::Draining,
            Self::Suspect => Verdict::Suspected,
            Self::Dead => Verdict::Dead,
        };
        verdict.word()
    }
}

/// What one source says, which is still to be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// What it says.
    pub claim: Claim,
    /// How far it is trusted.
    pub trust: Thousandths,
}

/// How a service judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FusionRule {
    /// Dead is what more than this share of the trust says so of.
    pub quorum: Thousandths,
    /// From this trust on a single source is a witness.
    pub witness: Thousandths,
    /// Whether a witness alone makes an instance suspected.
    pub suspects: bool,
}

impl Default for FusionRule {
    fn default() -> Self {
        Self { quorum: 500, witness: 300, suspects: true }
    }
}

/// What the sources together make of an instance, from the best to the worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nobody has said anything, or not for long. Traffic goes there.
    #[default]
    Unknown,
    /// It takes traffic.
    Alive,
    /// It takes traffic where the others can't carry it.
    Degraded,
    /// A source says that it is dead, and the others don't.
    Suspected,
    /// It takes no new traffic.
    Draining,
    /// It takes none.
    Dead,
}

impl Verdict {
    /// All of them, the best first. They are handed from VM to VM by their places.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::Alive, Self::Degraded, Self::Suspected, Self::Draining, Self::Dead];

    /// Its word in documents and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Alive => "alive",
            Self::Degraded => "degraded",
            Self::Suspected => "suspected",
            Self::Draining => "draining",
            Self::Dead => "dead",
        }
    }

    /// Whether traffic may go there.
    pub const fn is_alive(self) -> bool {
        !matches!(self, Self::Dead | Self::Draining)
    }
}

/// The verdict by the votes of those sources whose word is fresh; `None` where none is,
/// and the last verdict stands.
pub fn fuse(votes: impl Iterator<Item = Vote> + Clone, rule: &FusionRule) -> Option<Verdict> {
    let trust_of = |such: fn(Claim) -> bool| -> u32 {
        votes.clone().filter(|vote| such(vote.claim)).map(|vote| u32::from(vote.trust)).sum()
    };
    let witnessed = |such: fn(Claim) -> bool| {
        votes.clone().any(|vote| such(vote.claim) && vote.trust >= rule.witness)
    };
    let all = trust_of(|_| true);
    let exceeds = |part: u32, share: Thousandths| part * u32::from(WHOLE) > all * u32::from(share);
    let voters = votes.clone().count();
    let accusers = votes.clone().filter(|vote| vote.claim == Claim::Dead).count();
    if voters == 0 {
        return None;
    }
    // One of several never convicts, however far it is trusted.
    let enough = accusers >= voters.min(2);
    Some(if enough && exceeds(trust_of(|claim| claim == Claim::Dead), rule.quorum) {
        Verdict::Dead
    } else if witnessed(|claim| claim == Claim::Draining) {
        Verdict::Draining
    } else if rule.suspects && witnessed(|claim| claim >= Claim::Suspect) {
        Verdict::Suspected
    } else if exceeds(trust_of(|claim| claim >= Claim::Warn), WHOLE / 2) {
        Verdict::Degraded
    } else {
        Verdict::Alive
    })
}

#[cfg(test)]
mod tests;
