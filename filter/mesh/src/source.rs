//! Who says something, and for how long that is to be relied on.

use heartbeat_common::base::time::Nanos;

/// How a source comes to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It posts events.
    Posts {
        /// For how long a word is fresh.
        stale: Nanos,
        /// How often it speaks of every instance, where it has said so.
        beat: Option<Nanos>,
    },
    /// The hub asks it.
    IsAsked {
        /// How often.
        interval: Nanos,
        /// For how long an answer is fresh: three intervals at least.
        stale: Nanos,
        /// How many failures in a row are a death.
        fall: u32,
    },
    /// It tells over a stream that is held open, and its last word is fresh while it is.
    Streams,
    /// It is another hub that is followed: like a stream, but what it says isn't passed on to
    /// those who follow this one. Else two that follow each other would bear each other out
    /// for ever.
    Follows,
}

/// What it means that a source that beats says nothing more of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Silence {
    /// Nothing: its last word goes stale.
    #[default]
    Stale,
    /// That the instance is dead.
    Down,
}

/// A source as it is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceRule {
    /// Its name, which is a label of metrics.
    pub name: String,
    /// How far the operator trusts it, from 0 to 1.
    pub trust: f64,
    /// How it comes to speak.
    pub manner: Manner,
    /// What its silence means.
    pub silence: Silence,
}

impl SourceRule {
    /// After how many failures in a row of an instance it says that this is dead.
    pub(crate) fn fall(&self) -> u32 {
        match self.manner {
            Manner::IsAsked { fall, .. } => fall,
            Manner::Posts { .. } | Manner::Streams | Manner::Follows => 1,
        }
    }

    /// How often it is to speak, where its silence can be told from its pace.
    pub(crate) fn beat(&self) -> Option<Nanos> {
        match self.manner {
            Manner::Posts { beat, .. } => beat,
            Manner::IsAsked { .. } | Manner::Streams | Manner::Follows => None,
        }
    }

    /// How long a word of it is fresh; `None` for as long as its stream is open.
    pub(crate) fn fresh_for(&self) -> Option<Nanos> {
        match self.manner {
            Manner::Posts { stale, .. } | Manner::IsAsked { stale, .. } => Some(stale),
            Manner::Streams | Manner::Follows => None,
        }
    }
}
