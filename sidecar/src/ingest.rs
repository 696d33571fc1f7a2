//! Where events come in. Each source turns its input into one [`crate::publisher::Publish`] and calls the one door.

pub mod backoff;
mod data;
pub mod redis;
pub mod spool;
pub mod unix;
