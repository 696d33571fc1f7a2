use rustecho_sidecar::edge::DisconnectReason;
use tokio::io::AsyncWriteExt as _;

use crate::support::{BOTH, Frame, Server, Ws, ws::client_frame};

#[tokio::test]
async fn violations_close_with_their_code() {
    let endless: Vec<u8> = std::iter::once(client_frame(0x01, &[b'x'; 600]))
        .chain((0..10).map(|_| client_frame(0x00, &[b'x'; 100])))
        .flatten()
        .collect();
    for eio in BOTH {
        let mut server = Server::with(|config, _, _| config.max_payload = 1_000).await;
        for (bytes, code) in [
            (vec![0x81, 0x01, b'2'], 1002),                   // not masked
            (client_frame(0xc1, b"2"), 1002),                 // reserved bit
            (client_frame(0x83, b"2"), 1002),                 // reserved opcode
            (client_frame(0x89, &[0; 126]), 1002),            // over-long ping
            (client_frame(0x09, b""), 1002),                  // fragmented ping
            (client_frame(0x80, b"2"), 1002),                 // continues nothing
            (client_frame(0x88, &[3, 237]), 1002),            // close code nobody may send
            (client_frame(0x81, &[b'4', 0xff]), 1007),        // not UTF-8
            (client_frame(0x81, &[b'4'; 1_001]), 1009),       // one byte too much
            (vec![0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0], 1009), // a length that would take 4 GiB
            (endless.clone(), 1009),                          // fragments without end
        ] {
            let (mut ws, _) = Ws::joined(server.address, eio).await;
            ws.write(&bytes).await;
            assert_eq!(ws.end().await, Some(Some(code)), "{:?}", &bytes[..bytes.len().min(8)]);
            assert_eq!(server.disconnected().await, DisconnectReason::TransportError);
        }
        server.empty().await;
    }
}

#[tokio::test]
async fn messages_in_fragments_of_single_bytes() {
    for eio in BOTH {
        let server = Server::start().await;
        let (mut ws, _) = Ws::joined(server.address, eio).await;
        let text = "42[\"echo\",\"é\"]".as_bytes();
        for (at, byte) in text.iter().enumerate() {
            let first = if at == 0 { 0x01 } else { 0x00 } | if at + 1 == text.len() { 0x80 } else { 0 };
            for part in client_frame(first, &[*byte]) {
                ws.write(&[part]).await;
            }
            if at == 3 {
                ws.write(&client_frame(0x89, b"between")).await;
            }
        }
        assert_eq!(ws.next().await, Frame::Pong(b"between".to_vec()));
        assert_eq!(ws.text().await, "42[\"echo\",\"é\"]");
    }
}

#[tokio::test]
async fn large_messages_both_ways() {
    for eio in BOTH {
        let server = Server::start().await;
        let (mut ws, _) = Ws::joined(server.address, eio).await;
        for length in [100, 200, 65_500, 70_000, 999_000] {
            let message = format!("42[\"echo\",\"{}\"]", "x".repeat(length));
            ws.send(&message).await;
            assert_eq!(ws.text().await, message);
        }
    }
}

#[tokio::test]
async fn a_close_is_answered_with_its_code() {
    for eio in BOTH {
        let mut server = Server::start().await;
        for (payload, code) in [(&[][..], None), (&[3, 232][..], Some(1000)), (&[0x0f, 0xa0, b'x'][..], Some(4000))] {
            let (mut ws, _) = Ws::joined(server.address, eio).await;
            ws.write(&[client_frame(0x88, payload), client_frame(0x81, b"42[\"never\"]")].concat()).await;
            assert_eq!(ws.end().await, Some(code));
            assert_eq!(server.disconnected().await, DisconnectReason::TransportClose);
        }
        server.empty().await;
    }
}

#[tokio::test]
async fn a_frame_cut_off_at_any_byte_ends_with_its_connection() {
    let frame = client_frame(0x81, b"42[\"echo\",\"abc\"]");
    let mut server = Server::start().await;
    for cut in 0..frame.len() {
        let (mut ws, _) = Ws::joined(server.address, 3).await;
        ws.write(&frame[..cut]).await;
        ws.stream.shutdown().await.unwrap();
        assert_eq!(ws.end().await, Some(None), "{cut}");
        assert_eq!(server.disconnected().await, DisconnectReason::TransportClose);
    }
    server.empty().await;
}

#[tokio::test]
async fn a_reset_ends_the_socket() {
    for eio in BOTH {
        let mut server = Server::start().await;
        let (ws, _) = Ws::joined(server.address, eio).await;
        socket2::SockRef::from(&ws.stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(ws);
        assert_eq!(server.disconnected().await, DisconnectReason::TransportClose);
        server.empty().await;
    }
}
