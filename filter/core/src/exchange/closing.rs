//! Whether a probe asks the application to close the connection, and what its answer shows
//! of the cluster. See [`crate::guards::upstream`].

use super::Exchange;
use super::guards::CloseTrial;
use crate::guards::upstream::{CloseRequest, CloseResult, Upstream};
use crate::http::classify::Origin;
use crate::http::headers::{CONNECTION, OF_HTTP1};
use crate::http::request::{RequestHead, ResponseHead};
use crate::probe::Connection;
use crate::state::{Cell, Change, Context, SharedStore, UpdateError, update};

/// Whether a probe asks for the close, and what is known of the cluster.
#[derive(Debug, Default)]
pub(super) struct Closing {
    pub(super) asking: CloseRequest,
    /// What was known of the cluster then, where that decided it.
    known: Option<Upstream>,
    pub(super) trial: Option<CloseTrial>,
}

impl Closing {
    /// The request goes to another cluster, and doesn't ask there.
    pub(super) fn forget_cluster(&mut self) {
        (self.asking, self.known) = (CloseRequest::No, None);
    }

    /// Whether it asks.
    pub(super) fn asks(&self) -> bool {
        self.asking != CloseRequest::No
    }
}

impl Exchange {
    /// What is known of the cluster, for clients of the same protocol.
    pub(super) fn upstream(&self) -> Cell {
        self.context.evidence.upstreams.cell(&self.cluster, self.client)
    }

    /// Whether the probe asks the application to close the connection.
    pub(super) fn ask_upstream(
        &mut self,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) -> Closing {
        match self.probe.connection() {
            Connection::Keep => return Closing::default(),
            Connection::Close => {
                return Closing { asking: CloseRequest::Yes, ..Closing::default() };
            }
            Connection::Auto => {}
        }
        // "HTTP/1.1", "HTTP/2"
        let version = request.protocol().and_then(|it| it.get(5).copied());
        self.client = version.unwrap_or_default();
        let (cell, lease_for) = (self.upstream(), self.probe.lease_for());
        let asked = update::<Upstream, _>(cx, &cell, |upstream| {
            let asking = upstream.ask(cx.now, self.token, lease_for);
            Change::write_if(asking == CloseRequest::Trial, (asking, *upstream))
        });
        let Ok((asking, known)) = asked else { return Closing::default() };
        let trial = (asking == CloseRequest::Trial).then(CloseTrial::granted);
        Closing { asking, known: Some(known), trial }
    }

    /// Takes note of what the answer shows of the cluster.
    pub(super) fn learn_upstream(
        &mut self,
        response: &impl ResponseHead,
        cx: Context<'_, impl SharedStore>,
        origin: Origin,
    ) {
        let Some(Closing { asking, known, .. }) = self.phase.flight().map(|it| &it.closing) else {
            return;
        };
        let (asking, known) = (*asking, *known);
        let result = match (origin, asking, known) {
            (Origin::Application, CloseRequest::No, Some(known)) if known.is_unknown() => {
                return self.learn_protocol(response, known, cx);
            }
            (Origin::Application, CloseRequest::Trial | CloseRequest::Yes, Some(_)) => {
                if announces_close(response) {
                    CloseResult::Announced
                } else {
                    CloseResult::Unannounced
                }
            }
            (Origin::Terminated, CloseRequest::Trial | CloseRequest::Yes, Some(_)) => {
                CloseResult::Terminated
            }
            // Later it is a slip, but for rules that ask without knowing.
            (Origin::ProtocolError, CloseRequest::Trial, _)
            | (Origin::ProtocolError, CloseRequest::Yes, None) => CloseResult::ProtocolError,
            _ => return, // A trial is given back in the end.
        };
        let all_is_well = result == CloseResult::Announced && asking == CloseRequest::Yes;
        if all_is_well && known.is_none_or(|known| !known.is_suspect()) {
            return;
        }
        let news = update::<Upstream, _>(cx, &self.upstream(), |upstream| {
            Change::Write(upstream.record(result))
        });
        if news.is_ok() {
            let trial = self.phase.flight_mut().and_then(|flight| flight.closing.trial.take());
            trial.into_iter().for_each(CloseTrial::end);
        }
        if news == Ok(true) {
            let upstreams = &self.context.evidence.upstreams;
            upstreams.show(&self.cluster, result, known.is_none(), &mut self.signals);
        }
    }

    /// Takes note of the protocol of an answer, or has the admin interface asked for it.
    fn learn_protocol(
        &mut self,
        response: &impl ResponseHead,
        known: Upstream,
        cx: Context<'_, impl SharedStore>,
    ) {
        let evidence = &self.context.evidence;
        let speaks_http1 = OF_HTTP1.iter().any(|name| response.header(name).is_some());
        let lists = evidence.admin.is_some() && known.is_to_be_listed(cx.now);
        if !speaks_http1 && !lists {
            return;
        }
        if !speaks_http1 && !evidence.upstreams.list(&self.cluster, cx) {
            return;
        }
        let learnt = update::<Upstream, _>(cx, &self.upstream(), |upstream| {
            let news = if speaks_http1 { upstream.learn_http1() } else { upstream.list(cx.now) };
            Change::write_if(news, ())
        });
        if learnt == Err(UpdateError::Occupied) {
            evidence.upstreams.note_full(&self.cluster, cx, &mut self.signals);
        }
    }
}

/// Whether an answer says that the connection will be closed (RFC 9112, section 9.6).
fn announces_close(response: &impl ResponseHead) -> bool {
    let values = response.header_values(CONNECTION);
    let mut options = values.iter().flat_map(|value| value.split(|&byte| byte == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}
