//! Reads a request's body within bounds of size and time.

use std::{fmt::Display, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::Failure;

/// How long a body may take. Ten megabytes pass in that time at 3 Mbit/s.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a body may have besides the event's data: names, channels, syntax.
const OVERHEAD: usize = 256 * 1024;

/// Reads the body of an event whose data may have `max_data` bytes; as a JSON string within JSON it may be twice as long.
pub(super) async fn read<B>(body: B, max_data: usize) -> Result<Bytes, Failure>
where
    B: hyper::body::Body<Error: Display> + Send,
    B::Data: Send,
{
    let max = max_data.saturating_mul(2).saturating_add(OVERHEAD);
    let too_large = || Failure::BodyTooLarge { data: max_data, max };
    // Said in advance: refused before it is sent.
    if body.size_hint().lower() > max as u64 {
        return Err(too_large());
    }
    let body = Box::pin(body.map_err(|error| error.to_string()));
    let collected = tokio::time::timeout(PATIENCE, Limited::new(body, max).collect()).await;
    match collected {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(Failure::BodyBroken(error.to_string())),
        Err(_) => Err(Failure::BodyTooSlow { seconds: PATIENCE.as_secs() }),
    }
}
