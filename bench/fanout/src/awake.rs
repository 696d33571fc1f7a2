//! Keeps the cores awake while something is measured.
//!
//! Waking a core that sleeps costs tens of microseconds on a virtual machine, and the kernel charges them to the process that
//! sent the packet. With clients on other machines no server pays that. So each core has something to do that any other program
//! may interrupt at once: an endless loop of the class `SCHED_IDLE`. Or the kernel is asked to let idle cores look for work instead
//! of sleeping, which needs no interrupt either; where it has no such way of being idle, that does nothing.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    process::{Child, Command, Stdio},
};

use anyhow::Context;
use clap::ValueEnum;

/// How cores are kept awake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum How {
    /// By a program that does nothing.
    Loop,
    /// By the kernel: `/dev/cpu_dma_latency` (root).
    Poll,
    /// Not at all: waking them is then charged to the servers.
    Not,
}

/// Ends with this value.
pub struct Awake {
    loops: Vec<Child>,
    /// The kernel keeps to what is asked for as long as this is open.
    _asked: Option<File>,
}

impl Awake {
    /// Begins it.
    pub fn keep(how: How) -> anyhow::Result<Self> {
        let asked = match how {
            How::Poll => Some(Self::ask().context("/dev/cpu_dma_latency")?),
            How::Loop | How::Not => None,
        };
        Ok(Self { loops: if how == How::Loop { Self::run() } else { Vec::new() }, _asked: asked })
    }

    /// Asks for no latency at all.
    fn ask() -> std::io::Result<File> {
        let mut file = OpenOptions::new().write(true).open("/dev/cpu_dma_latency")?;
        file.write_all(&0_i32.to_ne_bytes())?;
        Ok(file)
    }

    /// One loop for each core that is used; none without `chrt` and `taskset` (util-linux).
    fn run() -> Vec<Child> {
        let endless = |core: &str| {
            Command::new("chrt")
                .args(["--idle", "0", "taskset", "--cpu-list", core, "sh", "-c", "while :; do :; done"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
        };
        ["0", "1"].iter().filter_map(|core| endless(core).ok()).collect()
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for child in &mut self.loops {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
