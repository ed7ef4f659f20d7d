//! What the word of a source is worth beside those of the others.

use super::SourceId;
use super::instance::SourceVote;
use crate::fusion::{Claim, FusionRule, Verdict, fuse};
use crate::trust::{Agreement, Corroboration, Trust};
use heartbeat_common::base::time::Instant;

/// What a word is worth where as many as this say the same, that the instance is well.
pub fn note_unanimous(trust: &mut Trust, voters: usize) {
    trust.note_corroboration(Corroboration::Corroborated);
    trust.note_agreement(if voters >= 3 { Agreement::Agrees } else { Agreement::Open });
}

/// What the other sources say of an instance that one has just spoken of.
pub struct Others<'a> {
    pub votes: &'a [SourceVote],
    pub of: SourceId,
    /// When that one spoke before; `None` where it never has.
    pub since: Option<Instant>,
}

impl Others<'_> {
    fn votes(&self) -> impl Iterator<Item = &SourceVote> + Clone {
        self.votes.iter().filter(|cast| cast.source != self.of)
    }

    fn claim(&self) -> Option<Claim> {
        self.votes.iter().find(|cast| cast.source == self.of).map(|cast| cast.vote.claim)
    }

    /// What becomes of the word among theirs.
    pub fn corroboration(&self, rule: &FusionRule) -> Option<Corroboration> {
        let claim = self.claim()?;
        let Some(theirs) = fuse(self.votes().map(|cast| cast.vote), rule) else {
            // A failure is no answer.
            return (claim < Claim::Suspect).then_some(Corroboration::Unopposed);
        };
        let dead = claim == Claim::Dead;
        let seconded = self.votes().any(|cast| cast.vote.claim == Claim::Dead) == dead;
        // Old words contradict nobody: they were said before there was anything to see.
        let spoken_since = |cast: &SourceVote| self.since.is_none_or(|since| cast.at >= since);
        let contradicted = dead
            && theirs <= Verdict::Degraded
            && self.votes().count() >= 2
            && self.votes().any(spoken_since);
        match () {
            () if contradicted => Some(Corroboration::Contradicted),
            () if seconded && (dead || claim < Claim::Suspect) => Some(Corroboration::Corroborated),
            () => Some(Corroboration::Mixed),
        }
    }

    /// How the word compares to theirs, and to the verdict of all.
    pub fn agreement(&self, verdict: Verdict) -> Agreement {
        let Some(claim) = self.claim().filter(|_| self.votes().count() >= 2) else {
            return Agreement::Open;
        };
        let dead = claim == Claim::Dead;
        let accusers = self.votes().filter(|cast| cast.vote.claim == Claim::Dead).count();
        match () {
            () if (verdict == Verdict::Dead) == dead => Agreement::Agrees,
            () if accusers == 0 || accusers == self.votes().count() => Agreement::Disagrees,
            () => Agreement::Open,
        }
    }
}
