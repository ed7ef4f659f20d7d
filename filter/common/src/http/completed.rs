//! A request that is over, each fact of which is read once at most, however many
//! counters ask for it: every reading crosses from the module into the host.

use crate::base::time::Nanos;
use crate::http::headers::{METHOD, STATUS_CODE};
use crate::http::request::{Ending, Headers, RequestHead, ResponseHead, parse_status};
use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// A request that is over. `'a` is how long the names live that are asked for.
#[derive(Debug)]
pub struct Completed<'a, E> {
    ending: &'a E,
    /// The path, where anyone has asked for it, or it is known from the beginning.
    path: OnceCell<Option<Rc<[u8]>>>,
    values: RefCell<Known<'a, Option<Vec<u8>>>>,
    lists: RefCell<Known<'a, Vec<Vec<u8>>>>,
    numbers: [OnceCell<Option<u64>>; 3],
    grpc_status: OnceCell<Option<u32>>,
}

/// What was read, by what it is.
type Known<'a, T> = Vec<(Fact<'a>, T)>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fact<'a> {
    RequestHeader(&'a str),
    ResponseHeader(&'a str),
    Cluster,
    Route,
}

impl<'a, E: Ending> Completed<'a, E> {
    /// A request that nothing has been read of, but what was kept of its path when it came
    /// (see [`Policy::path_to_keep`](crate::Policy::path_to_keep)).
    pub fn new(ending: &'a E, path: Option<Rc<[u8]>>) -> Self {
        Self {
            ending,
            path: path.map_or_else(OnceCell::new, |path| Some(path).into()),
            values: RefCell::default(),
            lists: RefCell::default(),
            numbers: Default::default(),
            grpc_status: OnceCell::new(),
        }
    }

    /// The HTTP status; `None` where no answer was begun.
    pub fn status(&self) -> Option<u16> {
        parse_status(&self.response_header(STATUS_CODE)?)
    }

    /// The gRPC status, of a call that has one.
    pub fn grpc_status(&self) -> Option<u32> {
        *self.grpc_status.get_or_init(|| self.ending.grpc_status())
    }

    /// The method, as filters have left it.
    pub fn method(&self) -> Option<Vec<u8>> {
        self.request_header(METHOD)
    }

    /// The request target as the request came: a route may have put another one in its
    /// place since. (The header in which routes keep the one before may be the client's.)
    pub fn target(&self) -> Option<&[u8]> {
        let read = || self.ending.request().path().map(|path| path.as_ref().into());
        self.path.get_or_init(read).as_deref()
    }

    /// The value of a header of the request; the first of several.
    pub fn request_header(&self, name: &'a str) -> Option<Vec<u8>> {
        self.value(Fact::RequestHeader(name))
    }

    /// The value of a header of the response; the first of several.
    pub fn response_header(&self, name: &'a str) -> Option<Vec<u8>> {
        self.value(Fact::ResponseHeader(name))
    }

    /// The upstream cluster.
    pub fn cluster(&self) -> Option<Vec<u8>> {
        self.value(Fact::Cluster)
    }

    /// The route, where it has a name.
    pub fn route(&self) -> Option<Vec<u8>> {
        self.value(Fact::Route)
    }

    /// From the first byte of the request to the last of the response.
    pub fn duration(&self) -> Option<Nanos> {
        self.number(0, E::duration)
    }

    /// The size of the request's body, in bytes.
    pub fn request_bytes(&self) -> Option<u64> {
        self.number(1, E::request_bytes)
    }

    /// The size of the response's body, in bytes.
    pub fn response_bytes(&self) -> Option<u64> {
        self.number(2, E::response_bytes)
    }

    /// The rest is read by nobody else.
    pub fn ending(&self) -> &E {
        self.ending
    }

    /// The headers of the request, to be held against matchers.
    pub fn request_headers(&self) -> impl Headers<'a> {
        MessageHeaders { completed: self, fact: Fact::RequestHeader }
    }

    /// The headers of the response, to be held against matchers.
    pub fn response_headers(&self) -> impl Headers<'a> {
        MessageHeaders { completed: self, fact: Fact::ResponseHeader }
    }

    fn number(&self, place: usize, read: fn(&E) -> Option<u64>) -> Option<u64> {
        self.numbers.get(place).and_then(|number| *number.get_or_init(|| read(self.ending)))
    }

    fn value(&self, fact: Fact<'a>) -> Option<Vec<u8>> {
        let read = || match fact {
            Fact::RequestHeader(name) => self.ending.request().header(name).map(Cow::into_owned),
            Fact::ResponseHeader(name) => self.ending.response().header(name),
            Fact::Cluster => self.ending.request().cluster(),
            Fact::Route => self.ending.route(),
        };
        once(&self.values, fact, read, Clone::clone)
    }

    fn any_of(&self, fact: Fact<'a>, such: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let read = || match fact {
            Fact::RequestHeader(name) => self.ending.request().header_values(name),
            Fact::ResponseHeader(name) => self.ending.response().header_values(name),
            Fact::Cluster | Fact::Route => Vec::new(),
        };
        once(&self.lists, fact, read, |values| values.iter().any(|value| such(value)))
    }
}

/// What `look` sees in what is known of a fact, read where nothing is.
fn once<'a, T, L>(
    known: &RefCell<Known<'a, T>>,
    fact: Fact<'a>,
    read: impl Fn() -> T,
    look: impl FnOnce(&T) -> L,
) -> L {
    let Ok(mut known) = known.try_borrow_mut() else { return look(&read()) };
    if let Some((_, value)) = known.iter().find(|(it, _)| *it == fact) {
        return look(value);
    }
    let value = read();
    let seen = look(&value);
    known.push((fact, value));
    seen
}

/// The headers of one of the two messages.
struct MessageHeaders<'e, 'a, E> {
    completed: &'e Completed<'a, E>,
    fact: fn(&'a str) -> Fact<'a>,
}

impl<'a, E: Ending> Headers<'a> for MessageHeaders<'_, 'a, E> {
    fn first(&self, name: &'a str) -> Option<Vec<u8>> {
        self.completed.value((self.fact)(name))
    }

    fn any(&self, name: &'a str, such: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.completed.any_of((self.fact)(name), such)
    }
}
