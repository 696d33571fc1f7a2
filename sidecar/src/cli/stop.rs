//! `stop`.

use std::{fs, process::ExitCode, time::Duration};

use super::outcome::{Audience, FAILED};
use crate::{
    config::Place,
    console,
    lock::{self, Holder},
};

/// How long a server may take before `stop` returns all the same.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(place: &Place) -> ExitCode {
    let audience = Audience::of(place);
    let found = place.lock_files().into_iter().find(|path| path.exists());
    let Some(path) = found else {
        const NONE: &str = "Could not find any lock file.";
        return audience.fail(&format!("Error: {NONE}"), NONE, FAILED);
    };
    match lock::holder(&path) {
        Holder::Running(pid) => {
            // First the file, so that whoever starts next finds the place free.
            let _ = fs::remove_file(&path);
            match lock::terminate(pid) {
                Ok(()) => {
                    let is_gone = lock::wait_for_end(pid, PATIENCE);
                    console::success("Closed the running server.");
                    if !is_gone {
                        console::say(&format!("Process {} is still finishing.", pid.as_raw_nonzero()));
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
        Audience::Anybody => {}
    }
    console::say("No running servers to close.");
    ExitCode::SUCCESS
}
