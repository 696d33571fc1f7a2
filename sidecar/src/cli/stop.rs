//! `stop`.

use std::{fs, process::ExitCode, time::Duration};

use serde_json::json;

use super::outcome::{Audience, FAILED};
use crate::{
    config::Place,
    console,
    lock::{self, Holder},
};

/// How long a server may take before `stop` returns all the same.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(place: &Place, json: bool) -> ExitCode {
    let audience = Audience::of(place, json);
    let found = place.lock_files().into_iter().find(|path| path.exists());
    let Some(path) = found else {
        const NONE: &str = "Could not find any lock file.";
        return audience.fail(&format!("Error: {NONE}"), NONE, FAILED);
    };
    match lock::holder(&path) {
        Holder::Running(pid) => {
            if let Err(error) = lock::may_stop(&path, pid) {
                return audience.fail(&format!("Error: {error}"), &error.to_string(), FAILED);
            }
            // First the file, so that whoever starts next finds the place free.
            let _ = fs::remove_file(&path);
            match lock::terminate(pid) {
                Ok(()) => {
                    let seconds = PATIENCE.as_secs();
                    let number = pid.as_raw_nonzero();
                    console::hint(&format!(
                        "Process {number} finishes what it is at; waiting for {seconds} s at most…"
                    ));
                    let is_gone = lock::wait_for_end(pid, PATIENCE);
                    if json {
                        console::say(&json!({"stopped": true, "process": number, "ended": is_gone}).to_string());
                        return ExitCode::SUCCESS;
                    }
                    console::success("Closed the running server.");
                    if !is_gone {
                        console::say(&format!("Process {number} is still finishing."));
                    }
                    ExitCode::SUCCESS
                }
                Err(error) => nobody(audience, &error.to_string()),
            }
        }
        Holder::Stale(_) | Holder::Absent => {
            let _ = fs::remove_file(&path);
            nobody(audience, "kill ESRCH")
        }
        Holder::Unreadable => {
            const BROKEN: &str = "There was a problem reading the lock file.";
            audience.fail(&format!("Error: {BROKEN}"), &format!("{BROKEN} ({})", path.display()), FAILED)
        }
    }
}

/// The lock file was left over.
fn nobody(audience: Audience, reason: &str) -> ExitCode {
    match audience {
        Audience::OldScript => console::error(&format!("Error: {reason}")),
        Audience::Program => {
            console::say(&json!({"stopped": false, "reason": format!("nobody to stop: {reason}")}).to_string());
            return ExitCode::SUCCESS;
        }
        Audience::Anybody => {}
    }
    console::say("No running servers to close.");
    ExitCode::SUCCESS
}
