//! What nodes tell each other: one JSON text per message, data only.
//!
//! On the wire a message is a version byte, 32 bytes of HMAC-SHA256 (zeros when no secret is set) and the JSON. Whatever is not
//! exactly that is refused, so that a stranger who can write to the same Redis can neither confuse a node nor, with a secret,
//! say in a node's name what it has not said. It can say again what it has: `docs/security.md`.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};
use sha2::Sha256;

use super::{overheard::Note, peers::Word};
use crate::recovery::{Doubt, Mark, PidHash};

/// The version of this form. A node ignores other versions, so that two of them can run side by side during an update.
const VERSION: u8 = 3;
/// In its place where another node says a message once more.
const RETOLD: u8 = VERSION | 0x80;
const MAC: usize = 32;
/// More than any node says, whatever its limits are: a message that is not taken would be asked for again and again.
const MOST: usize = 256 * 1024 * 1024;

#[cfg(test)]
mod tests;

/// One running sidecar, from its start to its end: a restart makes another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u64);

impl std::fmt::Display for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Who says what.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Message<'a> {
    /// The speaker.
    pub(super) node: NodeId,
    /// The number of this message among those of its speaker that [count](Body::is_counted), from 1 on; of another message the
    /// number of the last one that did.
    pub(super) seq: u64,
    /// When the speaker first heard itself, by the stream's clock in milliseconds; none before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) born: Option<u64>,
    /// Another node says it once more, in the speaker's words.
    #[serde(skip)]
    pub(super) is_retold: bool,
    /// What is said.
    #[serde(borrow)]
    pub(super) body: Body<'a>,
}

impl Message<'_> {
    /// What there is to know of it when it was said then, by the stream's clock in milliseconds.
    pub(super) fn word(&self, said: u64) -> Word {
        let Self { node, seq, born, is_retold, .. } = *self;
        Word { node, seq, is_counted: self.body.is_counted(), said, born, is_retold }
    }
}

/// What is said.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Body<'a> {
    /// I live.
    Beat,
    /// An event was published at my door.
    Event {
        /// Its id, when its publisher gave one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<[u8; 16]>,
        /// Full wire names.
        #[serde(borrow)]
        channels: Vec<Cow<'a, str>>,
        /// Its name.
        #[serde(borrow)]
        event: Cow<'a, str>,
        /// Its JSON, as its publisher wrote it.
        #[serde(borrow)]
        data: &'a RawValue,
        /// The socket id that shall not get it.
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        except: Option<Cow<'a, str>>,
        /// A sidecar before me wrote it to sockets, which may be at another node by now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        done: Option<Doubt>,
    },
    /// I have heard an event of a legacy publisher, as every node does.
    Overheard {
        /// Which.
        note: Note,
        /// A full wire name.
        #[serde(borrow)]
        channel: Cow<'a, str>,
    },
    /// One of my sockets whispers.
    Whisper {
        /// Where.
        #[serde(borrow)]
        channel: Cow<'a, str>,
        /// The event's name.
        #[serde(borrow)]
        event: Cow<'a, str>,
        /// Its JSON, placeholders included.
        #[serde(borrow)]
        data: &'a RawValue,
        /// Who whispers.
        #[serde(borrow)]
        socket: Cow<'a, str>,
        /// The attachments in base64.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        attachments: Vec<String>,
    },
    /// One of my sockets has become a member.
    Join {
        /// Of which channel.
        #[serde(borrow)]
        channel: Cow<'a, str>,
        /// Which socket.
        #[serde(borrow)]
        socket: Cow<'a, str>,
        /// Who it is.
        member: Map<String, Value>,
        /// Of a session that can be recovered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seat: Option<Seat>,
    },
    /// One of my sockets that can be recovered has subscribed to a channel.
    Seat {
        /// Which channel.
        #[serde(borrow)]
        channel: Cow<'a, str>,
        /// Which socket.
        #[serde(borrow)]
        socket: Cow<'a, str>,
        /// Of which session.
        seat: Seat,
    },
    /// It is on that channel no more.
    Unseat {
        /// Which channel.
        #[serde(borrow)]
        channel: Cow<'a, str>,
        /// Of which session.
        pid: PidHash,
        /// See [`Seat::generation`].
        generation: u32,
    },
    /// A session: of mine, or from now on mine.
    Session(Box<Session>),
    /// A session of mine has ended.
    Gone {
        /// Which.
        pid: PidHash,
        /// See [`Seat::generation`].
        generation: u32,
    },
    /// That node has not been heard of for its lease: its members leave.
    Bury {
        /// Which node.
        of: NodeId,
    },
    /// One of my sockets is no member any more.
    Leave {
        /// Of which channel.
        #[serde(borrow)]
        channel: Cow<'a, str>,
        /// Which socket.
        #[serde(borrow)]
        socket: Cow<'a, str>,
    },
    /// These are all my members of one channel.
    Part {
        /// Which channel.
        #[serde(borrow)]
        channel: Cow<'a, str>,
        /// Socket ids and who they are, in the order in which they joined.
        members: Vec<(String, Map<String, Value>)>,
    },
    /// What I have not told of since that number I do not have.
    Parts {
        /// The number of the first message of this account.
        since: u64,
    },
    /// Tell me all your members.
    Sync {
        /// Who is meant.
        of: NodeId,
    },
    /// Say this and everything after it once more.
    Again {
        /// Who is meant.
        of: NodeId,
        /// From this number on.
        from: u64,
    },
    /// What I said before this number cannot be had any more.
    Forgotten {
        /// The number of the next message that can.
        next: u64,
    },
    /// So much have I taken of others; it may be that I have missed something.
    Known {
        /// Nodes, living and dead, and the numbers of the last messages.
        taken: Vec<(NodeId, u64)>,
        /// And you?
        asks: bool,
    },
    /// How many subscribers have you?
    Count {
        /// To tell answers apart.
        question: u64,
        /// On channels whose names start so; none: only the sockets are wanted.
        #[serde(borrow)]
        prefix: Option<Cow<'a, str>>,
    },
    /// So many.
    Counted {
        /// Who asked.
        to: NodeId,
        /// What was asked.
        question: u64,
        /// Sockets that are connected.
        sockets: u64,
        /// Channels and their subscribers.
        channels: Vec<(String, u64)>,
    },
}

/// A subscription of a session that can be recovered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seat {
    /// Who may have the session.
    pub pid: PidHash,
    /// How often the session has changed its node: what is said of an earlier one has been overtaken.
    pub generation: u32,
    /// When Laravel consented, in milliseconds since 1970, and a hash of what it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<(u64, u64)>,
}

/// All there is to know of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Who may have it.
    pub pid: PidHash,
    /// See [`Seat::generation`].
    pub generation: u32,
    /// Its socket id.
    pub socket: String,
    /// How far its node had come when it said this.
    pub known: Option<Mark>,
    /// Its subscriptions.
    pub stays: Vec<SessionStay>,
    /// Its presence members.
    pub members: Vec<(String, Map<String, Value>)>,
}

/// One subscription of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionStay {
    /// The channel.
    pub channel: String,
    /// See [`Seat::consent`].
    pub consent: Option<(u64, u64)>,
    /// Its client needs nothing up to this place.
    pub since: Option<Mark>,
    /// The last event on the channel that the node knows of.
    pub last: Option<Mark>,
    /// When the last event came that other nodes may have in another place; milliseconds since 1970, 0: never.
    pub unplaced: u64,
}

impl Body<'_> {
    /// Whether this message must not be missed: it has a number of its own, and is said again when somebody has missed it.
    pub(super) fn is_counted(&self) -> bool {
        match self {
            Self::Event { .. }
            | Self::Overheard { .. }
            | Self::Whisper { .. }
            | Self::Join { .. }
            | Self::Leave { .. }
            | Self::Seat { .. }
            | Self::Unseat { .. }
            | Self::Session(_)
            | Self::Gone { .. }
            | Self::Bury { .. }
            | Self::Part { .. }
            | Self::Parts { .. } => true,
            Self::Beat
            | Self::Sync { .. }
            | Self::Again { .. }
            | Self::Forgotten { .. }
            | Self::Known { .. }
            | Self::Count { .. }
            | Self::Counted { .. } => false,
        }
    }
}

/// Why a message of another node was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum MessageError {
    /// Nothing of ours, or cut off.
    #[error("{0} bytes are too few for a message")]
    Short(usize),
    /// Larger than any node would say.
    #[error("{0} bytes; at most {MOST} are read")]
    Long(usize),
    /// Another release.
    #[error("version {0}; this node speaks version {VERSION}: nodes of one cluster need the same release")]
    Version(u8),
    /// Another secret, or none.
    #[error("not authentic: cluster.secret must be the same on every node")]
    NotAuthentic,
    /// Ours, and yet not to be understood.
    #[error("not readable: {0}")]
    Unreadable(String),
}

/// Seals and opens messages.
#[derive(Clone)]
pub(super) struct Seal {
    secret: Option<Hmac<Sha256>>,
}

impl Seal {
    /// With the nodes' common secret.
    pub(super) fn new(secret: Option<&str>) -> Self {
        let secret = secret.and_then(|secret| Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok());
        Self { secret }
    }

    /// The bytes of a message.
    pub(super) fn close(&self, message: &Message<'_>) -> Vec<u8> {
        let mut bytes = vec![0; 1 + MAC];
        bytes[0] = VERSION;
        // Writing to memory; the types have no map with keys that are not texts, so this cannot fail.
        if serde_json::to_writer(&mut bytes, message).is_err() {
            bytes.truncate(1 + MAC);
        }
        if let Some(mut mac) = self.secret.clone() {
            mac.update(&bytes[1 + MAC..]);
            bytes[1..=MAC].copy_from_slice(&mac.finalize().into_bytes());
        }
        bytes
    }

    /// The message in these bytes.
    ///
    /// # Errors
    /// [`MessageError`], saying what an operator has to look at.
    pub(super) fn open<'a>(&self, bytes: &'a [u8]) -> Result<Message<'a>, MessageError> {
        let len = bytes.len();
        if len > MOST {
            return Err(MessageError::Long(len));
        }
        let Some((&version, rest)) = bytes.split_first() else { return Err(MessageError::Short(len)) };
        if !matches!(version, VERSION | RETOLD) {
            return Err(MessageError::Version(version));
        }
        let Some((mac, json)) = rest.split_at_checked(MAC) else { return Err(MessageError::Short(len)) };
        match self.secret.clone() {
            Some(mut secret) => {
                secret.update(json);
                secret.verify_slice(mac).map_err(|_| MessageError::NotAuthentic)?;
            }
            None if mac.iter().any(|byte| *byte != 0) => return Err(MessageError::NotAuthentic),
            None => {}
        }
        let message: Message<'a> =
            serde_json::from_slice(json).map_err(|error| MessageError::Unreadable(error.to_string()))?;
        Ok(Message { is_retold: version == RETOLD, ..message })
    }

    /// What another node said, to be said once more.
    pub(super) fn retell(bytes: &[u8]) -> Vec<u8> {
        let mut retold = bytes.to_vec();
        if let Some(version) = retold.first_mut() {
            *version = RETOLD;
        }
        retold
    }
}

/// What another node might say, with and without the head that it needs. For the fuzzer.
#[cfg(feature = "fuzzing")]
pub fn fuzz(input: &[u8]) {
    let seal = Seal::new(None);
    let _ = seal.open(input);
    let mut bytes = vec![0; 1 + MAC];
    bytes[0] = VERSION;
    bytes.extend_from_slice(input);
    if let Ok(message) = seal.open(&bytes) {
        assert!(seal.open(&seal.close(&message)).is_ok());
    }
}
