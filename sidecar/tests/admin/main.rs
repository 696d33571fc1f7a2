//! The admin listener of a whole sidecar, asked over its port.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod asking;
mod dashboard;
mod health;
mod live;
mod metrics;
mod support;
mod terminal;
mod traces;
mod why;
