//! Questions that are on their way: who asks the same, at the same time, waits for the same answer.
//!
//! The same means every byte that Laravel would be sent: URL, headers, cookie, body. Nothing is remembered once it is answered.

use std::{collections::HashMap, fmt, sync::Arc};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use http::{HeaderMap, Uri};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::Verdict;

/// Whether somebody still waits for an answer.
#[derive(Clone)]
pub struct Wanted(Arc<dyn Fn() -> bool + Send + Sync>);

impl Wanted {
    /// As long as `still` says so.
    pub fn while_true(still: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(still))
    }
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wanted")
    }
}

/// Everything Laravel would be sent, as its SHA-256: a question may wait for long, and nobody finds two with one digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

impl Key {
    pub(super) fn of(url: &Uri, headers: &HeaderMap, body: &str) -> Self {
        let mut lines: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        lines.sort_unstable();
        let url = url.to_string();
        let lines = lines.into_iter().flat_map(|(name, value)| [name.as_bytes(), value]);
        let mut key = Sha256::new();
        // Each with its length: what ends one part cannot begin the next.
        for part in [url.as_bytes(), body.as_bytes()].into_iter().chain(lines) {
            key.update((part.len() as u64).to_le_bytes());
            key.update(part);
        }
        Self(key.finalize().into())
    }
}

struct Flight {
    answer: Shared<BoxFuture<'static, Verdict>>,
    askers: Vec<Wanted>,
}

/// The questions on their way.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<Key, Flight>>);

impl Flights {
    /// The answer to a question, which is only asked if it is not on its way, and whether it was.
    pub(super) fn join(
        &self,
        key: Key,
        asker: Wanted,
        ask: impl FnOnce() -> BoxFuture<'static, Verdict>,
    ) -> (Shared<BoxFuture<'static, Verdict>>, bool) {
        let mut flights = self.0.lock();
        if let Some(flight) = flights.get_mut(&key) {
            flight.askers.push(asker);
            return (flight.answer.clone(), true);
        }
        let answer = ask().shared();
        flights.insert(key, Flight { answer: answer.clone(), askers: vec![asker] });
        (answer, false)
    }

    /// Whether nobody waits for this answer any more. Then it is no longer on its way, either: who comes now asks anew.
    pub(super) fn is_abandoned(&self, key: &Key) -> bool {
        let mut flights = self.0.lock();
        let Some(flight) = flights.get_mut(key) else { return true };
        flight.askers.retain(|asker| (asker.0)());
        let abandoned = flight.askers.is_empty();
        if abandoned {
            flights.remove(key);
        }
        abandoned
    }

    /// It is answered.
    pub(super) fn land(&self, key: &Key) {
        let landed = self.0.lock().remove(key);
        drop(landed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(url: &str, headers: &[(&'static str, &str)], body: &str) -> Key {
        let headers = headers.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect();
        Key::of(&url.parse().unwrap(), &headers, body)
    }

    #[test]
    fn only_what_is_the_same_in_every_byte_is_the_same() {
        let one = key("http://a/x", &[("cookie", "a=1"), ("accept", "b")], "channel_name=c");
        assert_eq!(one, key("http://a/x", &[("accept", "b"), ("cookie", "a=1")], "channel_name=c"));
        for other in [
            key("http://b/x", &[("cookie", "a=1"), ("accept", "b")], "channel_name=c"),
            key("http://a/x", &[("cookie", "a=2"), ("accept", "b")], "channel_name=c"),
            key("http://a/x", &[("cookie", "a=1")], "channel_name=c"),
            key("http://a/x", &[("cookie", "a=1"), ("accept", "b")], "channel_name=d"),
            key("http://a/x", &[("cookie", "a=1b"), ("accept", "")], "channel_name=c"),
            key("http://a/xchannel_name=", &[("cookie", "a=1"), ("accept", "b")], "c"),
        ] {
            assert_ne!(one, other);
        }
    }

    #[tokio::test]
    async fn an_answer_is_shared_while_it_is_awaited_and_forgotten_then() {
        let flights = Arc::new(Flights::default());
        let one = key("http://a/x", &[], "c");
        let wanted = || Wanted::while_true(|| true);
        let ask = || {
            let flights = flights.clone();
            async move {
                tokio::task::yield_now().await;
                flights.land(&one);
                Verdict::Granted(None)
            }
            .boxed()
        };
        let (first, shared) = flights.join(one, wanted(), ask);
        assert!(!shared);
        let (second, shared) = flights.join(one, wanted(), || unreachable!());
        assert!(shared);
        assert_eq!(tokio::join!(first, second), (Verdict::Granted(None), Verdict::Granted(None)));
        assert!(!flights.join(one, wanted(), ask).1, "answers are not kept");
    }

    #[test]
    fn what_nobody_waits_for_is_not_asked() {
        let flights = Flights::default();
        let one = key("http://a/x", &[], "c");
        let pending = || std::future::pending().boxed();
        let _ = flights.join(one, Wanted::while_true(|| false), pending);
        let _ = flights.join(one, Wanted::while_true(|| true), || unreachable!());
        assert!(!flights.is_abandoned(&one));
        flights.land(&one);
        let _ = flights.join(one, Wanted::while_true(|| false), pending);
        assert!(flights.is_abandoned(&one));
        assert!(!flights.join(one, Wanted::while_true(|| true), pending).1, "a newcomer asks anew");
    }
}
