//! Engine.IO session ids: 20 characters of `[A-Za-z0-9_-]`.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::RngCore as _;

/// A fresh id: 96 random bits nobody can guess, then a counter, so that no two ids of a process are ever equal.
pub(super) fn fresh() -> Arc<str> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut bytes = [0; 15];
    rand::rng().fill_bytes(&mut bytes[..12]);
    let count = COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    bytes[12..].copy_from_slice(&count[1..]);
    URL_SAFE_NO_PAD.encode(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_old_servers_shape_and_differ() {
        let ids: std::collections::HashSet<_> = (0..1_000).map(|_| fresh()).collect();
        assert_eq!(ids.len(), 1_000);
        for id in ids {
            assert_eq!(id.len(), 20);
            assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'), "{id}");
        }
    }
}
