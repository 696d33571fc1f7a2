//! Whose word counts on where a visitor comes from.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;

/// Whether what this peer says of who came to it may be passed on: a proxy of ours, or one of this machine.
pub fn is_proxy(proxies: &[IpNet], peer: IpAddr) -> bool {
    peer.is_loopback() || is_one(proxies, peer)
}

pub(super) fn is_one(proxies: &[IpNet], address: IpAddr) -> bool {
    proxies.iter().any(|network| network.contains(&address))
}

/// The visitor's address: the peer's, or, when that is a proxy of ours, the last one in `X-Forwarded-For` that is not. What
/// stands before it was written by the visitor.
pub(super) fn visitor(proxies: &[IpNet], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    if !is_one(proxies, peer) {
        return peer;
    }
    // What a visitor wrote before it may be anything, and hides nothing that a proxy wrote.
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes).collect();
    last_stranger(proxies, peer, &lines.join(&b","[..]))
}

/// See [`visitor`]; `chain` is all of `X-Forwarded-For`.
pub(super) fn last_stranger(proxies: &[IpNet], peer: IpAddr, chain: &[u8]) -> IpAddr {
    let chain = String::from_utf8_lossy(chain);
    let mut known = peer;
    for hop in chain.rsplit(',') {
        let Some(address) = address(hop.trim()) else { return known };
        if !is_one(proxies, address) {
            return address;
        }
        known = address;
    }
    known
}

/// An address, with or without a port.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let parsed = bare.parse().or_else(|_| hop.parse().map(|with_port: std::net::SocketAddr| with_port.ip()));
    parsed.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let proxies = ["127.0.0.1/32", "10.0.0.0/8"].map(|network| network.parse().unwrap());
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        visitor(&proxies, peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_our_own_proxies_are_believed_and_only_for_the_last_stranger() {
        assert_eq!(seen("192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(seen("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("127.0.0.1", &["6.6.6.6, 198.51.100.1, 10.1.2.3"]), "198.51.100.1");
        assert_eq!(seen("127.0.0.1", &["6.6.6.6", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("127.0.0.1", &["198.51.100.1, unknown"]), "127.0.0.1");
        assert_eq!(seen("127.0.0.1", &["[2001:db8::1]:80"]), "2001:db8::1");
        assert_eq!(seen("127.0.0.1", &["::ffff:198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("127.0.0.1", &["\u{e9}, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("127.0.0.1", &[]), "127.0.0.1");
    }
}
