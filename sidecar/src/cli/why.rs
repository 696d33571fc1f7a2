//! Why nobody gets the events of a channel, as the running sidecar says; and by which line a page does.

use serde_json::Value;

use super::remote::{self, Remote, RemoteError};
use crate::{config::Loaded, console};

/// Asks the sidecar about a channel.
pub(super) fn ask(loaded: &Loaded, channel: &str) -> Result<Value, RemoteError> {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("channel", channel).finish();
    let remote = Remote::of(loaded)?;
    remote::wait(remote.get(&format!("/api/why?{query}")))
}

/// Its answer as a sentence for the terminal.
pub(super) fn sentence(why: &Value) -> String {
    console::clean(why["answer"].as_str().unwrap_or_default())
}

/// The line of laravel-echo that hears this event, as the console says it.
pub(super) fn in_echo(channel: &str, event: &str) -> String {
    let kinds = [("private-", "private"), ("presence-", "join")];
    let of_kind = kinds.iter().find_map(|(prefix, method)| Some((*method, channel.strip_prefix(prefix)?)));
    let (method, name) = of_kind.unwrap_or(("channel", channel));
    let quoted = |text: &str| format!("'{}'", console::clean(text).replace('\\', "\\\\").replace('\'', "\\'"));
    let heard = if event == r"Illuminate\Notifications\Events\BroadcastNotificationCreated" {
        "notification(".to_owned()
    } else if let Some(whisper) = event.strip_prefix("client-") {
        format!("listenForWhisper({}, ", quoted(whisper))
    } else {
        let name =
            event.strip_prefix(r"App\Events\").map_or_else(|| format!(".{event}"), |name| name.replace('\\', "."));
        format!("listen({}, ", quoted(&name))
    };
    format!("Echo.{method}({}).{heard}(data) => …)", quoted(name))
}

#[cfg(test)]
mod tests {
    use super::in_echo;

    #[test]
    fn the_line_has_the_name_as_echo_wants_it() {
        let cases = [
            ("news", r"App\Events\Shop\Sold", "Echo.channel('news').listen('Shop.Sold', (data) => …)"),
            ("private-orders.1", "order.shipped", "Echo.private('orders.1').listen('.order.shipped', (data) => …)"),
            ("presence-room", r"Acme\Rang", r"Echo.join('room').listen('.Acme\\Rang', (data) => …)"),
            ("private-a", "client-typing", "Echo.private('a').listenForWhisper('typing', (data) => …)"),
            (
                "private-a",
                r"Illuminate\Notifications\Events\BroadcastNotificationCreated",
                "Echo.private('a').notification((data) => …)",
            ),
        ];
        for (channel, event, line) in cases {
            assert_eq!(in_echo(channel, event), line);
        }
    }
}
