//! `kill -9` between two sockets of one event.

use std::{fs, path::PathBuf};

use super::tests::{publish, raw};
use super::*;
use crate::{
    config::RecoveryConfig,
    edge::{EmitError, Handshake, Socket, SocketId, Transport},
    recovery::{Doubt, Epoch, Heard, History, Offset, Trace},
    seen::at_the_door,
    testing::{StubSocket, TempDir, channel},
};
use rustecho_wire::EventId;

/// Takes what it is handed; and where it has a path, that is what the ledger is when its sidecar is killed right before.
struct Killing {
    stub: Arc<StubSocket>,
    ledger: Option<[PathBuf; 2]>,
}

impl Socket for Killing {
    fn id(&self) -> &SocketId {
        self.stub.id()
    }

    fn handshake(&self) -> &Handshake {
        self.stub.handshake()
    }

    fn transport(&self) -> Transport {
        self.stub.transport()
    }

    fn pid(&self) -> Option<&str> {
        self.stub.pid()
    }

    fn emit(&self, packet: &Packet) -> Result<(), EmitError> {
        if let Some([ledger, copy]) = &self.ledger {
            fs::copy(ledger, copy).unwrap();
        }
        at_the_door();
        self.stub.emit(packet)
    }

    fn close(&self) {}
}

fn door(ledger: &std::path::Path) -> Publisher {
    let history = History::new(RecoveryConfig::default(), Epoch::fresh(), 0);
    let hub = Arc::new(Hub::default().keeping(Some(history)));
    let door = Publisher::new(hub, Limits::default(), Arc::default(), DevLog::new(false));
    door.resume(Ledger::open(ledger).unwrap());
    door
}

#[test]
fn what_a_killed_sidecar_was_writing_reaches_who_lacks_it_and_nobody_twice() {
    let folder = TempDir::new("doubt");
    let [ledger, copy] = ["ledger", "copy"].map(|name| folder.path().join(name));
    let (first, data) = (door(&ledger), raw("1"));
    let stub = |id: &str| StubSocket::recovering(id.into(), id, Trace::default());
    let (had, cut) = (stub("had"), stub("cut"));
    let orders = channel("orders");
    first.hub.subscribe(&orders, Arc::new(Killing { stub: had.clone(), ledger: None }));
    first.hub.subscribe(&orders, Arc::new(Killing { stub: cut.clone(), ledger: Some([ledger, copy.clone()]) }));
    let event =
        |name, id| Publish { id: Some(EventId([id; 16])), source: Source::Unix, ..publish(&["orders"], name, &data) };
    first.publish(&event("Before", 1)).unwrap();
    let heard = |socket: &StubSocket| {
        let Offset { epoch, number, .. } = Offset::parse(&socket.offset().unwrap()).unwrap();
        Heard::Last(epoch, number)
    };
    let cut_heard = heard(&cut);
    first.publish(&event("Killed", 2)).unwrap();

    let second = door(&copy);
    let other = Heard::Last(Epoch::fresh(), 1);
    let back =
        [("had", heard(&had)), ("cut", cut_heard), ("mute", Heard::Unknown), ("new", Heard::Nothing), ("far", other)];
    let back = back.map(|(id, heard)| StubSocket::that_heard(id, heard));
    for socket in &back {
        second.hub.subscribe(&orders, socket.clone());
    }
    let heard_by = |texts: [Vec<String>; 5]| texts.map(|texts| texts.len());
    for (name, id, wanted) in
        [("Killed", 2, [0, 1, 0, 1, 0]), ("Killed", 2, [0; 5]), ("Before", 1, [0; 5]), ("After", 3, [1; 5])]
    {
        second.publish(&event(name, id)).unwrap();
        assert_eq!(heard_by(back.each_ref().map(|socket| socket.texts())), wanted, "{name}");
    }
    assert_eq!((second.counters.in_doubt.get(), second.counters.duplicates.get()), (1, 2));
    assert_eq!(second.counters.published_unix.get(), 1, "what is in doubt has been counted when it came first");
}

#[test]
fn the_sender_of_what_is_in_doubt_is_left_out_again() {
    let folder = TempDir::new("doubt");
    let door = door(&folder.path().join("ledger"));
    let socket = StubSocket::that_heard("me", Heard::Nothing);
    door.hub.subscribe(&channel("orders"), socket.clone());
    let doubt = Doubt { epoch: Epoch::fresh(), from: 1 };
    for (except, count) in [(Some("me"), 0), (Some("you"), 1), (None, 1)] {
        let packet = crate::testing::packet("e");
        door.hub.emit_later("orders", &packet, To { except, done: Done::Some(doubt) }, None, &mut Later::default());
        assert_eq!(socket.texts().len(), count);
    }
}

#[test]
fn what_a_killed_sidecar_wrote_is_not_for_those_that_come_from_it_to_another_node() {
    let folder = TempDir::new("doubt");
    let [ledger, copy] = ["ledger", "copy"].map(|name| folder.path().join(name));
    let (first, data) = (door(&ledger), raw("1"));
    let socket = |id: &str, ledger| {
        let stub = StubSocket::recovering(id.into(), id, Trace::default());
        (stub.clone(), Arc::new(Killing { stub, ledger }))
    };
    let ((had, whole), (_, killing)) = (socket("had", None), socket("cut", Some([ledger, copy.clone()])));
    first.hub.subscribe(&channel("orders"), whole.clone());
    first.hub.subscribe(&channel("more"), whole);
    first.hub.subscribe(&channel("more"), killing);
    let event = |source, channel: &'static str, id| Publish {
        id: Some(EventId([id; 16])),
        source,
        ..publish(std::slice::from_ref(Box::leak(Box::new(channel))), "E", &data)
    };
    first.publish(&event(Source::Unix, "orders", 1)).unwrap();
    let Offset { epoch, number, .. } = Offset::parse(&had.offset().unwrap()).unwrap();
    first.publish(&event(Source::Unix, "more", 2)).unwrap();

    // What the next sidecar knows of both it tells the other node.
    let mut seen = crate::seen::Seen::default();
    seen.resume(Ledger::open(&copy).unwrap());
    let Met::Before(Some(before)) = seen.begin(EventId([1; 16])) else { panic!("not noted") };
    let Met::InDoubt(_, Some(doubt)) = seen.begin(EventId([2; 16])) else { panic!("not in doubt") };
    assert_eq!([before, doubt].map(|doubt| doubt.epoch), [epoch; 2]);

    let other = door(&folder.path().join("other"));
    let heard = [Heard::Unknown, Heard::Nothing, Heard::Last(epoch, number - 1), Heard::Last(epoch, number)];
    let sockets = ["own", "new", "early", "late"].into_iter().zip(heard).map(|(id, heard)| {
        let socket = StubSocket::that_heard(id, heard);
        for name in ["orders", "more"] {
            other.hub.subscribe(&channel(name), socket.clone());
        }
        socket
    });
    let sockets: Vec<_> = sockets.collect();
    let told = |channel, id, done, wanted: [usize; 4]| {
        let event = Publish { except: Some("new"), ..event(Source::Cluster, channel, id) };
        for wanted in [wanted, [0; 4]] {
            other.publish_after(&event, Some(done), &mut Later::default()).unwrap();
            assert_eq!(sockets.iter().map(|socket| socket.texts().len()).collect::<Vec<_>>(), wanted, "{channel}");
        }
    };
    told("orders", 1, before, [1, 0, 1, 0]);
    told("more", 2, doubt, [1, 0, 1, 1]);
}
