//! Who may come in, and what of theirs is passed on to Laravel.

use http::HeaderName;
use ipnet::IpNet;

use super::{Flavour, reader::Reader};
use crate::origin::Form;

/// `originPolicy`: what a page of an origin that is not trusted gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginPolicy {
    /// A connection, but its visitor's cookie stays here.
    Trusted,
    /// The same, and every host of the sidecar's own site is trusted.
    Site,
    /// Nothing: 403.
    Strict,
    /// Everything, as in laravel-echo-server.
    Any,
}

/// Who may come in, and as whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Visitors {
    /// `originPolicy`. Default `trusted`; the old server's files: `site`.
    pub policy: OriginPolicy,
    /// `trustedOrigins`, besides the page's own host, the hosts of `authHost`, and those that `socketio.origins` names.
    pub trusted: Vec<Form>,
    /// `trustedProxies`: whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpNet>,
    /// `authHeaders`.
    pub auth_headers: AuthHeaders,
}

/// Which of the headers that a page gives to Echo reach Laravel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthHeaders {
    /// All but those that only the sidecar may set.
    Any,
    /// These.
    Only(Vec<HeaderName>),
}

/// What Laravel's own guards, CSRF protection and localisation read.
pub(super) const AUTH_HEADERS: [&str; 10] = [
    "accept",
    "accept-language",
    "authorization",
    "cookie",
    "origin",
    "referer",
    "user-agent",
    "x-csrf-token",
    "x-socket-id",
    "x-xsrf-token",
];

impl AuthHeaders {
    /// Whether this header may go to Laravel.
    pub fn allows(&self, name: &HeaderName) -> bool {
        match self {
            Self::Any => true,
            Self::Only(names) => names.contains(name),
        }
    }
}

impl Default for AuthHeaders {
    fn default() -> Self {
        Self::Only(AUTH_HEADERS.map(HeaderName::from_static).to_vec())
    }
}

impl Default for Visitors {
    fn default() -> Self {
        Self {
            policy: OriginPolicy::Trusted,
            trusted: Vec::new(),
            proxies: Vec::new(),
            auth_headers: AuthHeaders::default(),
        }
    }
}

pub(super) fn read(reader: &mut Reader<'_>, flavour: Flavour) -> Visitors {
    let (policy, auth_headers) = match flavour {
        Flavour::Ours => (OriginPolicy::Trusted, AuthHeaders::default()),
        Flavour::LaravelEchoServer => (OriginPolicy::Site, AuthHeaders::Any),
    };
    Visitors {
        policy: self::policy(reader).unwrap_or(policy),
        trusted: trusted(reader),
        proxies: proxies(reader),
        auth_headers: self::auth_headers(reader).unwrap_or(auth_headers),
    }
}

fn policy(reader: &mut Reader<'_>) -> Option<OriginPolicy> {
    let setting = reader.setting("originPolicy")?;
    match setting.value.as_str() {
        Some("trusted") => Some(OriginPolicy::Trusted),
        Some("site") => Some(OriginPolicy::Site),
        Some("strict") => Some(OriginPolicy::Strict),
        Some("any") => Some(OriginPolicy::Any),
        _ => {
            reader.wrong(&setting, "\"trusted\", \"site\", \"strict\" or \"any\"");
            None
        }
    }
}

fn trusted(reader: &mut Reader<'_>) -> Vec<Form> {
    const EXPECTED: &str =
        "an origin such as \"https://app.example.com\", \"app.example.com\", \"*.example.com\", \"null\" or \"*\"";
    let Some(setting) = reader.setting("trustedOrigins") else { return Vec::new() };
    let entries = reader.list(&setting).unwrap_or_default();
    let mut forms = Vec::new();
    for entry in entries {
        match entry.value.as_str().and_then(Form::parse) {
            Some(form) => forms.push(form),
            None => reader.wrong(&entry, EXPECTED),
        }
    }
    forms
}

fn proxies(reader: &mut Reader<'_>) -> Vec<IpNet> {
    let Some(setting) = reader.setting("trustedProxies") else { return Vec::new() };
    let entries = reader.list(&setting).unwrap_or_default();
    let mut networks = Vec::new();
    for entry in entries {
        let text = entry.value.as_str().unwrap_or_default();
        match text.parse::<IpNet>().or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into())) {
            Ok(network) => networks.push(network),
            Err(_) => reader.wrong(&entry, "an address or a network, such as \"10.0.0.1\" or \"10.0.0.0/8\""),
        }
    }
    networks
}

fn auth_headers(reader: &mut Reader<'_>) -> Option<AuthHeaders> {
    let setting = reader.setting("authHeaders")?;
    let entries = reader.list(&setting)?;
    if entries.iter().any(|entry| entry.value == "*") {
        return Some(AuthHeaders::Any);
    }
    let mut names = Vec::new();
    for entry in entries {
        match entry.value.as_str().and_then(|text| HeaderName::try_from(text).ok()) {
            Some(name) => names.push(name),
            None => reader.wrong(&entry, "a header's name, such as \"X-Tenant\", or \"*\""),
        }
    }
    Some(AuthHeaders::Only(names))
}
