//! An authorisation, told to whoever watches: what was asked, with which credentials, and what the answer means.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header;
use serde_json::Value;

use crate::{
    auth::{Ask, Verdict},
    edge::{SocketId, UNTRUSTED},
    tail::{self, Asked},
};

/// What is known before Laravel is asked.
pub(super) struct Question {
    channel: String,
    socket: String,
    url: String,
    sent: Vec<&'static str>,
    origin: Option<String>,
    is_untrusted: bool,
}

impl Question {
    pub(super) fn new(ask: &Ask, socket: &SocketId, url: String) -> Self {
        let header = |name: &str| ask.handshake.headers.get(name);
        let chosen = |wanted: &str| {
            let headers = ask.auth.get("headers").and_then(Value::as_object);
            headers.is_some_and(|headers| headers.keys().any(|name| name.eq_ignore_ascii_case(wanted)))
        };
        let sent = ["cookie", "authorization", "x-csrf-token", "x-xsrf-token"];
        let sent = sent.into_iter().filter(|name| chosen(name) || (*name == "cookie" && header(name).is_some()));
        let origin = header(header::ORIGIN.as_str()).or_else(|| header(header::REFERER.as_str()));
        Self {
            channel: ask.channel.as_str().to_owned(),
            socket: socket.as_str().to_owned(),
            url,
            sent: sent.collect(),
            origin: origin.map(|origin| tail::name(&String::from_utf8_lossy(origin.as_bytes()))),
            is_untrusted: header(UNTRUSTED).is_some(),
        }
    }

    pub(super) fn answered(self, verdict: &Verdict, took: Duration) -> Asked {
        let (result, status, reason, member) = match verdict {
            Verdict::Granted(member) => {
                let member = member.as_ref().and_then(|member| member.get("user_id"));
                ("granted", Some(200), None, member.map(|id| id.as_str().map_or_else(|| id.to_string(), tail::name)))
            }
            Verdict::Denied(status, body) => ("denied", Some(*status), Some(self.why(*status, body)), None),
            Verdict::Oversized(sentence) => ("failed", None, Some(format!("the auth answer is {sentence}")), None),
            Verdict::Failed(reason) | Verdict::Busy(reason) => ("failed", None, Some(tail::name(reason)), None),
            Verdict::NoQuestion => {
                ("failed", None, Some("auth.headers of the page are no headers: they must be an object".into()), None)
            }
        };
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Asked {
            number: 0,
            at: u64::try_from(at.as_micros()).unwrap_or_default(),
            channel: self.channel,
            socket: self.socket,
            url: self.url,
            sent: self.sent,
            origin: self.origin,
            result,
            status,
            reason,
            member,
            took: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

impl Question {
    /// Why Laravel refused: where nothing went along that says who the visitor is, that is the reason.
    fn why(&self, status: u16, body: &str) -> String {
        let is_about_who = matches!(status, 300..=399 | 401 | 403 | 419);
        if !is_about_who || self.sent.iter().any(|name| matches!(*name, "cookie" | "authorization")) {
            return why(status, body);
        }
        match (&self.origin, self.is_untrusted) {
            (Some(origin), true) => format!(
                "Laravel was not told who the visitor is: the page is of {origin}, which is not trusted, and its cookies stay here. \
                 Name it in trustedOrigins, or let the page reach the sidecar through its own site"
            ),
            _ => "nobody is logged in: neither a cookie nor a token came with the page's connection. A browser gives the cookie \
                  only to the host that it is of: does the page connect to its own host (host in new Echo)?"
                .to_owned(),
        }
    }
}

/// What a status of Laravel's means here, and the message of its answer, where that is JSON.
fn why(status: u16, body: &str) -> String {
    let meaning = match status {
        300..=399 => {
            "Laravel redirects, most often to its login page: the visitor is not logged in, or authEndpoint is wrong"
        }
        401 => "nobody is logged in: the session cookie or the token did not reach Laravel, or has expired",
        403 => {
            "the channel's callback in routes/channels.php refused this user, or no callback matches the name, or nobody is \
             logged in"
        }
        404 => "Laravel has no such route: is authEndpoint right, and is Broadcast::routes() called?",
        405 => "the route does not take POST: is authEndpoint right?",
        419 => "the CSRF token is missing or old: send X-CSRF-TOKEN with auth.headers, or exempt the route",
        429 => "Laravel's throttle middleware refuses more requests",
        500..=599 => "Laravel failed: its log says why (storage/logs/laravel.log)",
        _ => "Laravel refused",
    };
    let answer = serde_json::from_str::<Value>(body).ok();
    match answer.as_ref().and_then(|answer| answer.get("message")?.as_str()).filter(|message| !message.is_empty()) {
        Some(message) => format!("{meaning}. Laravel says: {}", message.chars().take(200).collect::<String>()),
        None => meaning.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::Wanted,
        edge::{Generation, Handshake},
    };

    fn question(headers: &[(&'static str, &'static str)], auth: Value) -> Question {
        let headers: http::HeaderMap = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)))
            .collect();
        let ask = Ask {
            who: SocketId::from("a"),
            channel: crate::testing::channel("private-a"),
            handshake: Handshake { headers: (&headers).into(), peer: None, generation: Generation::V4 },
            auth,
            wanted: Wanted::while_true(|| true),
        };
        Question::new(&ask, &SocketId::from("a"), "http://laravel.test/broadcasting/auth".into())
    }

    #[test]
    fn a_visitor_of_whom_laravel_was_told_nothing_is_not_said_to_be_refused_by_a_callback() {
        let of = |headers: &[_], auth: Value, status| question(headers, auth).why(status, "");
        let foreign = [("origin", "http://localhost:8000"), (UNTRUSTED, "1")];
        let refusal = of(&foreign, Value::Null, 403);
        assert!(refusal.contains("http://localhost:8000, which is not trusted") && refusal.contains("trustedOrigins"));
        assert!(of(&[("origin", "http://a.test")], Value::Null, 302).contains("neither a cookie nor a token"));
        let token = serde_json::json!({"headers": {"Authorization": "Bearer x"}});
        assert!(of(&foreign, token, 403).contains("channels.php"), "a token says who it is, wherever the page is from");
        assert!(of(&[("cookie", "a=1")], Value::Null, 403).contains("channels.php"));
        assert!(of(&foreign, Value::Null, 500).contains("laravel.log"), "has another reason");
    }

    #[test]
    fn a_refusal_says_what_to_look_at() {
        assert!(why(419, "").contains("X-CSRF-TOKEN"));
        assert!(why(302, "<html>").contains("login page"));
        let with_message = why(403, r#"{"message":"No way"}"#);
        assert!(
            with_message.contains("channels.php") && with_message.ends_with("Laravel says: No way"),
            "{with_message}"
        );
    }
}
