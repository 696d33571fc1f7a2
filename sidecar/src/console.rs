//! The lines for people and scripts on standard output, word for word those of laravel-echo-server, and on standard error.
//!
//! Colours only on a terminal. A closed output is no reason to stop, so nothing here fails.

use std::io::{IsTerminal, Write};

use crate::config::Flavour;

const BOLD: &str = "1";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";

/// Who starts. In the place of laravel-echo-server the old title is shown: some watch for it.
pub fn banner(flavour: Flavour) {
    let title = match flavour {
        Flavour::Ours => "R U S T E C H O",
        Flavour::LaravelEchoServer => "L A R A V E L  E C H O  S E R V E R",
    };
    paint(BOLD, &format!("\n{title}\n"));
    paint(CYAN, &format!("version {}\n", env!("CARGO_PKG_VERSION")));
}

/// The line after the banner.
pub fn starting(dev_mode: DevMode) {
    match dev_mode {
        DevMode::Off => paint(CYAN, "Starting server...\n"),
        DevMode::On => paint(YELLOW, "⚠ Starting server in DEV mode...\n"),
    }
}

/// Whether what happens is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DevMode {
    /// Only start-up lines.
    Off,
    /// Every event, subscription and auth request.
    On,
}

impl From<bool> for DevMode {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

/// The port is bound. Without a host the old server called itself localhost.
pub fn running_at(host: Option<&str>, port: u16) {
    done(&format!("Running at {} on port {port}", host.unwrap_or("localhost")));
}

/// Subscriptions are possible; said in dev mode.
pub fn channels_ready() {
    done("Channels are ready.");
}

/// `POST /apps/{id}/events` is there.
pub fn listening_http() {
    done("Listening for http events...");
}

/// Redis events are subscribed to.
pub fn listening_redis() {
    done("Listening for redis events...");
}

/// Publishing on the Unix socket is possible.
pub fn listening_unix(path: &std::path::Path) {
    done(&format!("Listening for events on {}...", path.display()));
}

/// Operators can look in.
pub fn admin_at(address: std::net::SocketAddr) {
    done(&format!("Console at http://{address}"));
}

/// All is up.
pub fn ready() {
    paint(CYAN, "\nServer ready!\n");
}

/// A line as it is.
pub fn say(line: &str) {
    write(line);
}

/// A line that tells of success.
pub fn success(line: &str) {
    paint(GREEN, line);
}

/// A line that warns.
pub fn warning(line: &str) {
    paint(YELLOW, line);
}

/// A line that tells of failure, where the old server printed it: on standard output.
pub fn error(line: &str) {
    paint(RED, line);
}

/// A line on standard error: warnings and failures that the old server did not have.
pub fn tell(line: &str) {
    // Where even standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// How something is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Wrong.
    Bad,
    /// Neither.
    Plain,
}

impl Tone {
    /// In JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warning",
            Self::Bad => "bad",
            Self::Plain => "off",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Good => "✔",
            Self::Warn => "!",
            Self::Bad => "✘",
            Self::Plain => "-",
        }
    }

    fn paint(self, text: &str) -> String {
        match self {
            Self::Good => painted(GREEN, text),
            Self::Warn => painted(YELLOW, text),
            Self::Bad => painted(RED, text),
            Self::Plain => text.to_owned(),
        }
    }
}

/// A name and what there is to say about it.
pub fn row(name: &str, value: &str, tone: Tone) {
    write(&format!("{name:<16} {}", tone.paint(value)));
}

/// A line; whether somebody still reads.
pub fn line(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

/// A line in the colour of its tone; whether somebody still reads.
pub fn toned(text: &str, tone: Tone) -> bool {
    line(&tone.paint(text))
}

/// A line for whoever sits at the terminal.
pub fn hint(text: &str) {
    if std::io::stderr().is_terminal() {
        tell(text);
    }
}

/// What is being looked at, until [`found`] writes over it; only on a terminal.
pub fn progress(what: &str) {
    if std::io::stdout().is_terminal() {
        let mut out = std::io::stdout().lock();
        let _ = write!(out, "… {what}\r").and_then(|()| out.flush());
    }
}

/// What a check found.
pub fn found(what: &str, detail: &str, tone: Tone) {
    write(&format!("{} {what:<17} {detail}", tone.paint(tone.sign())));
}

/// A duration in microseconds, for people.
pub fn micros(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => format!("{:.1} s", micros as f64 / 1e6),
    }
}

/// Text from outside without what a terminal would take for a command.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn done(text: &str) {
    write(&format!("{} {text}", painted(GREEN, "✔ ")));
}

fn paint(colour: &str, text: &str) {
    write(&painted(colour, text));
}

fn painted(colour: &str, text: &str) -> String {
    let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if coloured { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
}

fn write(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody reads it any more: the server serves on.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
