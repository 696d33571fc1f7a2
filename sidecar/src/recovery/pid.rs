//! The private id by which a client proves that a session is its own.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::RngCore as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A private id: a secret between the client and the sidecar, which itself keeps no more than its [hash](Pid::hash).
#[derive(Clone, PartialEq, Eq)]
pub struct Pid(String);

impl Pid {
    /// 144 random bits as 24 letters.
    pub fn fresh() -> Self {
        let mut bytes = [0; 18];
        rand::rng().fill_bytes(&mut bytes);
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The id as the client has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the sidecar remembers it by.
    pub fn hash(&self) -> PidHash {
        PidHash::of(&self.0)
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pid(…)")
    }
}

/// A private id's SHA-256. Looking one up tells nobody, by the time it takes or by a file that is read, what the id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PidHash([u8; 32]);

impl PidHash {
    /// Of whatever a client claims.
    pub fn of(claimed: &str) -> Self {
        Self(Sha256::digest(claimed).into())
    }
}
