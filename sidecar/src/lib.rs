//! The rustecho sidecar: takes events from Laravel, by Unix socket, Redis or HTTP, and emits them to Socket.IO clients.
//!
//! # Layout
//! - [`config`]: what is configured, validated; [`cli`] and `main`: the command line.
//! - [`server`]: binds, serves, and stops everything.
//! - [`ingest`]: the sources; each turns its input into one [`publisher::Publish`].
//! - [`publisher`]: the one door every event enters by.
//! - [`seen`]: the ids of the last events, across restarts.
//! - [`hub`]: which socket is subscribed to which channel; fan-out.
//! - [`recovery`]: what a client that comes back has missed.
//! - [`edge`]: Socket.IO itself, behind a small interface.
//! - [`admission`]: who may come in, and as whom; [`origin`]: where a page comes from.
//! - [`session`]: what a connected client may ask for.
//! - [`auth`]: asks Laravel about guarded channels.
//! - [`cluster`]: the other nodes, where there are any.
//! - [`presence`]: who is on a presence channel, a pure state machine; [`store`]: where others can read that.
//! - [`api`]: the HTTP API. [`admin`]: metrics, health and the console, on a port of their own; [`tail`]: what they show live.
//! - [`channel`]: channel names; [`counters`]: what is counted; [`devlog`]: what `devMode` prints.

pub mod admin;
pub mod admission;
pub mod api;
pub mod auth;
pub mod bounds;
pub mod channel;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod console;
pub mod counters;
pub mod devlog;
pub mod edge;
pub mod findings;
pub mod hub;
pub mod ingest;
pub mod lock;
pub mod once;
pub mod one_line;
pub mod origin;
pub mod otel;
mod prefetch;
pub mod presence;
pub mod publisher;
pub mod recovery;
pub mod redis_client;
pub mod reload;
pub mod seen;
pub mod server;
mod service;
pub mod session;
pub mod signals;
pub mod store;
pub mod tail;
#[cfg(test)]
mod testing;
pub mod tls;
