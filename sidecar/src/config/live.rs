//! The configuration in force. SIGHUP puts another in its place, whole: who reads it has the old one or the new one.

use std::{fmt, sync::Arc};

// A read is an atomic load; a lock would be taken for every event.
use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;

use super::{Config, Limits};

/// Cloning shares it.
#[derive(Clone, Default)]
pub struct Live(Arc<Inner>);

#[derive(Default)]
struct Inner {
    config: ArcSwap<Config>,
    followers: Mutex<Vec<Follower>>,
}

/// Told of a configuration that has come into force.
type Follower = Box<dyn Fn(&Config) + Send + Sync>;

impl Live {
    /// What holds at this moment, for a look; not to be kept.
    pub fn read(&self) -> Guard<Arc<Config>> {
        self.0.config.load()
    }

    /// What holds at this moment, for something that must not change while it lasts.
    pub fn now(&self) -> Arc<Config> {
        self.0.config.load_full()
    }

    /// The bounds that hold at this moment.
    pub fn limits(&self) -> Limits {
        self.read().limits
    }

    /// Tells `follower` of every configuration that comes into force from now on: for what is made of settings and kept.
    pub fn follow(&self, follower: impl Fn(&Config) + Send + Sync + 'static) {
        self.0.followers.lock().push(Box::new(follower));
    }

    /// Puts a configuration into force.
    pub fn change(&self, config: Config) {
        let config = Arc::new(config);
        self.0.config.store(config.clone());
        self.0.followers.lock().iter().for_each(|follower| follower(&config));
    }
}

impl From<Config> for Live {
    fn from(config: Config) -> Self {
        Self(Arc::new(Inner { config: ArcSwap::from_pointee(config), followers: Mutex::default() }))
    }
}

impl From<Arc<Config>> for Live {
    fn from(config: Arc<Config>) -> Self {
        Self(Arc::new(Inner { config: ArcSwap::new(config), followers: Mutex::default() }))
    }
}

impl From<Limits> for Live {
    /// Defaults, but for the bounds.
    fn from(limits: Limits) -> Self {
        Config { limits, ..Config::default() }.into()
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

    use super::*;

    #[test]
    fn a_change_is_seen_by_every_reader_and_told_to_every_follower() {
        let live = Live::from(Config::default());
        let (reader, before, told) = (live.clone(), live.now(), Arc::new(AtomicU16::new(0)));
        let follower = told.clone();
        live.follow(move |config| follower.store(config.port, Relaxed));
        live.change(Config { port: 7, ..Config::default() });
        assert_eq!((reader.read().port, before.port, told.load(Relaxed)), (7, 6001, 7));
    }
}
