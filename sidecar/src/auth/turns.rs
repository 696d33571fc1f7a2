//! Whose question is asked next: so many at one time, and of those that wait each household's in turn, and in it each socket's.
//!
//! Whoever asks a thousand things at once, be it with a thousand sockets, waits for them; who asks one thing meanwhile waits for one of
//! each of the others. Own code: a semaphore has one queue, in which who comes later waits for everybody's everything.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::edge::SocketId;

mod line;

use line::Line;

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    pub(super) socket: SocketId,
    /// [Its household](crate::admission::household), where it is known.
    pub(super) household: Option<IpAddr>,
}

/// Who has one turn in a round.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Party {
    Household(IpAddr),
    /// Of which nobody knows the household.
    Socket(SocketId),
}

impl Asking {
    fn party(&self) -> Party {
        self.household.map_or_else(|| Party::Socket(self.socket.clone()), Party::Household)
    }
}

/// The places at Laravel, and who waits for one.
#[derive(Debug)]
pub(super) struct Turns {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Places that nobody has; below zero while there are to be fewer than are taken.
    free: isize,
    /// What waits; empty where everything has been given up.
    lines: HashMap<Party, Line>,
    /// Whose turn it is next: all that have a line, once each.
    round: VecDeque<Party>,
    waiting: usize,
    last: u64,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    called: oneshot::Sender<Turn>,
}

/// One place, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Turn(Option<Arc<Turns>>);

/// A question that waits, until this is dropped.
#[derive(Debug)]
pub(super) struct Waiting {
    turns: Arc<Turns>,
    who: Asking,
    number: u64,
    called: oneshot::Receiver<Turn>,
}

/// What is said to who asks for a turn.
#[derive(Debug)]
pub(super) enum Said {
    Now(Turn),
    Wait(Waiting),
    /// Too many wait, or too many of this household's or socket's while others want to as well.
    Full,
}

impl Turns {
    pub(super) fn new(places: usize) -> Self {
        let (lines, round) = Default::default();
        Self { state: Mutex::new(State { free: places as isize, lines, round, waiting: 0, last: 0 }) }
    }

    /// So many more places, or fewer, as soon as they are free.
    pub(super) fn change(self: &Arc<Self>, by: isize) {
        let mut state = self.state.lock();
        state.free += by;
        self.call(&mut state);
    }

    /// A turn, if there is a place or fewer than `most` wait. A household has at most half of what the others leave it, and a socket shares
    /// that, or the queue where its household is not known, as [`has_room`] has it: there is always some for who comes.
    pub(super) fn ask(self: &Arc<Self>, who: &Asking, most: usize) -> Said {
        let mut state = self.state.lock();
        if state.free > 0 {
            state.free -= 1;
            return Said::Now(Turn(Some(Arc::clone(self))));
        }
        let room = most.saturating_sub(state.waiting);
        let party = who.party();
        let (ours, mine) = state.lines.get(&party).map_or((0, 0), |line| (line.waiting(), line.of(&who.socket)));
        let (room, most) = match party {
            Party::Socket(_) => (room, most),
            Party::Household(_) => {
                let share = (ours + room).div_ceil(2);
                (share.saturating_sub(ours), share)
            }
        };
        if !has_room(mine, room, most) {
            return Said::Full;
        }
        state.waiting += 1;
        state.last += 1;
        let (number, (sender, called)) = (state.last, oneshot::channel());
        let waiter = Waiter { number, called: sender };
        if let Some(line) = state.lines.get_mut(&party) {
            line.push(&who.socket, waiter);
        } else {
            state.lines.entry(party.clone()).or_default().push(&who.socket, waiter);
            state.round.push_back(party);
        }
        Said::Wait(Waiting { turns: Arc::clone(self), who: who.clone(), number, called })
    }

    /// Gives free places to those who wait.
    fn call(self: &Arc<Self>, state: &mut State) {
        while state.free > 0
            && let Some(party) = state.round.pop_front()
        {
            let Some(line) = state.lines.get_mut(&party) else { continue };
            let next = line.pop();
            if line.is_over() {
                state.lines.remove(&party);
            } else {
                state.round.push_back(party);
            }
            let Some(next) = next else { continue };
            state.waiting -= 1;
            match next.called.send(Turn(Some(Arc::clone(self)))) {
                Ok(()) => state.free -= 1,
                // It has gone, and the place was never taken.
                Err(mut turn) => turn.0 = None,
            }
        }
    }
}

/// Whether who has `mine` places may have another where there is `room` for more of `most`. The second half is shared: nobody has more in
/// it than there is room left.
fn has_room(mine: usize, room: usize, most: usize) -> bool {
    room > 0 && (room >= most.div_ceil(2) || mine < room)
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            let mut state = turns.state.lock();
            state.free += 1;
            turns.call(&mut state);
        }
    }
}

impl Waiting {
    /// Waits for the turn.
    pub(super) async fn called(&mut self) -> Option<Turn> {
        (&mut self.called).await.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.turns.state.lock();
        let state = &mut *state;
        let Some(line) = state.lines.get_mut(&self.who.party()) else { return };
        state.waiting -= line.give_up(&self.who.socket, self.number);
        // An empty line goes when its turn comes; or with the last that waits, for then no turn may come for long.
        if state.waiting == 0 {
            state.lines.clear();
            state.round.clear();
        }
    }
}

#[cfg(test)]
mod tests;
