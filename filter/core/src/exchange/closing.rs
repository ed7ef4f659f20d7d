//! Whether a probe asks the application to close the connection, and what its answer shows
//! of the cluster. See [`crate::guards::upstream`].

use super::Exchange;
use super::response::Reason;
use crate::guards::upstream::{Asking, CloseResult, Upstream};
use crate::http::headers::{CONNECTION, OF_HTTP1};
use crate::http::request::{RequestHead, ResponseHead};
use crate::probe::Connection;
use crate::state::{Cell, Change, Context, Refusal, SharedStore, update};

impl Exchange {
    /// What is known of the cluster, for clients of the same protocol.
    fn upstream(&self) -> Cell {
        self.context.evidence.upstreams.cell(&self.cluster, self.client)
    }

    /// Whether the probe asks the application to close the connection.
    pub(super) fn ask_upstream(
        &mut self,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) -> bool {
        self.held.asking = match self.probe.connection() {
            Connection::Keep => Asking::No,
            Connection::Close => Asking::Yes,
            Connection::Auto => {
                // "HTTP/1.1", "HTTP/2"
                let version = request.protocol().and_then(|it| it.get(5).copied());
                self.client = version.unwrap_or_default();
                let lease_for = self.probe.lease_for();
                let asked = update::<Upstream, _>(cx, &self.upstream(), |upstream| {
                    let asking = upstream.ask(cx.now, self.token, lease_for);
                    Change::write_if(asking == Asking::Trial, (asking, *upstream))
                });
                self.held.upstream = asked.ok().map(|(_, upstream)| upstream);
                asked.map_or(Asking::No, |(asking, _)| asking)
            }
        };
        self.held.asking != Asking::No
    }

    /// Takes note of what the answer shows of the cluster.
    pub(super) fn learn_upstream(
        &mut self,
        response: &impl ResponseHead,
        cx: Context<'_, impl SharedStore>,
        reason: Reason,
    ) {
        let (asking, known) = (self.held.asking, self.held.upstream);
        let result = match (reason, asking, known) {
            (Reason::Application, Asking::No, Some(known)) if known.is_unknown() => {
                return self.learn_protocol(response, known, cx);
            }
            (Reason::Application, Asking::Trial | Asking::Yes, Some(_)) => {
                if announces_close(response) {
                    CloseResult::Announced
                } else {
                    CloseResult::Unannounced
                }
            }
            (Reason::Terminated, Asking::Trial | Asking::Yes, Some(_)) => CloseResult::Terminated,
            // Later it is a slip, but for rules that ask without knowing.
            (Reason::ProtocolError, Asking::Trial, _)
            | (Reason::ProtocolError, Asking::Yes, None) => CloseResult::ProtocolError,
            _ => return, // on_end gives a trial back.
        };
        let all_is_well = result == CloseResult::Announced && asking == Asking::Yes;
        if all_is_well && known.is_none_or(|known| !known.is_suspect()) {
            return;
        }
        let news = update::<Upstream, _>(cx, &self.upstream(), |upstream| {
            Change::Write(upstream.record(result))
        });
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
        if learnt == Err(Refusal::Occupied) {
            evidence.upstreams.note_full(&self.cluster, cx, &mut self.signals);
        }
    }

    /// Leaves the trial to another probe, where this one has it still.
    pub(super) fn release_upstream(&self, cx: Context<'_, impl SharedStore>) {
        if self.held.asking == Asking::Trial {
            let _ = update::<Upstream, _>(cx, &self.upstream(), |upstream| {
                Change::write_if(upstream.release(self.token), ())
            });
        }
    }
}

/// Whether an answer says that the connection will be closed (RFC 9112, section 9.6).
fn announces_close(response: &impl ResponseHead) -> bool {
    let values = response.header_values(CONNECTION);
    let mut options = values.iter().flat_map(|value| value.split(|&byte| byte == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}
