//! What was decided is done: in the request's own callback, or in a later one.

use super::Stream;
use crate::plugin::CLUSTERS;
use crate::waiting::{Cause, Looked};
use heartbeat_core::callout::Caller;
use heartbeat_core::exchange::{Overdue, RequestBody};
use heartbeat_core::policy::forged_markers;
use heartbeat_core::state::Context;
use heartbeat_core::{Decision, Exchange, RequestHead};
use heartbeat_host::abi::Action;
use heartbeat_host::{self as host, Request, SharedData};

impl Stream {
    /// Does with the paused request what was decided. `None` is ordinary traffic.
    pub fn apply(&self, decision: Option<Decision>) -> Action {
        match decision {
            None | Some(Decision::NotAProbe) => {
                self.with_exchange(Exchange::leave);
                leave_alone(&Request::default())
            }
            Some(Decision::Forward(edits)) => {
                host::forward(&edits, self.with_exchange(Exchange::take_marks).flatten());
                Action::Continue
            }
            Some(Decision::Reply(reply)) => {
                match &self.exchange {
                    Some(_) if host::is_calling() => {
                        self.plugin.waiting.add_alone(self.id, Cause::Turn(reply));
                    }
                    _ => host::reply(&reply),
                }
                Action::Pause
            }
            Some(Decision::Inspect(medium)) => {
                let page = self.plugin.page(medium);
                let shown = self.with_exchange(|exchange| Some(exchange.show(page?, medium)));
                self.apply(shown.flatten())
            }
            Some(Decision::Ask(call)) => {
                // Whoever is asked from within a call isn't to make another.
                match (!host::is_calling()).then(|| CLUSTERS.http_call(&call)) {
                    Some(Ok(token)) => self.plugin.keep_asked(token, self.id),
                    _ => return self.apply(self.after_call(None)),
                }
                Action::Pause
            }
            Some(Decision::Wait) => {
                self.with_exchange(|exchange| {
                    self.plugin.waiting.add(exchange.waits_for(), self.id);
                });
                Action::Pause
            }
        }
    }

    /// Does with it what was decided in another callback than its own.
    #[inline(never)]
    fn resume(&self, decision: Decision) {
        if self.apply(Some(decision)) == Action::Continue {
            self.drop_body();
            host::continue_request();
        }
    }

    pub(super) fn drop_body(&self) {
        if self.with_exchange(|exchange| exchange.request_body()) == Some(RequestBody::Dropped) {
            host::drop_request_body();
        }
    }

    /// Looks what becomes of the paused request.
    pub fn on_wake(&self, cause: &Cause, cx: Context<'_, SharedData>) -> Looked {
        let looked = host::on_behalf_of(self.id, self.plugin.root, || match cause {
            Cause::Overdue => self.on_overdue(cx),
            Cause::Turn(reply) => {
                host::reply(reply);
                Looked::Done
            }
            Cause::Fetched => self.wake(|exchange| Some(exchange.on_wake(&Request::default(), cx))),
            // Its own callback goes on with it.
            Cause::Message(_) if self.plugin.body_access.is_visible() => Looked::Done,
            Cause::Message(head) => self.wake(|exchange| {
                let hidden = match exchange.is_call() {
                    true => self.plugin.body_access.is_hidden(*head),
                    false => !exchange.may_wait_for_end(cx.now),
                };
                hidden.then(|| exchange.without_message(&Request::default(), cx))
            }),
        });
        looked.unwrap_or(Looked::Done)
    }

    /// Decides once more; `None` and [`Decision::Wait`] mean that nothing has changed.
    fn wake(&self, decide: impl FnOnce(&mut Exchange) -> Option<Decision>) -> Looked {
        match self.with_exchange(decide) {
            None => return Looked::Done,
            Some(None | Some(Decision::Wait)) => return Looked::Waits,
            Some(Some(decision)) => self.resume(decision),
        }
        Looked::Done
    }

    fn on_overdue(&self, cx: Context<'_, SharedData>) -> Looked {
        let overdue = self.with_exchange(|exchange| exchange.on_overdue(&Request::default(), cx));
        match overdue {
            None | Some(Overdue::Free) => {}
            Some(Overdue::Later(until)) => return Looked::Until(until),
            Some(Overdue::Decided(decision)) => self.resume(decision),
            Some(Overdue::Close) => host::close_stream(),
        }
        Looked::Done
    }

    fn after_call(&self, answer: Option<&host::Answer>) -> Option<Decision> {
        self.with_exchange(|exchange| {
            exchange.on_call_answer(answer, &Request::default(), host::shared())
        })
    }

    /// The answer to the call is there that was made for the paused request.
    pub fn on_call_answer(&self, answer: &host::Answer) {
        host::on_behalf_of(self.id, self.plugin.root, || {
            self.after_call(Some(answer)).into_iter().for_each(|decision| self.resume(decision));
        });
    }
}

/// What happens to ordinary traffic: nothing, but to markers that it forges.
pub fn leave_alone(request: &impl RequestHead) -> Action {
    forged_markers(request).for_each(host::remove_request_header);
    Action::Continue
}
