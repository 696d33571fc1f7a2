//! `/api/live`: what happens, as it happens, in server-sent events.
//!
//! `history` once, `status` each second, `event` and `auth` for each fact that the query's filters let through, `missed` with a
//! number when a watcher was too slow, or more happened than anybody can read; with `why=1` also `why` after an event that nobody
//! got.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    response::{
        IntoResponse,
        sse::{Event, Sse},
    },
};
use http::{Response, StatusCode};
use serde_json::json;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, Interval},
};

use super::{View, answer, channels::value, why};
use crate::{
    server::stopped,
    tail::{Fact, Heard, Outcome, Road, Watcher},
};

/// Watchers at one time.
const MOST_WATCHERS: usize = 32;
/// Facts for one watcher in a second; what is beyond that is only counted.
const MOST_FACTS: usize = 200;

/// Channels explained to one watcher in a second: each costs a look at every channel.
const MOST_WHYS: usize = 2;
/// A channel is not explained again for so long, unless so many others were.
const EXPLAINED: (Duration, usize) = (Duration::from_secs(10), 64);

/// Lets watchers in.
pub(super) struct Live {
    view: Arc<View>,
    stop: watch::Receiver<bool>,
    places: Arc<Semaphore>,
}

impl Live {
    pub(super) fn new(view: Arc<View>, stop: watch::Receiver<bool>) -> Self {
        Self { view, stop, places: Arc::new(Semaphore::new(MOST_WATCHERS)) }
    }

    pub(super) fn answer(&self, query: Option<&str>) -> Response<Body> {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            let error = format!("{MOST_WATCHERS} others are watching; close some of them");
            return answer::refuse(StatusCode::SERVICE_UNAVAILABLE, &error);
        };
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let watching = Watching {
            watcher: self.view.parts.publisher.tail().watch(),
            view: self.view.clone(),
            stop: self.stop.clone(),
            filter: Filter::of(query),
            ready: VecDeque::from([Event::default()
                .event("history")
                .data(json!(self.view.history.samples()).to_string())]),
            ticks,
            shown: 0,
            whys: 0,
            explained: VecDeque::new(),
            missed: 0,
            since: Instant::now(),
            _place: place,
        };
        let events = futures_util::stream::unfold(watching, Watching::next);
        let mut response = answer::content("text/event-stream", Body::empty());
        *response.body_mut() = Sse::new(events).into_response().into_body();
        response
    }
}

/// Which facts a watcher wants.
#[derive(Debug, Default, PartialEq, Eq)]
struct Filter {
    channel: Option<String>,
    event: Option<String>,
    /// Neither events nor authorisations, only numbers.
    only_status: bool,
    /// Also why nobody got an event.
    why: bool,
}

impl Filter {
    fn of(query: Option<&str>) -> Self {
        let text = |name| value(query, name).filter(|text| !text.is_empty());
        Self {
            channel: text("channel"),
            event: text("event"),
            only_status: value(query, "facts").is_some_and(|on| on == "0"),
            why: value(query, "why").is_some_and(|on| on == "1"),
        }
    }

    fn lets_through(&self, fact: &Fact) -> bool {
        if self.only_status {
            return false;
        }
        let channel = |name: &str| self.channel.as_ref().is_none_or(|pattern| matches(pattern, name));
        match fact {
            Fact::Event(road) => {
                let event = self.event.as_ref().is_none_or(|pattern| matches(pattern, &road.event));
                event && road.channels.iter().any(|stop| channel(&stop.channel))
            }
            Fact::Auth(asked) => self.event.is_none() && channel(&asked.channel),
        }
    }
}

/// Whether `text` is like `pattern`, in which `*` stands for anything; a pattern without one may stand anywhere in the text.
fn matches(pattern: &str, text: &str) -> bool {
    if !pattern.contains('*') {
        return text.contains(pattern);
    }
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

/// One watcher's stream.
struct Watching {
    watcher: Watcher,
    view: Arc<View>,
    stop: watch::Receiver<bool>,
    filter: Filter,
    ready: VecDeque<Event>,
    ticks: Interval,
    shown: usize,
    whys: usize,
    explained: VecDeque<(Instant, String)>,
    missed: u64,
    since: Instant,
    _place: OwnedSemaphorePermit,
}

impl Watching {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some((Ok(event), self));
            }
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return None,
                _ = self.ticks.tick() => self.tick().await,
                heard = self.watcher.next() => {
                    if let Some(channel) = self.hear(heard) {
                        self.explain(channel).await;
                    }
                }
            }
        }
    }

    async fn tick(&mut self) {
        if self.missed > 0 {
            self.view.counters().tail_missed.add_many(self.missed);
            self.ready.push_back(Event::default().event("missed").data(self.missed.to_string()));
            self.missed = 0;
        }
        let status = self.view.status().await;
        let newest = self.view.history.newest();
        self.ready
            .push_back(Event::default().event("status").data(json!({"status": *status, "sample": newest}).to_string()));
    }

    /// Takes one fact; the channel that is to be explained after it.
    fn hear(&mut self, heard: Heard) -> Option<String> {
        if self.since.elapsed() >= Duration::from_secs(1) {
            (self.since, self.shown, self.whys) = (Instant::now(), 0, 0);
        }
        let fact = match heard {
            Heard::Missed(count) => {
                self.missed += count;
                return None;
            }
            Heard::Fact(fact) => fact,
        };
        if !self.filter.lets_through(&fact) {
            return None;
        }
        if self.shown >= MOST_FACTS {
            self.missed += 1;
            return None;
        }
        self.shown += 1;
        let name = match &*fact {
            Fact::Event(_) => "event",
            Fact::Auth(_) => "auth",
        };
        let data = serde_json::to_string(&*fact).unwrap_or_default();
        self.ready.push_back(Event::default().event(name).data(data));
        match &*fact {
            Fact::Event(road) if self.filter.why => self.unexplained(road),
            Fact::Event(_) | Fact::Auth(_) => None,
        }
    }

    /// The channel of an event that nobody got, unless it was explained shortly before.
    fn unexplained(&mut self, road: &Road) -> Option<String> {
        let stop = road.channels.first().filter(|_| road.result == Outcome::Nobody && self.whys < MOST_WHYS)?;
        if road.channels.iter().any(|stop| stop.reach != Default::default()) {
            return None; // somebody is subscribed, and was left out or too slow
        }
        let (fresh, most) = EXPLAINED;
        self.explained.retain(|(at, _)| at.elapsed() < fresh);
        if self.explained.iter().any(|(_, name)| *name == stop.channel) {
            return None;
        }
        if self.explained.len() >= most {
            self.explained.pop_front();
        }
        self.explained.push_back((Instant::now(), stop.channel.clone()));
        self.whys += 1;
        Some(stop.channel.clone())
    }

    async fn explain(&mut self, channel: String) {
        if let Some(why) = why::of(&self.view, channel).await {
            let data = serde_json::to_string(&why).unwrap_or_default();
            self.ready.push_back(Event::default().event("why").data(data));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_a_word_for_itself_anywhere() {
        for (pattern, text) in [
            ("orders", "private-orders.1"),
            ("private-*", "private-orders.1"),
            ("*.1", "private-orders.1"),
            ("p*o*1", "private-orders.1"),
            ("*", ""),
            ("a*", "a"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("orders*", "private-orders.1"), ("*orders", "private-orders.1"), ("a*a", "a"), ("x", "y")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
