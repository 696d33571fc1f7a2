//! A server process and what it costs, as the kernel accounts it.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::{
    process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit},
    thread::{CpuSet, sched_setaffinity},
};

use crate::wait;

/// A running server. Ends with this value.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` on the servers' core, its output in the file `log`.
    pub fn start(mut command: Command, log: PathBuf, cores: Cores) -> anyhow::Result<Self> {
        let output = fs::File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        // A child inherits the core it is started on.
        cores.pin(cores.server)?;
        let child = command.spawn().with_context(|| format!("{:?} cannot be started", command.get_program()));
        cores.pin(cores.generator)?;
        Ok(Self { child: child?, log })
    }

    /// An error when it has ended, with the end of its output.
    pub fn check(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let output = fs::read_to_string(&self.log).unwrap_or_default();
        let tail: Vec<_> = output.lines().rev().take(15).collect();
        bail!("the server ended with {status}:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"))
    }

    /// Nanoseconds of CPU that its threads have had.
    pub fn cpu_ns(&self) -> anyhow::Result<u64> {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end between the listing and the reading.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            sum += text.split(' ').next().context("an empty schedstat")?.parse::<u64>()?;
        }
        Ok(sum)
    }

    /// KiB of memory it holds now.
    pub fn rss_kib(&self) -> anyhow::Result<u64> {
        self.status_kib("VmRSS:")
    }

    /// KiB of memory it has held at most since [`Process::forget_peak`].
    pub fn peak_kib(&self) -> anyhow::Result<u64> {
        self.status_kib("VmHWM:")
    }

    /// The most it has held is what it holds now.
    pub fn forget_peak(&self) -> anyhow::Result<()> {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }

    fn status_kib(&self, what: &'static str) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(what)).context(what).context("not in /proc")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let ended = wait::until("the server's end", Duration::from_secs(5), || Ok(self.child.try_wait()?));
        if ended.is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Which core the servers run on, and which the generator and Redis.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    server: Option<usize>,
    generator: Option<usize>,
}

impl Cores {
    /// One for each side, where there are two and `pinned` is asked for; else wherever the kernel likes.
    pub fn new(pinned: bool) -> Self {
        let two = std::thread::available_parallelism().is_ok_and(|cores| cores.get() >= 2);
        if pinned && two {
            Self { server: Some(0), generator: Some(1) }
        } else {
            Self { server: None, generator: None }
        }
    }

    /// Whether each side has its own.
    pub fn are_pinned(self) -> bool {
        self.server.is_some()
    }

    /// Moves this thread to the generator's core.
    pub fn settle(self) -> anyhow::Result<()> {
        self.pin(self.generator)
    }

    fn pin(self, core: Option<usize>) -> anyhow::Result<()> {
        let Some(core) = core else { return Ok(()) };
        let mut set = CpuSet::new();
        set.set(core);
        sched_setaffinity(None, &set).context("this process may not choose its core; --no-pin does without")
    }
}

/// Allows as many open files as may be allowed; how many that is.
pub fn raise_open_files() -> anyhow::Result<u64> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum.unwrap_or(u64::MAX))
}
