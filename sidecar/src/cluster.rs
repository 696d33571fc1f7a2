//! Many nodes that serve as one: what enters at one of them reaches the subscribers of all.
//!
//! Every node says what happens at its door in one Redis stream, and every node does what is said there in the order in which it
//! stands there, its own part included. A Redis that is slow or away is not waited for: then a node serves its own sockets at once.
//! See [`message`] for what is said, [`turns`] for when it is done, [`peers`] for how nothing is missed or repeated, [`link`] for the
//! stream.
//!
//! Events that come from Redis itself are not told: every node gets them there. What is told is that they have been heard, which
//! gives them their place: see [`overheard`].

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Weak, atomic::AtomicBool},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinSet,
    time::{Instant, interval},
};

use crate::{channel::ChannelName, config::ClusterConfig, counters::Counters, once::Once, recovery::Mark};

mod beside;
mod census;
mod gaps;
mod hearing;
mod here;
mod left;
mod link;
mod local;
mod message;
mod outbox;
mod overheard;
mod overhearing;
mod peers;
mod retelling;
mod roll;
mod saying;
mod standing;
#[cfg(test)]
mod tests;
mod trim;
mod turns;
mod volume;

use census::Census;
use gaps::Gaps;
pub use here::{Here, Part, RemoteEvent, Turn};
pub use left::{Elsewhere, Left};
pub use link::Place;
use link::{Read, Stream};
pub use local::Local;
#[cfg(feature = "fuzzing")]
pub use message::fuzz;
use message::{Body, Seal};
pub use message::{NodeId, Seat, Session, SessionStay};
use outbox::Outbox;
use overheard::Overheard;
use overhearing::{Emit, Notes};
use peers::Peers;
use retelling::Retelling;
pub use standing::{CLAIM, Standing};
use turns::Turns;
use volume::Volume;

/// A node says that it lives so many times in the time after which its silence means that it is dead.
const BEATS: u32 = 5;
/// Accounts of all members are given at most this often, however many nodes ask.
const ACCOUNT: Duration = Duration::from_millis(50);

/// What goes on being dropped is told again after so long.
const TELL_AGAIN: Duration = Duration::from_secs(10);

/// This node among the others.
pub struct Cluster {
    config: ClusterConfig,
    max_name: usize,
    seal: Seal,
    outbox: Arc<Outbox>,
    turns: Arc<Turns>,
    overheard: Mutex<Overheard<Emit>>,
    /// An event of a legacy publisher has come; and some have been done.
    came: Notify,
    heard: Notify,
    notes: Mutex<Notes>,
    /// This node hears legacy publishers; and it does so by a Redis Cluster, which has an order only on each channel.
    overhears: AtomicBool,
    has_lanes: AtomicBool,
    counters: Arc<Counters>,
    place: Arc<Mutex<Option<Place>>>,
    /// The place of the last entry that was taken: others may have been read and wait.
    taken: Mutex<Option<Place>>,
    /// Shared with each session of another node that is to come here and has not been decided about.
    claims: Arc<()>,
    /// How far this node has come in the common order; none while it does not keep to it.
    reached: watch::Sender<Option<Mark>>,
    state: Mutex<State>,
    /// What is missing of others, and what waits for it; and what can be said again in their place.
    gaps: Mutex<Gaps>,
    retelling: Mutex<Retelling>,
    census: Census,
    asked: Notify,
    complained: Once,
}

struct State {
    peers: Peers,
    /// On which channels the other nodes have members, and the number of the message that told so last.
    members: HashMap<NodeId, HashMap<ChannelName, u64>>,
    /// Those who have given their first account.
    accounted: HashSet<NodeId>,
    /// Who spoke before this node started, and when by the stream's clock: they are expected.
    expected: HashMap<NodeId, u64>,
    echo: Echo,
    /// This node does not keep to the common order at the moment.
    is_out: bool,
    /// Where it last came back to it.
    in_order_since: Option<Mark>,
    /// When it was last told how many messages did not fit into the queue, and how many these were.
    dropped_told: (Option<Instant>, u64),
}

/// How long the way through Redis takes.
enum Echo {
    /// Said then, and not heard yet.
    Said(Instant),
    Heard(Duration),
}

impl Cluster {
    /// A node of its own. Nothing is said or heard before [`Cluster::run`].
    pub fn new(config: ClusterConfig, max_name: usize, counters: Arc<Counters>) -> Self {
        let node = NodeId(rand::random());
        let seal = Seal::new(config.secret.as_deref());
        let outbox = Arc::new(Outbox::new(node, seal.clone(), config.queue));
        let peers = Peers::new(node, config.silence(), Instant::now());
        let state = Mutex::new(State {
            peers,
            members: HashMap::new(),
            accounted: HashSet::new(),
            expected: HashMap::new(),
            echo: Echo::Said(Instant::now()),
            is_out: false,
            in_order_since: None,
            dropped_told: (None, 0),
        });
        let turns = Arc::new(Turns::new(config.wait));
        let overheard = Mutex::new(Overheard::new(config.wait, config.silence()));
        let gaps = Mutex::new(Gaps::new(config.silence()));
        Self {
            config,
            max_name,
            seal,
            outbox,
            turns,
            overheard,
            came: Notify::new(),
            heard: Notify::new(),
            notes: Mutex::new(Notes::new()),
            overhears: AtomicBool::new(false),
            has_lanes: AtomicBool::new(false),
            counters,
            place: Arc::default(),
            taken: Mutex::default(),
            claims: Arc::default(),
            reached: watch::Sender::default(),
            state,
            gaps,
            retelling: Mutex::default(),
            census: Census::default(),
            asked: Notify::new(),
            complained: Once::default(),
        }
    }

    /// Says and hears until the returned set is dropped.
    pub fn run(self: &Arc<Self>, here: &Weak<dyn Here>) -> JoinSet<()> {
        let key = format!("{}rustecho:cluster", self.config.redis.key_prefix);
        let redis = self.config.redis.clone();
        let (seal, sign) = (self.seal.clone(), self.sign());
        let volume = Arc::new(Volume::new(self.config.stream_length, self.config.stream_bytes));
        let stream = Stream { redis, key, volume, seal, sign, place: self.place.clone() };
        let (inbox, mut entries) = mpsc::channel(link::INBOX);
        let mut tasks = JoinSet::new();
        tasks.spawn(stream.clone().write(self.outbox.clone(), self.turns.clone()));
        tasks.spawn(stream.read(inbox));
        let (cluster, host) = (self.clone(), here.clone());
        tasks.spawn(async move {
            let mut account = pin!(cluster.account_due());
            let mut hurried = Instant::now();
            loop {
                // What was held comes before what is new.
                let is_behind = cluster.gaps.lock().has_next();
                let read = tokio::select! {
                    biased; // what has come from Redis has had its time
                    () = std::future::ready(()), if is_behind => None,
                    read = entries.recv() => Some(read),
                    () = cluster.turns.wait() => None,
                    () = cluster.overheard_due() => None,
                    () = cluster.gaps_due() => None,
                    () = &mut account => {
                        let Some(here) = host.upgrade() else { return };
                        cluster.whole(|| {
                            if !cluster.give_account(here.as_ref()) {
                                cluster.asked.notify_one();
                            }
                        });
                        account.set(cluster.account_due());
                        continue;
                    }
                };
                let Some(here) = host.upgrade() else { return };
                let mut is_due = false;
                match read {
                    Some(Some(Read::Entry(place, bytes, _room))) => {
                        cluster.hold(here.as_ref(), place, &bytes).await;
                        cluster.whole(|| cluster.hear(here.as_ref(), place, &bytes, Instant::now()));
                    }
                    Some(Some(Read::Gap(clock))) => cluster.overheard.lock().begin(clock),
                    Some(Some(Read::Begin { place, notes, roll })) => cluster.begins(place, notes, roll),
                    Some(Some(Read::Doubt)) => _ = cluster.whole(|| cluster.doubt(here.as_ref())),
                    Some(Some(Read::Lost { is_anew })) => {
                        cluster.whole(|| cluster.lost_redis(here.as_ref(), is_anew, Instant::now()));
                    }
                    Some(None) => return,
                    None if is_behind => _ = cluster.whole(|| cluster.hear_held(here.as_ref(), Instant::now())),
                    None => is_due = true,
                }
                // Where one entry follows the other, too, what waits for its turn does not wait for them.
                let now = Instant::now();
                if is_due || now.saturating_duration_since(hurried) >= cluster.config.wait {
                    hurried = now;
                    cluster.whole(|| cluster.hurry(here.as_ref(), now));
                }
                tokio::task::consume_budget().await; // a flood must not starve the sockets
            }
        });
        tasks.spawn(self.clone().beat(here.clone()));
        tasks
    }

    /// How many sockets the other nodes have, and, when that is asked, how many subscribers on channels whose
    /// names start with `prefix`. Who does
    /// not answer in time is left out.
    pub async fn count(&self, prefix: Option<&str>) -> (u64, HashMap<String, u64>) {
        let others = self.state.lock().peers.others();
        let question = self.census.ask(others);
        self.outbox.say(Body::Count { question, prefix: prefix.map(Cow::Borrowed) });
        self.census.answers(question).await
    }

    /// Whoever lives has said something in so long a time.
    fn sign(&self) -> Duration {
        self.config.silence() * 2 / BEATS
    }

    async fn beat(self: Arc<Self>, here: Weak<dyn Here>) {
        let mut ticks = interval(self.config.silence() / BEATS);
        loop {
            ticks.tick().await;
            self.say_alive(Instant::now());
            if here.strong_count() == 0 {
                return;
            }
        }
    }

    /// Says that this node lives, and who does not.
    fn say_alive(&self, now: Instant) {
        let (some_may_die, dead) = {
            let mut state = self.state.lock();
            if matches!(state.echo, Echo::Heard(_)) {
                state.echo = Echo::Said(now);
            }
            (state.peers.some_may_die(now), state.peers.silent(now))
        };
        self.outbox.say(Body::Beat);
        self.say_dropped(now);
        // Who dies soon may have said what some have not heard: by its end they will have.
        if some_may_die {
            self.say_known(false);
        }
        // Everybody does it when it is heard, in the same turn.
        for of in dead {
            self.outbox.say(Body::Bury { of });
        }
    }

    /// Tells of what did not fit into the queue for the other nodes.
    fn say_dropped(&self, now: Instant) {
        self.counters.cluster_dropped.add_many(self.outbox.take_dropped());
        let mut state = self.state.lock();
        let (dropped, told) = (self.counters.cluster_dropped.get(), &mut state.dropped_told);
        if dropped > told.1 && told.0.is_none_or(|at| now - at >= TELL_AGAIN) {
            *told = (Some(now), dropped);
            tracing::error!(
                key = "cluster.queueBytes",
                limit = self.config.queue,
                so_far = dropped,
                "Redis is away or slow, and what waits for the other nodes is over cluster.queueBytes: the oldest messages were \
                 dropped, and the other nodes may never get them"
            );
        }
    }

    /// Does something after which this node has to go on hearing, whatever becomes of it; whether it was done to its end. If not, it
    /// may have left this node where the others are not: it does not keep to the order until the next message.
    fn whole(&self, act: impl FnOnce()) -> bool {
        // What is shared here is behind locks that are let go of, and counters.
        let is_done = catch_unwind(AssertUnwindSafe(act)).is_ok();
        if !is_done {
            self.counters.cluster_panics.add();
            self.state.lock().is_out = true;
            tracing::error!("a defect: a message of the cluster was not done to its end; going on with the next");
        }
        is_done
    }

    /// Waits until this node is to give an account of its members and sessions.
    async fn account_due(&self) {
        self.asked.notified().await;
        tokio::time::sleep(ACCOUNT).await;
    }
}
