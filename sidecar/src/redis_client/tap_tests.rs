use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

fn pmessage(channel: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut text = format!("*4\r\n$8\r\npmessage\r\n$2\r\np*\r\n${}\r\n", channel.len()).into_bytes();
    text.extend(channel);
    text.extend(format!("\r\n${}\r\n", payload.len()).into_bytes());
    text.extend(payload);
    text.extend(b"\r\n");
    text
}

/// What is handed on, and what the crate reads, when a stream comes in pieces of this size.
fn tapped(stream: &[u8], size: usize) -> (Vec<(String, Vec<u8>)>, Vec<u8>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = heard.clone();
    let on_message: OnMessage =
        Arc::new(move |channel: &str, payload: &[u8]| told.lock().push((channel.to_owned(), payload.to_vec())));
    let rest = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let (mut server, client) = tokio::io::duplex(size);
        let mut tap = Tap::new(client, on_message);
        let stream = stream.to_vec();
        let writing = tokio::spawn(async move { server.write_all(&stream).await.unwrap() });
        let mut rest = Vec::new();
        tap.read_to_end(&mut rest).await.unwrap();
        writing.await.unwrap();
        rest
    });
    (Arc::try_unwrap(heard).unwrap().into_inner(), rest)
}

#[test]
fn messages_are_handed_on_and_the_crate_gets_everything_else() {
    let confirmation = b"*3\r\n$10\r\npsubscribe\r\n$2\r\np*\r\n:1\r\n".to_vec();
    let pong = b"*2\r\n$4\r\npong\r\n$0\r\n\r\n".to_vec();
    let odd = pmessage(b"\xff", b"not text");
    let error = b"-ERR no\r\n+OK\r\n$-1\r\n*-1\r\n".to_vec();
    let stream = [
        confirmation.clone(),
        pmessage(b"p.1", b"a\r\nb"),
        pong.clone(),
        pmessage("p.\u{e9}".as_bytes(), b""),
        odd.clone(),
        error.clone(),
        pmessage(b"p.2", &[b'x'; 100_000]),
    ]
    .concat();
    for size in [1, 7, 4096, 1 << 20] {
        let (heard, rest) = tapped(&stream, size);
        let names: Vec<_> = heard.iter().map(|(channel, payload)| (channel.as_str(), payload.len())).collect();
        assert_eq!(names, [("p.1", 4), ("p.\u{e9}", 0), ("p.2", 100_000)]);
        assert_eq!(rest, [&confirmation[..], &pong, &odd, &error].concat());
    }
}

/// Can take so many messages until it is given room.
struct Slow {
    room: tokio::sync::watch::Sender<usize>,
    heard: Arc<Mutex<usize>>,
}

impl Hears for Slow {
    fn message(&self, _: &str, _: &[u8]) {
        *self.heard.lock() += 1;
    }

    fn wait(&self) -> Option<Wait> {
        let (mut room, heard) = (self.room.subscribe(), *self.heard.lock());
        let is_full = heard >= *room.borrow();
        is_full.then(|| Box::pin(async move { drop(room.wait_for(|room| heard < *room).await) }) as Wait)
    }
}

#[tokio::test]
async fn who_cannot_take_more_is_read_no_more_for() {
    let (room, heard) = (tokio::sync::watch::Sender::new(3), Arc::new(Mutex::new(0)));
    let (mut server, client) = tokio::io::duplex(64);
    let mut tap = Tap::new(client, Arc::new(Slow { room: room.clone(), heard: heard.clone() }));
    let reading = tokio::spawn(async move { tap.read_to_end(&mut Vec::new()).await.unwrap() });
    let one = pmessage(b"p.1", &[b'x'; 1_000]);
    let flood = tokio::spawn(async move {
        for _ in 0..20 {
            server.write_all(&one).await.unwrap();
        }
    });
    for most in [3, 8] {
        room.send_replace(most);
        while *heard.lock() < most {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*heard.lock(), most);
        assert!(!flood.is_finished());
    }
    room.send_replace(100);
    flood.await.unwrap();
    reading.await.unwrap();
    assert_eq!(*heard.lock(), 20);
}

#[test]
fn what_is_not_understood_is_the_crates() {
    for foreign in ["nonsense\r\n", "*4\r\n$8\r\npmessage\r\n$x\r\n", ">4\r\n$1\r\na\r\n", "$3\r\nabcdef\r\n", "*1\n"] {
        let stream = [&pmessage(b"c", b"1")[..], foreign.as_bytes(), &pmessage(b"c", b"2")].concat();
        let (heard, rest) = tapped(&stream, 1 << 20);
        assert_eq!(heard.len(), 1, "{foreign:?}");
        assert!(rest.starts_with(foreign.as_bytes()), "{foreign:?}");
    }
    let deep = "*1\r\n".repeat(100_000);
    assert_eq!(tapped(deep.as_bytes(), 1 << 20).1.len(), deep.len());
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(stream in proptest::collection::vec(prop_oneof![Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), any::<u8>()], 0..200)) {
        let (_, rest) = tapped(&stream, 16);
        prop_assert!(rest.len() <= stream.len());
    }
}
