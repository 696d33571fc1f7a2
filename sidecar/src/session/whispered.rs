//! A whisper's road, told to whoever watches.

use std::{sync::Arc, time::Instant};

use parking_lot::Mutex;

use crate::{
    channel::ChannelName,
    hub::{Follower, Reach},
    seen::Emitting,
    tail::{self, Fact, Outcome, Road, Stop, Tail},
};

/// Is dropped when the whisper has been handed to every socket.
pub(super) struct Whispered {
    tail: Arc<Tail>,
    begun: Instant,
    road: Mutex<Option<Road>>,
}

impl Whispered {
    /// Follows a whisper; none when nobody watches.
    pub(super) fn follow(
        tail: &Arc<Tail>,
        channel: &ChannelName,
        event: &str,
        data: &str,
        sender: &str,
    ) -> Option<Arc<dyn Follower>> {
        if !tail.is_watched() {
            return None;
        }
        let road = Road {
            number: 0,
            at: tail::now(),
            source: "client",
            id: None,
            event: tail::name(event),
            result: Outcome::Nobody,
            reason: None,
            except: Some(sender.to_owned()),
            trace: None,
            php_to_frame: None,
            frame_to_accepted: Some(0),
            accepted_to_emitted: None,
            channels: vec![Stop { channel: channel.as_str().to_owned(), reach: Reach::default() }],
            data: tail::shown(data),
            data_bytes: data.len(),
        };
        Some(Arc::new(Self { tail: tail.clone(), begun: Instant::now(), road: Mutex::new(Some(road)) }))
    }
}

impl Follower for Whispered {
    fn emitting(&self) -> Option<&Emitting> {
        None
    }

    fn reached(&self, _: usize, reach: Reach) {
        if let Some(road) = &mut *self.road.lock() {
            road.result = if reach.taken > 0 { Outcome::Emitted } else { Outcome::Nobody };
            road.channels.iter_mut().for_each(|stop| stop.reach = reach);
        }
    }
}

impl Drop for Whispered {
    fn drop(&mut self) {
        if let Some(mut road) = self.road.get_mut().take() {
            road.accepted_to_emitted = Some(u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX));
            self.tail.tell(|number| Fact::Event(Road { number, ..road }));
        }
    }
}
