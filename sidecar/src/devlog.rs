//! `devMode`: what happens, on stdout, in the lines that laravel-echo-server's users grep for. The same facts go to the
//! structured log whether it is on or not.

use std::{
    fmt::Display,
    io::{IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::SystemTime,
};

use crate::one_line::escaped;

/// Prints in `devMode`, and is silent otherwise.
#[derive(Debug, Clone, Copy)]
pub struct DevLog {
    on: &'static AtomicBool,
    colours: bool,
}

impl DevLog {
    /// A log that prints when `on`.
    pub fn new(on: bool) -> Self {
        // Everybody has a copy and a sidecar has one switch, for as long as the process lasts.
        Self { on: Box::leak(Box::new(AtomicBool::new(on))), colours: std::io::stdout().is_terminal() }
    }

    /// Prints from now on, or does not.
    pub fn switch(&self, on: bool) {
        self.on.store(on, Relaxed);
    }

    /// Whether anything is printed.
    pub fn is_on(&self) -> bool {
        self.on.load(Relaxed)
    }

    /// An event was accepted for these channels.
    pub fn event(&self, channels: &str, event: &str) {
        self.print("", format_args!("Channel: {channels}"));
        self.print("", format_args!("Event: {event}"));
    }

    /// Something on Redis was no event.
    pub fn no_json(&self) {
        self.print("\x1b[31m", "No JSON message");
    }

    /// A socket is subscribed now.
    pub fn joined(&self, socket: impl Display, channel: impl Display) {
        self.timed("", format_args!("{socket} joined channel: {channel}"));
    }

    /// A socket is no longer subscribed.
    pub fn left(&self, socket: impl Display, channel: impl Display, reason: impl Display) {
        self.timed("", format_args!("{socket} left channel: {channel} ({reason})"));
    }

    /// Laravel is about to be asked.
    pub fn asking(&self, host: &str, endpoint: &str) {
        self.timed("\x1b[31m", format_args!("Preparing authentication request to: {host}"));
        self.timed("\x1b[33m", format_args!("Sending auth request to: {host}{endpoint}"));
    }

    /// Laravel consented.
    pub fn granted(&self, socket: impl Display, channel: impl Display) {
        self.timed("", format_args!("{socket} authenticated for: {channel}"));
    }

    /// Laravel refused.
    pub fn denied(&self, socket: impl Display, channel: impl Display, status: u16, body: &str) {
        if self.is_on() {
            let time = timestamp();
            self.print("\x1b[33m", format_args!("⚠ [{time}] - {socket} could not be authenticated to {channel}"));
            for line in body.lines() {
                self.print("", line);
            }
            self.print("", format_args!("Client can not be authenticated, got HTTP status {status}"));
        }
    }

    /// Laravel could not be asked.
    pub fn failed(&self, socket: impl Display, channel: impl Display, reason: &str) {
        self.timed("\x1b[31m", format_args!("Error authenticating {socket} for {channel}"));
        self.print("", reason);
        self.print("", "Error sending authentication request.");
    }

    /// Laravel consented to a presence channel without saying who it is.
    pub fn no_member(&self) {
        self.print("", "Unable to join channel. Member data for presence channel missing");
    }

    fn timed(&self, colour: &str, text: impl Display) {
        if self.is_on() {
            self.print(colour, format_args!("[{}] - {text}", timestamp()));
        }
    }

    fn print(&self, colour: &str, text: impl Display) {
        if self.is_on() {
            let (colour, end) = if self.colours && !colour.is_empty() { (colour, "\x1b[0m") } else { ("", "") };
            // A closed stdout must not end the process.
            let _ = writeln!(std::io::stdout(), "{colour}{}{end}", escaped(&text.to_string()));
        }
    }
}

/// The time now as `2026-01-31T12:00:00.000Z`.
fn timestamp() -> impl Display {
    humantime::format_rfc3339_millis(SystemTime::now())
}
