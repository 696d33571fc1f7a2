//! Who may publish here, and on how many connections: all users together, and each of them.
//!
//! A user may hold so many that there is room for another one, so that a pool whose workers run wild takes no place of other pools.

use std::{collections::HashMap, sync::Arc, time::Duration};

use interprocess::{local_socket::traits::StreamCommon as _, os::unix::uds_local_socket::tokio::Stream};
use parking_lot::Mutex;
use rustecho_wire::{EventId, Refusal, RefusalCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    bounds::{Bound, Refusals},
    config::{Live, UnixSocketConfig},
    counters::Counters,
    once::Once,
};

/// How long a publisher that is turned away may take for what it came to say; less than PHP waits (`rustecho.timeout_ms`).
const FAREWELL: Duration = Duration::from_millis(20);

/// Decides about publishers.
pub(super) struct Admission {
    pub(super) settings: UnixSocketConfig,
    pub(super) most: usize,
    pub(super) live: Option<Live>,
    /// Users that have been named.
    pub(super) strangers: Once,
}

/// Why a publisher does not come in.
#[derive(Debug)]
pub(super) enum Refused {
    /// Its user may not publish.
    Stranger,
    /// There are too many; the sentence for it.
    Surplus(String),
}

impl Admission {
    /// Looks at a publisher that has connected.
    pub(super) fn admit(
        &self,
        stream: &Stream,
        held: &Arc<Held>,
        refusals: &Refusals,
        counters: &Counters,
    ) -> Result<Place, Refused> {
        let uid = stream.peer_creds().ok().and_then(|peer| peer.euid());
        if !self.lets_in(uid) {
            counters.refused_peers.add();
            return Err(Refused::Stranger);
        }
        let limits = self.live.as_ref().map(Live::limits);
        let most = limits.as_ref().map_or(self.most, |limits| limits.publishers);
        let of_one = limits.and_then(|limits| limits.publishers_per_user);
        held.take(uid, most, of_one).map_err(|over| Refused::Surplus(over.said(uid, most, refusals)))
    }

    fn lets_in(&self, uid: Option<u32>) -> bool {
        let config = self.live.as_ref().map(Live::read);
        let settings = config.as_ref().and_then(|config| config.unix_socket.as_ref()).unwrap_or(&self.settings);
        let allowed = settings.allowed_uids.is_empty() || uid.is_some_and(|uid| settings.allowed_uids.contains(&uid));
        if !allowed && self.strangers.is_first(&format!("{uid:?}")) {
            tracing::warn!(
                uid,
                "publishers are refused: their uid is not in unixSocket.allowedUids; more of them are only counted"
            );
        }
        allowed
    }
}

/// The connections of each user; who has no uid is a user, too.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    all: usize,
    of: HashMap<Option<u32>, usize>,
}

/// A connection that counts as long as this is kept.
#[derive(Debug)]
pub(super) struct Place {
    held: Arc<Held>,
    uid: Option<u32>,
}

/// The bound that one more connection would be over.
#[derive(Debug, PartialEq, Eq)]
enum Over {
    All,
    User { has: usize, share: usize },
}

impl Held {
    fn take(self: &Arc<Self>, uid: Option<u32>, most: usize, of_one: Option<usize>) -> Result<Place, Over> {
        let mut count = self.0.lock();
        if count.all >= most {
            return Err(Over::All);
        }
        let has = count.of.get(&uid).copied().unwrap_or(0);
        let share = of_one.unwrap_or_else(|| share(most, count.all - has));
        if has >= share {
            return Err(Over::User { has, share });
        }
        count.all += 1;
        count.of.insert(uid, has + 1);
        Ok(Place { held: self.clone(), uid })
    }
}

/// What one user may have when nothing is set: three quarters of what the others leave, so that there is something left for another
/// one, and for one after that.
fn share(most: usize, others: usize) -> usize {
    let left = most.saturating_sub(others);
    (left - left.div_ceil(4)).max(1)
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut count = self.held.0.lock();
        count.all -= 1;
        if let Some(has) = count.of.get_mut(&self.uid) {
            *has -= 1;
            if *has == 0 {
                count.of.remove(&self.uid);
            }
        }
    }
}

impl Over {
    fn said(&self, uid: Option<u32>, most: usize, refusals: &Refusals) -> String {
        match self {
            Self::All => refusals.over(Bound::Publishers, most, "a publisher"),
            Self::User { has, share } => {
                let uid = uid.map_or_else(|| "unknown".to_owned(), |uid| uid.to_string());
                let who = format!("uid {uid} has {has} of {most} connections (limits.publishers)");
                let sentence = refusals.over(Bound::PublishersPerUser, share, &who);
                format!("{sentence}: {who}")
            }
        }
    }
}

/// Tells a publisher that there are too many, and waits a little for it to have said what it came for: who finds the connection
/// closed while it writes does not read the reason.
pub(super) async fn turn_away(mut stream: Stream, message: String) {
    let refusal = Refusal { id: EventId::NIL, code: RefusalCode::Unavailable, message }.to_frame();
    let _ = timeout(FAREWELL, async {
        stream.write_all(&refusal).await?;
        stream.read(&mut [0; 4096]).await
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 8_192;

    /// As many as this user gets.
    fn greedy(held: &Arc<Held>, uid: u32, most: usize, of_one: Option<usize>) -> Vec<Place> {
        std::iter::from_fn(|| held.take(Some(uid), most, of_one).ok()).collect()
    }

    #[test]
    fn one_user_leaves_room_for_others_and_has_what_they_leave() {
        let held = Arc::new(Held::default());
        let first = greedy(&held, 33, MOST, None);
        assert_eq!(first.len(), 6_144);
        assert_eq!(held.take(Some(33), MOST, None).unwrap_err(), Over::User { has: 6_144, share: 6_144 });
        let more: Vec<_> = (34..38).map(|uid| greedy(&held, uid, MOST, None)).collect();
        assert_eq!(
            more.iter().map(Vec::len).collect::<Vec<_>>(),
            [1_536, 384, 96, 24],
            "there is always some for another"
        );
        drop(more);
        drop(first);
        assert!(held.0.lock().of.is_empty() && held.0.lock().all == 0);
        assert_eq!(greedy(&held, 34, MOST, None).len(), 6_144);
    }

    #[test]
    fn a_share_that_is_set_holds_and_the_bound_on_all_before_it() {
        let held = Arc::new(Held::default());
        let first = greedy(&held, 1, 10, Some(7));
        let second = greedy(&held, 2, 10, Some(7));
        assert_eq!((first.len(), second.len()), (7, 3));
        assert_eq!(held.take(Some(3), 10, Some(7)).unwrap_err(), Over::All);
        assert_eq!(held.take(Some(1), 5, Some(7)).unwrap_err(), Over::All, "a bound that was lowered");
    }

    #[test]
    fn who_has_none_gets_one_while_there_is_any() {
        for most in 1..6 {
            let held = Arc::new(Held::default());
            let places: Vec<_> = (0..most).map(|uid| held.take(u32::try_from(uid).ok(), most, None).unwrap()).collect();
            assert_eq!(held.take(None, most, None).unwrap_err(), Over::All);
            drop(places);
        }
    }

    #[test]
    fn who_is_over_is_told_key_user_and_numbers() {
        let refusals = Refusals::new(Arc::default());
        assert_eq!(
            Over::User { has: 3, share: 3 }.said(Some(33), 4, &refusals),
            "over limits.publishersPerUser (3): uid 33 has 3 of 4 connections (limits.publishers)"
        );
        assert_eq!(Over::All.said(Some(33), 4, &refusals), "over limits.publishers (4)");
    }
}
