//! What comes back, as far as a publisher cares.

use crate::frame::Kind;
use crate::message::{Message, Receipt, Refusal, Welcome};

/// A message of the sidecar.
pub(super) enum Answer {
    Welcome(Welcome),
    Receipt(Receipt),
    Refusal(Refusal),
    Unexpected(Kind),
}

impl Answer {
    pub(super) fn of(message: Message<'_>) -> Self {
        match message {
            Message::Welcome(welcome) => Self::Welcome(welcome),
            Message::Receipt(receipt) => Self::Receipt(receipt),
            Message::Refusal(refusal) => Self::Refusal(refusal),
            Message::Hello(_) => Self::Unexpected(Kind::Hello),
            Message::Publish(_) => Self::Unexpected(Kind::Publish),
        }
    }
}
