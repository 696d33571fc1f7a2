//! The Redis that all servers take their events from: one of our own, and the connection that publishes.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};

use crate::wait;

/// A redis-server that keeps nothing. Ends with this value.
pub struct Redis {
    process: Child,
    /// Its port on 127.0.0.1.
    pub port: u16,
    control: TcpStream,
}

impl Redis {
    /// Starts one in `folder`.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        let port = wait::free_port()?;
        let mut process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            // A subscriber that is behind must not be cut off: what it then misses would count as its loss.
            .args(["--client-output-buffer-limit", "pubsub 0 0 0"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("redis-server cannot be started; scripts/setup.sh test installs it")?;
        let connected =
            wait::until("redis-server", Duration::from_secs(10), || Ok(TcpStream::connect(("127.0.0.1", port)).ok()));
        match connected {
            Ok(control) => Ok(Self { process, port, control }),
            Err(error) => {
                let _ = process.kill();
                Err(error)
            }
        }
    }

    /// Waits until `count` patterns are subscribed to: how every server shows that it takes events.
    pub fn wait_for_patterns(&mut self, count: u64) -> anyhow::Result<()> {
        let what = format!("{count} pattern subscriptions in Redis");
        wait::until(&what, Duration::from_secs(30), || Ok((self.patterns()? == count).then_some(())))
    }

    fn patterns(&mut self) -> anyhow::Result<u64> {
        self.control.write_all(b"PUBSUB NUMPAT\r\n")?;
        let mut reply = [0; 64];
        let count = self.control.read(&mut reply)?;
        let reply = std::str::from_utf8(&reply[..count])?;
        match reply.trim().strip_prefix(':') {
            Some(number) => Ok(number.parse()?),
            None => bail!("redis-server answered {reply:?} to PUBSUB NUMPAT"),
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `PUBLISH channel message`, as it goes over the wire.
pub fn publish(channel: &str, message: &str) -> Vec<u8> {
    format!("*3\r\n$7\r\nPUBLISH\r\n${}\r\n{channel}\r\n${}\r\n{message}\r\n", channel.len(), message.len())
        .into_bytes()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_publish_has_its_lengths() {
        assert_eq!(super::publish("é", "ab"), "*3\r\n$7\r\nPUBLISH\r\n$2\r\né\r\n$2\r\nab\r\n".as_bytes());
    }
}
