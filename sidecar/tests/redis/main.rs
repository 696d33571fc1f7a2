//! Redis in all its forms, with real servers: what is published there reaches sockets, and presence lists are kept there.
//!
//! Without `redis-server` each test says `skipped: …`; in CI (`CI=true`) that is a failure.

// The helpers are tests as well: where they cannot go on, the test has failed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod forms;
mod groups;
mod lists;
mod nodes;
mod outages;
mod servers;
mod sidecar;
