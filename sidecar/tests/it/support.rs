//! A server to talk to and clients that speak bytes.

pub(crate) mod http;
pub(crate) mod server;
pub(crate) mod ws;

use std::time::Duration;

pub(crate) use http::{Answer, Http};
pub(crate) use server::{Server, Told};
pub(crate) use ws::{Frame, Ws};

/// Nothing in these tests takes longer unless it is broken.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Awaits with a deadline that names what was waited for.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}

/// Both generations, as the `EIO` parameter of their clients.
pub(crate) const BOTH: [u8; 2] = [3, 4];

/// The value of a JSON text's string field.
pub(crate) fn field<'a>(json: &'a str, name: &str) -> &'a str {
    let start = json.find(&format!("\"{name}\":\"")).unwrap_or_else(|| panic!("no {name} in {json}")) + name.len() + 4;
    json[start..].split('"').next().unwrap()
}
