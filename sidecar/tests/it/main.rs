//! The Socket.IO edges from outside: real TCP, raw polling and raw websockets, both protocol generations.

// The helpers are tests as well: where they cannot go on, the test has failed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod binary;
mod cors;
mod errors;
mod handshake;
mod heartbeat;
mod jsonp;
mod packets;
mod pipes;
mod polling;
mod runs;
mod slow;
mod support;
mod upgrade;
mod websocket;
