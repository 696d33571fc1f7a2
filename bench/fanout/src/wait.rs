//! Waiting for a condition, with a deadline.

use std::{
    net::{Ipv4Addr, TcpListener},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::bail;

/// Asks again and again until there is a value.
///
/// # Errors
/// The one that `ask` gives, or that `what` did not come `within` the time.
pub fn until<T>(what: &str, within: Duration, mut ask: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(value) = ask()? {
            return Ok(value);
        }
        if begun.elapsed() > within {
            bail!("waited {within:?} in vain for {what}");
        }
        sleep(Duration::from_millis(20));
    }
}

/// A port that nobody listens on.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
