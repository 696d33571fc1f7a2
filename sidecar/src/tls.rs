//! TLS: towards Laravel, which is asked over it, and towards browsers, when `protocol` is `https`.

mod client;
mod key;
mod server;

pub use client::{client_config, trusting};
pub use key::KeyError;
pub use server::{Certificate, TlsError};
