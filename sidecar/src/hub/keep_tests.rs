use std::sync::Barrier;

use super::*;
use crate::{
    config::RecoveryConfig,
    recovery::Epoch,
    testing::{StubSocket, channel, packet},
};

const CHANNELS: [&str; 3] = ["x", "y", "z"];

/// Publishers on three channels at once, and a client that is cut and comes back all the time, each time with a part of what it
/// was written: it gets everything once, and what one publisher sent in its order.
#[test]
fn a_client_that_is_cut_all_the_time_misses_and_repeats_nothing() {
    const EACH: usize = 400;
    let hub = Hub::default().keeping(Some(History::new(RecoveryConfig::default(), Epoch::fresh(), 0)));
    let mut socket = StubSocket::recovering("me".into(), "pid", Trace::default());
    for name in CHANNELS {
        hub.subscribe(&channel(name), socket.clone());
    }
    let barrier = Barrier::new(CHANNELS.len() + 1);
    let mut heard: Vec<String> = Vec::new();
    std::thread::scope(|scope| {
        for name in CHANNELS {
            let (hub, barrier) = (&hub, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for number in 0..EACH {
                    hub.emit(name, &packet(&format!("{name}{number}")), None);
                }
            });
        }
        barrier.wait();
        let (mut seen, mut round) = (0, 0);
        while heard.len() < EACH * CHANNELS.len() {
            round += 1;
            std::thread::yield_now();
            socket.cut();
            let seats: Vec<_> = CHANNELS
                .into_iter()
                .map(|name| Seat {
                    channel: channel(name),
                    span: Span { joined: 0, left: hub.park(&channel(name), socket.id()) },
                })
                .collect();
            let packets = socket.packets();
            let arrived = if round % 3 == 0 { packets.len() / 2 } else { packets.len() };
            for packet in &packets[..arrived] {
                heard.push(packet.event().to_owned());
                seen = packet.number().unwrap();
            }
            let old = socket.clone();
            hub.resume(
                "me",
                &seats,
                seen,
                || old.trace(),
                |trace| {
                    socket = StubSocket::recovering("me".into(), "pid", trace);
                    Some(socket.clone())
                },
            )
            .unwrap();
        }
    });
    for name in CHANNELS {
        let of_one: Vec<_> = heard.iter().filter(|event| event.starts_with(name)).cloned().collect();
        let all: Vec<_> = (0..EACH).map(|number| format!("{name}{number}")).collect();
        assert_eq!(of_one, all);
    }
}
