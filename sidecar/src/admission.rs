//! Who may come in: looked at once, when a Socket.IO connection is opened, before the edge sees the request.
//!
//! Room first (memory, connections, connections of one address), then the origin of the page. From an origin that is not trusted
//! the connection works, but the visitor's cookie is taken off the request right here: what nobody keeps, nobody forwards.

use std::{net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;
use axum::body::Body;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, COOKIE, HOST, ORIGIN, REFERER, RETRY_AFTER},
};
use ipnet::IpNet;
use percent_encoding::percent_decode_str;

use crate::{
    bounds::{Bound, Refusals},
    config::{Config, LARGEST_RATE_PER_IP, Limits, OriginPolicy},
    counters::Counters,
    edge::{Handshake, UNTRUSTED},
    once::Once,
    origin::{Form, Origin},
};

mod memory;
mod places;
mod proxies;

pub use memory::{Level, Memory};
pub use places::Place;
use places::Places;
pub use proxies::is_proxy;

/// Decides about connections.
pub struct Admission {
    rules: ArcSwap<Rules>,
    places: Arc<Places>,
    /// Connections on which requests are read: those of sessions that poll, and those that are none yet, or never will be.
    knocking: Arc<Places>,
    memory: Arc<Memory>,
    refusals: Arc<Refusals>,
    counters: Arc<Counters>,
    told: Once,
}

/// What is decided by.
struct Rules {
    policy: OriginPolicy,
    trusted: Vec<Form>,
    proxies: Vec<IpNet>,
    limits: Limits,
}

/// Where a page stands.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Trusted,
    /// Its origin, or what is known of it.
    Stranger(String),
}

impl Rules {
    fn of(config: &Config) -> Self {
        let hosts = config.auth_hosts.iter().filter_map(|host| Form::of_auth_host(host));
        // Who may connect at all, by name, is trusted; a star is no name.
        let named = config.socketio.origins.iter().filter_map(|origin| Form::parse(origin));
        let named = named.filter(|form| *form != Form::Every);
        let trusted = config.visitors.trusted.iter().cloned().chain(hosts).chain(named).collect();
        Self {
            policy: config.visitors.policy,
            trusted,
            proxies: config.visitors.proxies.clone(),
            limits: config.limits,
        }
    }
}

impl Admission {
    /// By these settings.
    pub fn new(config: &Config, memory: Arc<Memory>, refusals: Arc<Refusals>, counters: Arc<Counters>) -> Self {
        let rules = ArcSwap::from_pointee(Rules::of(config));
        Self {
            rules,
            places: Arc::default(),
            knocking: Arc::default(),
            memory,
            refusals,
            counters,
            told: Once::default(),
        }
    }

    /// By these settings from now on. Who is in stays in.
    pub fn change(&self, config: &Config) {
        self.rules.store(Arc::new(Rules::of(config)));
    }

    /// Looks at a request for the Socket.IO path. One that opens a connection gets its [`Place`] as an extension, to be kept as
    /// long as the connection lasts; the others pass.
    ///
    /// # Errors
    /// The answer to who may not come in.
    pub fn admit<B>(&self, request: &mut Request<B>, peer: IpAddr) -> Result<(), Box<Response<Body>>> {
        let rules = self.rules.load();
        let query = request.uri().query().unwrap_or_default();
        let (opens, jsonp) = (opens_connection(query), names(query, "j").next().is_some());
        request.headers_mut().remove(UNTRUSTED);
        let from_proxy = proxies::is_one(&rules.proxies, peer);
        if opens {
            let place = self.place(&rules.limits, proxies::visitor(&rules.proxies, peer, request.headers()))?;
            request.extensions_mut().insert(place);
        }
        if rules.policy == OriginPolicy::Any || !(opens || rules.policy == OriginPolicy::Strict) {
            return Ok(());
        }
        let Standing::Stranger(origin) = rules.standing(request.headers(), from_proxy, jsonp) else { return Ok(()) };
        let is_new = self.told.is_first(&crate::channel::start_of(&origin));
        let origin = crate::tail::name(&origin);
        if rules.policy == OriginPolicy::Strict {
            self.counters.refused_origins.add();
            if is_new {
                tracing::warn!(origin, "refused: not a trusted origin (originPolicy, trustedOrigins)");
            }
            let text = "Forbidden: not a trusted origin (originPolicy, trustedOrigins)";
            return Err(refused(StatusCode::FORBIDDEN, 4, text));
        }
        self.counters.untrusted_origins.add();
        if is_new {
            tracing::warn!(
                origin,
                "not a trusted origin: its visitors' cookies stay here, and Laravel will not know them (trustedOrigins)"
            );
        }
        request.headers_mut().remove(COOKIE);
        request.headers_mut().remove(AUTHORIZATION);
        request.headers_mut().insert(UNTRUSTED, HeaderValue::from_static("1"));
        Ok(())
    }

    /// Looks at a connection before anything is read from it: whoever may have so many sessions has no more than two for each, and
    /// [`BESIDE`] besides. The place is kept until a websocket is made of it, or it ends. A proxy's are its visitors', and not counted.
    ///
    /// # Errors
    /// The sentence that names the bound.
    pub fn knock(&self, peer: IpAddr) -> Result<Option<Place>, String> {
        let rules = self.rules.load();
        let Some(of_one) = rules.limits.connections_of(peer).filter(|_| !proxies::is_one(&rules.proxies, peer)) else {
            return Ok(None);
        };
        let place = self.knocking.take(peer);
        if place.of_this_address() > of_one.saturating_mul(2).saturating_add(BESIDE) {
            return Err(self.refusals.over(Bound::ConnectionsPerIp, of_one as u64, peer));
        }
        Ok(Some(place))
    }

    /// How many connections there are.
    pub fn open(&self) -> usize {
        self.places.all()
    }

    /// Why nobody new is let in at the moment, whoever it is; empty: who comes is looked at.
    pub fn closed(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.memory.level() != Level::Fine {
            let (used, mark) = (self.memory.used(), self.memory.watermark());
            reasons.push(format!(
                "{used} bytes of memory are used, nobody new is let in ({} is {mark})",
                Bound::Memory.key()
            ));
        }
        let most = self.rules.load().limits.connections;
        if self.open() >= most {
            reasons.push(format!("{most} connections are open, no more are taken ({})", Bound::Connections.key()));
        }
        reasons
    }

    fn place(&self, limits: &Limits, visitor: IpAddr) -> Result<Place, Box<Response<Body>>> {
        let over = |bound, limit| {
            let text = self.refusals.over(bound, limit, visitor);
            refused(StatusCode::SERVICE_UNAVAILABLE, 3, &text)
        };
        if self.memory.level() != Level::Fine {
            return Err(over(Bound::Memory, self.memory.watermark()));
        }
        let place = self.places.take(visitor);
        if place.all() > limits.connections {
            return Err(over(Bound::Connections, limits.connections as u64));
        }
        match limits.connections_of(visitor) {
            Some(of_one) if place.of_this_address() > of_one => Err(over(Bound::ConnectionsPerIp, of_one as u64)),
            Some(_) | None => Ok(place),
        }
    }
}

impl Rules {
    /// Where the page that opens a connection stands. Browsers tell the origin of every websocket and every cross-origin request
    /// that a page can read the answer of; a page cannot choose what they tell. Who tells nothing at all is no page of another
    /// origin, except with JSONP, where a mere script tag reads the answer.
    fn standing(&self, headers: &HeaderMap, from_proxy: bool, jsonp: bool) -> Standing {
        let text = |name: HeaderName| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        if let Some(origin) = text(ORIGIN) {
            return self.judge(&origin, headers, from_proxy);
        }
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        match (site, text(REFERER)) {
            (Some(b"same-origin" | b"none"), _) => Standing::Trusted,
            (_, Some(referer)) => self.judge(&referer, headers, from_proxy),
            (None, None) if !jsonp => Standing::Trusted,
            _ => Standing::Stranger("(not told)".into()),
        }
    }

    fn judge(&self, url: &str, headers: &HeaderMap, from_proxy: bool) -> Standing {
        let stranger = || Standing::Stranger(url.to_owned());
        let has = |form: &Form| self.trusted.contains(form);
        if has(&Form::Every) {
            return Standing::Trusted;
        }
        let Some(origin) = Origin::parse(url) else {
            return if url == "null" && has(&Form::Null) { Standing::Trusted } else { stranger() };
        };
        let forwarded = headers.get("x-forwarded-host").filter(|_| from_proxy);
        let own = forwarded.or_else(|| headers.get(HOST)).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let own = own.split(',').next().unwrap_or_default().trim();
        let is_trusted = origin.is_of(own)
            || (self.policy == OriginPolicy::Site && origin.is_of_the_site_of(own))
            || self.trusted.iter().any(|form| form.matches(&origin));
        if is_trusted { Standing::Trusted } else { stranger() }
    }
}

/// A page that polls has two connections at a time, and a browser fetches other things.
const BESIDE: usize = 6;

impl Limits {
    /// How many connections one address may have; none where it is no visitor's and nothing is set.
    fn connections_of(&self, visitor: IpAddr) -> Option<usize> {
        let counts = self.connections_per_ip.is_some() || is_public(visitor);
        counts.then(|| self.connections_per_ip.unwrap_or(PUBLIC_PER_IP))
    }
}

/// `limits.connectionsPerIp` where it is not set: more than one household, office or mobile network has.
const PUBLIC_PER_IP: usize = 10_000;

/// Whether an address may be a visitor's own; private ones are what proxies have.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !(v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified()),
        IpAddr::V6(v6) => {
            !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified())
        }
    }
}

/// Who a socket belongs to, where that can be told: all that come from one address, or from the 2^64 around one of IPv6. None where
/// the address is a proxy's, or may be.
pub fn household(proxies: &[IpNet], handshake: &Handshake) -> Option<IpAddr> {
    let visitor = visitor(proxies, handshake)?;
    (is_public(visitor) && !proxies::is_one(proxies, visitor)).then(|| places::household(visitor))
}

/// Among whose subscriptions one of a socket counts, and how many they may ask for in a second; none where nothing bounds them.
pub fn subscribes_of(config: &Config, handshake: &Handshake) -> Option<(IpAddr, u32)> {
    let proxies = &config.visitors.proxies;
    match config.limits.subscribes_per_second_per_ip {
        Some(rate) => Some((places::household(visitor(proxies, handshake)?), rate)),
        None => {
            // A minute's worth is what so many pages with twelve channels ask for when their network is back.
            let pages = config.limits.connections_per_ip.unwrap_or(PUBLIC_PER_IP).max(PUBLIC_PER_IP);
            let rate = u32::try_from(pages / 5).unwrap_or(LARGEST_RATE_PER_IP).min(LARGEST_RATE_PER_IP);
            Some((household(proxies, handshake)?, rate))
        }
    }
}

/// The address that a socket was opened from, as far as that can be told.
fn visitor(proxies: &[IpNet], handshake: &Handshake) -> Option<IpAddr> {
    let peer = handshake.peer?;
    let chain = handshake.headers.get("x-forwarded-for").filter(|_| proxies::is_one(proxies, peer));
    Some(chain.map_or(peer, |chain| proxies::last_stranger(proxies, peer, chain.as_bytes())))
}

/// Whether a request may open a connection: an edge takes it for one of a session only when it names one. Where two names could
/// be read differently by different readers, it is looked at as if it did not.
fn opens_connection(query: &str) -> bool {
    let mut sids = names(query, "sid");
    !matches!((sids.next(), sids.next()), (Some(sid), None) if !sid.is_empty())
}

/// The values that a query gives for a name, not decoded.
fn names<'a>(query: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    query.split('&').filter_map(move |pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        percent_decode_str(key).decode_utf8_lossy().eq(name).then_some(value)
    })
}

/// An answer in Engine.IO's form.
fn refused(status: StatusCode, code: u8, message: &str) -> Box<Response<Body>> {
    let body = serde_json::json!({ "code": code, "message": message }).to_string();
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    Box::new(answer)
}

/// What headers say of a page and of its visitor, one a line: `Origin` or `Referer`, `Host`, `X-Forwarded-For`, and the query. For
/// the fuzzer.
#[cfg(feature = "fuzzing")]
pub fn fuzz(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.splitn(4, '\n');
    let [page, host, chain, query] = std::array::from_fn(|_| lines.next().unwrap_or_default());
    if let Some(origin) = Origin::parse(page) {
        assert!(!origin.is_of(host) || origin.is_of_the_site_of(host));
        if let Some(form) = Form::parse(host) {
            let _ = form.matches(&origin);
        }
    }
    let mut headers = HeaderMap::new();
    if let Ok(chain) = HeaderValue::from_str(chain) {
        headers.append("x-forwarded-for", chain);
    }
    let (proxy, stranger) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([192, 0, 2, 1]));
    assert_eq!(proxies::visitor(&[proxy.into()], stranger, &headers), stranger, "only a proxy is believed");
    let _ = proxies::visitor(&[proxy.into()], proxy, &headers);
    let _ = opens_connection(query);
}

#[cfg(test)]
mod tests;
