//! Paths of the HTTP API: case does not matter in the fixed parts, one slash may stand at the end, names are percent-decoded.

use http::Method;

/// What a path asks about, and on whose behalf.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// The app id; empty for `/`.
    pub(super) app: String,
    /// What is asked.
    pub(super) endpoint: Endpoint,
}

/// What there is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `/`
    Root,
    /// `/apps/{id}/status`
    Status,
    /// `/apps/{id}/channels`
    Channels,
    /// `/apps/{id}/channels/{name}`
    Channel(String),
    /// `/apps/{id}/channels/{name}/users`
    Users(String),
    /// `/apps/{id}/events`
    Events,
}

impl Endpoint {
    /// The methods, as `Allow` lists them.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Self::Events => "POST",
            Self::Root | Self::Status | Self::Channels | Self::Channel(_) | Self::Users(_) => "GET,HEAD",
        }
    }

    /// Whether it answers `method`.
    pub(super) fn takes(&self, method: &Method) -> bool {
        self.methods().split(',').any(|allowed| method == allowed)
    }
}

/// An app id or channel name with a percent sign that is followed by no hexadecimal number, or that is no UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadEscape;

/// The route of a path; none when there is no such path.
pub(super) fn parse(path: &str) -> Option<Result<Route, BadEscape>> {
    if path == "/" {
        return Some(Ok(Route { app: String::new(), endpoint: Endpoint::Root }));
    }
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let parts: Vec<&str> = path.split('/').collect();
    let is = |part: &str, word: &str| part.eq_ignore_ascii_case(word);
    let (app, endpoint): (&str, Result<Endpoint, BadEscape>) = match *parts.as_slice() {
        [apps, app, what] if is(apps, "apps") && is(what, "status") => (app, Ok(Endpoint::Status)),
        [apps, app, what] if is(apps, "apps") && is(what, "channels") => (app, Ok(Endpoint::Channels)),
        [apps, app, what] if is(apps, "apps") && is(what, "events") => (app, Ok(Endpoint::Events)),
        [apps, app, what, name] if is(apps, "apps") && is(what, "channels") && !name.is_empty() => {
            (app, decode(name).map(Endpoint::Channel))
        }
        [apps, app, what, name, users]
            if is(apps, "apps") && is(what, "channels") && is(users, "users") && !name.is_empty() =>
        {
            (app, decode(name).map(Endpoint::Users))
        }
        _ => return None,
    };
    if app.is_empty() {
        return None;
    }
    Some(decode(app).and_then(|app| Ok(Route { app, endpoint: endpoint? })))
}

fn decode(part: &str) -> Result<String, BadEscape> {
    let is_hex = |at: usize| part.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
    if part.bytes().enumerate().any(|(i, byte)| byte == b'%' && !(is_hex(i + 1) && is_hex(i + 2))) {
        return Err(BadEscape);
    }
    let text = percent_encoding::percent_decode_str(part).decode_utf8().map_err(|_| BadEscape)?;
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(path: &str) -> Endpoint {
        let route = parse(path).unwrap().unwrap();
        assert!(route.app == "a" || path == "/");
        route.endpoint
    }

    #[test]
    fn every_path_is_known_in_any_case_and_with_a_slash_at_the_end() {
        assert_eq!(endpoint("/"), Endpoint::Root);
        assert_eq!(endpoint("/apps/a/status"), Endpoint::Status);
        assert_eq!(endpoint("/APPS/a/Channels/"), Endpoint::Channels);
        assert_eq!(endpoint("/apps/a/channels/x"), Endpoint::Channel("x".into()));
        assert_eq!(endpoint("/apps/a/channels/users"), Endpoint::Channel("users".into()));
        assert_eq!(endpoint("/apps/a/channels/x/Users/"), Endpoint::Users("x".into()));
        assert_eq!(endpoint("/apps/a/events"), Endpoint::Events);
    }

    #[test]
    fn names_are_decoded_and_keep_their_case() {
        assert_eq!(endpoint("/apps/a/channels/Api%2005%2F%C3%BC+"), Endpoint::Channel("Api 05/ü+".into()));
    }

    #[test]
    fn other_paths_are_unknown() {
        for path in [
            "/nope",
            "//",
            "*",
            "/apps",
            "/apps/a",
            "/apps//channels",
            "/apps/a/channels//",
            "/apps/a/channels//users",
            "/apps/a/channels/x/y",
            "/apps/a/channels/x/users//",
        ] {
            assert_eq!(parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_bad_escape_is_told_from_an_unknown_path() {
        for path in
            ["/apps/a/channels/%E0%A4%A", "/apps/a/channels/%ff/users", "/apps/%zz/status", "/apps/a/channels/%"]
        {
            assert_eq!(parse(path), Some(Err(BadEscape)), "{path}");
        }
    }
}
