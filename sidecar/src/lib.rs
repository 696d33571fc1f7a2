//! The rustecho sidecar: takes events from Laravel, by Unix socket, Redis or HTTP, and emits them to Socket.IO clients.
//!
//! # Layout
//! - [`config`]: what is configured, validated; [`cli`] and `main`: the command line.
//! - [`server`]: binds, serves, and stops everything.
//! - [`ingest`]: the sources; each turns its input into one [`publisher::Publish`].
//! - [`publisher`]: the one door every event enters by.
//! - [`hub`]: which socket is subscribed to which channel; fan-out.
//! - [`edge`]: Socket.IO itself, behind a small interface.
//! - [`session`]: what a connected client may ask for.
//! - [`auth`]: asks Laravel about guarded channels.
//! - [`presence`]: who is on a presence channel, a pure state machine; [`store`]: where others can read that.
//! - [`api`]: the HTTP API.
//! - [`channel`]: channel names; [`counters`]: what is counted; [`devlog`]: what `devMode` prints.

pub mod api;
pub mod auth;
pub mod channel;
pub mod cli;
pub mod config;
pub mod console;
pub mod counters;
pub mod devlog;
pub mod edge;
pub mod hub;
pub mod ingest;
pub mod lock;
pub mod once;
pub mod presence;
pub mod publisher;
pub mod redis_client;
pub mod server;
pub mod session;
pub mod signals;
pub mod store;
#[cfg(test)]
mod testing;
pub mod tls;
