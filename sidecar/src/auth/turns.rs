//! Whose question is asked next: so many at one time, and of those that wait each socket's in turn.
//!
//! Whoever asks a thousand things at once waits for them; who asks one thing meanwhile waits for one of each of the others. Own code:
//! a semaphore has one queue, in which who comes later waits for everybody's everything.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::edge::SocketId;

/// The places at Laravel, and who waits for one.
#[derive(Debug)]
pub(super) struct Turns {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Places that nobody has; below zero while there are to be fewer than are taken.
    free: isize,
    /// What waits, socket by socket; empty where everything has been given up.
    lines: HashMap<SocketId, VecDeque<Waiter>>,
    /// Whose turn it is next: all that have a line, once each.
    round: VecDeque<SocketId>,
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
    who: SocketId,
    number: u64,
    called: oneshot::Receiver<Turn>,
}

/// What is said to who asks for a turn.
#[derive(Debug)]
pub(super) enum Said {
    Now(Turn),
    Wait(Waiting),
    /// Too many wait, or too many of this socket's while others want to as well.
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

    /// A turn, if there is a place or fewer than `most` wait. The second half of the queue is shared: nobody has more in it than there
    /// is room left, so that there is always some for who comes.
    pub(super) fn ask(self: &Arc<Self>, who: &SocketId, most: usize) -> Said {
        let mut state = self.state.lock();
        if state.free > 0 {
            state.free -= 1;
            return Said::Now(Turn(Some(Arc::clone(self))));
        }
        let room = most.saturating_sub(state.waiting);
        let mine = state.lines.get(who).map_or(0, VecDeque::len);
        if room == 0 || (room < most.div_ceil(2) && mine >= room) {
            return Said::Full;
        }
        state.waiting += 1;
        state.last += 1;
        let (number, (sender, called)) = (state.last, oneshot::channel());
        let waiter = Waiter { number, called: sender };
        if let Some(line) = state.lines.get_mut(who) {
            line.push_back(waiter);
        } else {
            state.lines.insert(who.clone(), VecDeque::from([waiter]));
            state.round.push_back(who.clone());
        }
        Said::Wait(Waiting { turns: Arc::clone(self), who: who.clone(), number, called })
    }

    /// Gives free places to those who wait.
    fn call(self: &Arc<Self>, state: &mut State) {
        while state.free > 0
            && let Some(who) = state.round.pop_front()
        {
            let Some(line) = state.lines.get_mut(&who) else { continue };
            let Some(next) = line.pop_front() else {
                state.lines.remove(&who);
                continue;
            };
            state.waiting -= 1;
            if line.is_empty() {
                state.lines.remove(&who);
            } else {
                state.round.push_back(who);
            }
            match next.called.send(Turn(Some(Arc::clone(self)))) {
                Ok(()) => state.free -= 1,
                // It has gone, and the place was never taken.
                Err(mut turn) => turn.0 = None,
            }
        }
    }
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
        let Some(line) = state.lines.get_mut(&self.who) else { return };
        let before = line.len();
        line.retain(|waiter| waiter.number != self.number);
        state.waiting -= before - line.len();
        // An empty line goes when its turn comes; or with the last that waits, for then no turn may come for long.
        if state.waiting == 0 {
            state.lines.clear();
            state.round.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> SocketId {
        SocketId::from(name)
    }

    fn wait(turns: &Arc<Turns>, who: &str, most: usize) -> Option<Waiting> {
        match turns.ask(&id(who), most) {
            Said::Wait(waiting) => Some(waiting),
            Said::Full => None,
            Said::Now(_) => panic!("there was a place"),
        }
    }

    #[tokio::test]
    async fn who_asks_one_thing_does_not_wait_for_everything_of_another() {
        let turns = Arc::new(Turns::new(1));
        let Said::Now(mut turn) = turns.ask(&id("flood"), 100) else { panic!("no place") };
        let mut flood: Vec<_> = (0..50).filter_map(|_| wait(&turns, "flood", 100)).collect();
        let mut other = wait(&turns, "other", 100).unwrap();
        for number in 0..2 {
            drop(turn);
            turn = if number == 0 { flood.remove(0).called().await } else { other.called().await }.unwrap();
        }
        drop(flood);
        drop(other);
        assert_eq!(turns.state.lock().waiting, 0);
        drop(turn);
        assert_eq!(turns.state.lock().free, 1);
    }

    #[test]
    fn one_socket_never_takes_all_of_the_queue() {
        let turns = Arc::new(Turns::new(0));
        let flood = |who: &str| (0..1_000).map_while(|_| wait(&turns, who, 100)).collect::<Vec<_>>();
        let first = flood("first");
        assert_eq!(first.len(), 51);
        let others: Vec<_> = ["b", "c", "d"].map(flood).into_iter().flatten().collect();
        let good = wait(&turns, "good", 100);
        assert!(good.is_some(), "there is room for who comes");
        assert!(turns.state.lock().waiting < 100);
        drop((first, others, good));
        let state = turns.state.lock();
        assert_eq!((state.waiting, state.lines.len(), state.round.len()), (0, 0, 0));
    }

    #[tokio::test]
    async fn places_become_more_at_once_and_fewer_as_soon_as_they_are_free() {
        let turns = Arc::new(Turns::new(2));
        let take = || match turns.ask(&id("a"), 0) {
            Said::Now(turn) => Some(turn),
            Said::Wait(_) | Said::Full => None,
        };
        turns.change(3);
        let taken: Vec<_> = std::iter::from_fn(take).collect();
        assert_eq!(taken.len(), 5);
        turns.change(-4);
        drop(taken);
        assert_eq!(turns.state.lock().free, 1);
        let one = take();
        let mut waiting = wait(&turns, "b", 1).unwrap();
        turns.change(1);
        assert!(waiting.called().await.is_some() && one.is_some());
    }
}
