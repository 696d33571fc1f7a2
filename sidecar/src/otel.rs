//! Traces: the sidecar's part of a request's trace, sent to a collector by OTLP over HTTP.
//!
//! The spans are made of the roads that watchers are told as well ([`crate::tail`]), after an event has reached its last socket
//! and by a task of their own. Nothing waits for a collector: what comes faster than it takes is dropped and counted.
//!
//! OTLP's JSON by `serde_json` and our own HTTP client, not by OpenTelemetry's crates: the spans are ready when they come here, and
//! the crates would bring protobuf and a dozen others to print them.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, watch};

use self::client::Collector;
use crate::{config::OtelConfig, counters::Counters, server::stopped, tail::Road};

mod client;
mod spans;

#[cfg(feature = "fuzzing")]
pub use spans::fuzz;
pub use spans::is_sampled;

/// Roads that wait for the collector.
const QUEUE: usize = 2_048;
/// Roads in one request.
const BATCH: usize = 256;
/// How long a batch waits for more.
const GATHER: Duration = Duration::from_millis(500);
/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take when the sidecar stops.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// Takes roads for the collector.
#[derive(Debug)]
pub struct Traces {
    queue: mpsc::Sender<Road>,
    counters: Arc<Counters>,
}

/// Sends what was taken.
pub struct Sender {
    roads: mpsc::Receiver<Road>,
    collector: Collector,
    service: String,
    counters: Arc<Counters>,
    /// The last batch did not arrive, and that was said.
    failing: bool,
}

/// The two ends of a queue to this collector.
pub fn start(settings: &OtelConfig, counters: &Arc<Counters>) -> (Traces, Sender) {
    let (queue, roads) = mpsc::channel(QUEUE);
    let traces = Traces { queue, counters: counters.clone() };
    let (collector, service) = (Collector::new(settings), settings.service.clone());
    (traces, Sender { roads, collector, service, counters: counters.clone(), failing: false })
}

impl Traces {
    /// Takes one road, unless too many wait.
    pub fn take(&self, road: Road) {
        if self.queue.try_send(road).is_err() {
            self.counters.traces_dropped.add();
        }
    }
}

impl Sender {
    /// Sends until `stop` changes, and then what is left.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                count = self.roads.recv_many(&mut batch, BATCH) => if count == 0 { return },
                () = stopped(&mut stop) => break,
            }
            let full = async {
                while batch.len() < BATCH {
                    let room = BATCH - batch.len();
                    if self.roads.recv_many(&mut batch, room).await == 0 {
                        break;
                    }
                }
            };
            tokio::select! {
                _ = tokio::time::timeout(GATHER, full) => {}
                () = stopped(&mut stop) => break,
            }
            self.send(&mut batch, PATIENCE).await;
        }
        while let Ok(road) = self.roads.try_recv() {
            batch.push(road);
        }
        if !batch.is_empty() {
            self.send(&mut batch, LAST_PATIENCE).await;
        }
    }

    async fn send(&mut self, batch: &mut Vec<Road>, patience: Duration) {
        let count = batch.len() as u64;
        let request = spans::request(&self.service, batch);
        batch.clear();
        let sent = tokio::time::timeout(patience, self.collector.post(request)).await;
        let error = match sent {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {} s", patience.as_secs())),
        };
        match error {
            None => {
                self.counters.traces_sent.add_many(count);
                self.failing = false;
            }
            Some(error) => {
                self.counters.traces_failed.add_many(count);
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(
                        error,
                        "traces do not reach the collector (otel.endpoint); they are dropped and counted"
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::Outcome;

    #[tokio::test]
    async fn what_a_collector_does_not_take_in_time_is_dropped_and_counted() {
        let counters = Arc::<Counters>::default();
        let settings = OtelConfig {
            endpoint: "http://127.0.0.1:9/v1/traces".parse().unwrap(),
            headers: Vec::new(),
            service: "test".into(),
        };
        let (traces, _sender) = start(&settings, &counters);
        for _ in 0..QUEUE + 3 {
            traces.take(Road {
                number: 0,
                at: 0,
                source: "unix",
                id: None,
                event: String::new(),
                result: Outcome::Nobody,
                reason: None,
                except: None,
                trace: None,
                php_to_frame: None,
                frame_to_accepted: None,
                accepted_to_emitted: None,
                channels: Vec::new(),
                data: String::new(),
                data_bytes: 0,
            });
        }
        assert_eq!(counters.traces_dropped.get(), 3);
    }
}
