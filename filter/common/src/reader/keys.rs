//! What a table of all keys is made of: what each may hold, what it is without being
//! written, beside what it takes effect.
//!
//! Readers take defaults, words and ranges from such a table, and so do the errors about
//! unknown, missing and idle keys. A JSON schema is written from it, and the pages of the
//! documentation are held to it. What only those need is no part of a module.

/// One key of an object. Equal columns are one in the module, as they are references.
pub struct Key {
    /// How it is written.
    pub name: &'static str,
    /// What it may hold.
    pub kind: &'static Kind,
    /// Whether it must be there, and what holds where it isn't.
    pub presence: &'static Presence,
    /// Beside what it takes effect.
    pub scope: &'static Scope,
    /// What it is for, in one line.
    #[cfg(feature = "schema")]
    pub help: &'static str,
}

/// Words of which one may be chosen.
pub type Words = &'static [&'static str];

/// What a key may hold.
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number in a range.
    Count(u32, u32),
    /// A number in a range.
    Number(u32, u32),
    /// One of these words.
    Word(Words),
    /// A string that is written like this.
    Text(Form),
    /// A list.
    List(&'static Items),
    /// An object with these keys.
    Object(&'static [Key]),
    /// One such object, or a list of them.
    OneOrMore(&'static Items),
    /// One of these words, or an object with these keys.
    WordOrObject(&'static (Words, &'static [Key])),
    /// An object whose keys are called as people like, each with such an object.
    Map(&'static [Key]),
    /// An object whose keys are names of headers, each with its value.
    Headers,
    /// `core.v3.Metadata.filter_metadata`: objects of anything, by whom they are for.
    Metadata,
    /// Nothing: what it would say isn't there yet.
    Never,
}

/// What a list may hold.
pub struct Items {
    /// What each item is.
    pub of: Kind,
    /// How many items it must have.
    pub least: usize,
    /// How many it may have.
    pub most: usize,
    /// Whether no two may be the same.
    pub distinct: bool,
}

/// How a string is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A SPIFFE id, whose last segment may be `*`.
    Principal,
    /// Addresses: `10.0.0.0/8`.
    Cidr,
    /// The name of a background check.
    CheckName,
    /// The name of an Envoy cluster.
    Cluster,
    /// A time: `250ms`, `3s`; `0s` too.
    Duration,
    /// What a hub calls anything, in which `${NAME}` stands for a variable.
    Expanded,
    /// A condition's value for a header: not empty.
    Filled,
    /// A status of gRPC, by its name.
    GrpcStatus,
    /// The name of a header.
    HeaderName,
    /// A host, as the header names it.
    Host,
    /// How often a check asks: a tenth of a second at least.
    Interval,
    /// How long a request is held: a second to a minute.
    Hold,
    /// What a source calls an instance.
    InstanceId,
    /// A label's value.
    LabelValue,
    /// An HTTP method.
    Method,
    /// A metric's name.
    MetricName,
    /// Anything.
    Open,
    /// A path without a query.
    Path,
    /// A path that others may follow.
    PathPrefix,
    /// How often something goes out: a millisecond to a second.
    Pace,
    /// A time that isn't nothing.
    Positive,
    /// The name of a probe.
    ProbeName,
    /// So many in so much time: `50/s`.
    Rate,
    /// The name of a gRPC service; may be empty.
    Service,
    /// The name of a service of several instances.
    ServiceName,
    /// The name of a gRPC service, or of all that begin so.
    ServicePattern,
    /// A part of a whole: `20%`.
    Share,
    /// So many bytes: `64KiB`.
    Size,
    /// An address and a port: `10.1.0.5:8080`.
    SocketAddress,
    /// The name of a source.
    SourceName,
    /// A status of HTTP, or a class of them: `2xx`.
    Status,
    /// A path to ask for, which may have a query.
    Target,
    /// A time that isn't nothing, or `none`.
    Timeout,
    /// The name of a variable of the VM's environment.
    Variable,
    /// How far to look back: a second to an hour.
    Window,
}

/// Whether a key must be there, and what holds where it isn't.
pub enum Presence {
    /// It may be left out, and no value would say the same.
    Optional,
    /// It may be left out, and means this then: a string without its quotes, or JSON.
    Default(&'static str),
    /// It must be there; this is what an error says to add.
    Required(&'static str),
    /// One of the keys that are marked so must be there, and no two of them.
    OneOf,
    /// One of the keys that are marked so must be there.
    SomeOf,
}

/// Beside what a key takes effect.
pub enum Scope {
    /// Whatever else there is.
    Always,
    /// On these variants of its object: a bit for each, as in [`Variant::bit`].
    On(u8),
    /// Beside one of these keys.
    With(&'static [&'static str]),
    /// Not beside these keys; each with what an error says.
    Without(&'static [(&'static str, &'static str)]),
}

/// A key: how it is written, what it holds, whether it must be there, what it is for.
#[cfg_attr(
    not(feature = "schema"),
    expect(unused_variables, reason = "modules have no use for the help")
)]
pub const fn key(
    name: &'static str,
    kind: &'static Kind,
    presence: &'static Presence,
    help: &'static str,
) -> Key {
    Key {
        name,
        kind,
        presence,
        scope: &Scope::Always,
        #[cfg(feature = "schema")]
        help,
    }
}

/// One of several things that an object may describe, on which not all of its keys take
/// effect.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Its place among those of [`Scope::On`].
    pub bit: u8,
    /// What errors call it.
    pub title: &'static str,
}

impl Key {
    /// Takes effect beside this only.
    #[must_use]
    pub const fn only(self, scope: &'static Scope) -> Self {
        Self { scope, ..self }
    }

    /// Must be there, or may be left out.
    #[must_use]
    pub const fn presence(self, presence: &'static Presence) -> Self {
        Self { presence, ..self }
    }
}

/// A list that may be empty.
pub const fn list(of: Kind) -> Items {
    Items { of, least: 0, most: usize::MAX, distinct: false }
}

/// A list that has something in it.
pub const fn filled(of: Kind) -> Items {
    Items { least: 1, ..list(of) }
}

impl Items {
    /// So many items at most.
    #[must_use]
    pub const fn most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// No item twice.
    #[must_use]
    pub const fn distinct(self) -> Self {
        Self { distinct: true, ..self }
    }
}
