//! Works the health score out, every so often, for the whole process.

use super::Background;
use crate::base::time::nanos;
use crate::score::EVERY;
use crate::state::{Change, Context, Round, SharedStore};

impl Background {
    /// Works the score out where it is due and nobody else has. Only the latest
    /// configuration shows its own: an older one may still be at work beside it.
    pub(super) fn keep_score(&mut self, cx: Context<'_, impl SharedStore>) {
        let Some(keeper) = &self.evidence.score else { return };
        let period = nanos(EVERY);
        if self.score_at > cx.now {
            return;
        }
        let claimed = Round::claim_of_all(&keeper.round, period, 0, cx);
        let (claimed, due) = claimed.unwrap_or((false, cx.now + period));
        self.score_at = due;
        if !claimed {
            return;
        }
        let admin = self.evidence.admin.as_ref();
        let seen = admin.map(|admin| (admin, admin.state.read(cx)));
        let view = seen.as_ref().and_then(|(admin, state)| state.fresh(&admin.rule, cx.now));
        let scored = keeper.work_out(view, cx);
        // Where it can't be written, it is stale before long.
        let _ = keeper.scored.update(cx, |kept| {
            *kept = scored;
            Change::Write(())
        });
        if self.loads.is_latest(cx.store) {
            keeper.show(&scored, &mut self.signals);
        }
    }
}
