//! Connected clients that are on no channel (`limits.subscribeMs`).
//!
//! All are looked at together now and then. Whoever has joined a channel since, and left it again, begins anew.

use std::time::Duration;

use tokio::time::Instant;

use super::{Clients, State};
use crate::bounds::Bound;

/// The pause between two looks is this part of the bound.
const PART: u32 = 8;
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

impl Clients {
    /// Closes the sockets that are on no channel for longer than they may; when to look again.
    pub fn close_idle(&self) -> Duration {
        let Some(longest) = self.context.settings.limits().subscribe else { return PAUSE.0 };
        let now = Instant::now();
        for session in self.all() {
            let mut state = session.state.lock();
            if !state.is_idle(longest, now) {
                continue;
            }
            let Some(socket) = state.socket().cloned() else { continue };
            drop(state);
            let limit = longest.as_millis() as u64;
            self.context.refusals.over(Bound::Subscribe, limit, &session.id);
            socket.close_over(Bound::Subscribe, limit);
        }
        (longest / PART).clamp(PAUSE.0, PAUSE.1)
    }
}

impl State {
    /// Whether it is on no channel, and was on none at any look for so long. As long as Laravel is asked nobody knows.
    fn is_idle(&mut self, longest: Duration, now: Instant) -> bool {
        if !self.channels.is_empty() {
            self.idle = None;
            return false;
        }
        let since = *self.idle.get_or_insert(now);
        self.pending == 0 && self.promised.is_none() && now.duration_since(since) >= longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        recovery::Span,
        session::{Link, Stay},
        testing::channel,
    };

    #[test]
    fn who_joined_a_channel_begins_anew_and_whose_question_is_open_stays() {
        let longest = Duration::from_secs(10);
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut state = State::new(Link::Gone);
        assert!(!state.is_idle(longest, at(0)) && !state.is_idle(longest, at(9)));
        assert!(state.is_idle(longest, at(10)));
        state.pending = 1;
        assert!(!state.is_idle(longest, at(11)), "Laravel has not answered yet");
        state.pending = 0;
        let stay = Stay { span: Span { joined: 0, left: 0 }, consent: None, unconfirmed: false, since: None };
        state.channels.insert(channel("orders"), stay);
        assert!(!state.is_idle(longest, at(20)));
        state.channels.clear();
        assert!(!state.is_idle(longest, at(21)) && !state.is_idle(longest, at(30)));
        assert!(state.is_idle(longest, at(31)));
    }
}
