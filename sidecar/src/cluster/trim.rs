//! Keeping the stream within its bytes, which Redis does not do by itself.

use redis::{RedisError, cmd};
use tokio::time::Instant;

use super::link::{LATE, Stream};
use crate::redis_client::{Commands, is_lost};

impl Stream {
    /// Takes out of the stream what is before that which has room in it. What is left is taken behind the next read. Whether the
    /// connection may have been another one meanwhile.
    pub(super) async fn trim(&self, redis: &mut Commands, is_behind: bool) -> bool {
        let Some((first, count)) = self.volume.surplus() else { return false };
        let trim = |by: &str, to: String| {
            let mut trim = cmd("XTRIM");
            trim.arg(&self.key).arg(by).arg("~").arg(to);
            trim
        };
        let asked = Instant::now();
        let mut trimmed: Result<u64, RedisError> = redis.query(&trim("MINID", first.to_string())).await;
        if trimmed.as_ref().is_err_and(|error| error.to_string().contains("syntax error")) {
            if is_behind {
                return asked.elapsed() > LATE;
            }
            // Before Redis 6.2 only by number, which counts what has come since as well.
            trimmed = redis.query(&trim("MAXLEN", count.to_string())).await;
        }
        match trimmed {
            Ok(0) => self.volume.is_trimmed(),
            Ok(_) => {} // so much at a time
            Err(error) if is_lost(&error) => return true,
            Err(error) if self.volume.is_first_refusal() => tracing::error!(
                %error,
                key = self.key,
                "Redis refused to trim the cluster's stream (XTRIM): it may have more than cluster.streamBytes"
            ),
            Err(_) => {}
        }
        asked.elapsed() > LATE
    }
}
