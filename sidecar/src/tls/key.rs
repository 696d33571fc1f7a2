//! Reads private keys in every form `openssl` writes them: plain, PKCS#8 with a passphrase, and the traditional form with a
//! passphrase (`Proc-Type: 4,ENCRYPTED`).

use aes::{Aes128, Aes192, Aes256};
use base64::Engine;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit, block_padding::Pkcs7};
use des::TdesEde3;
use md5::{Digest, Md5};
use rustls::pki_types::{
    PrivateKeyDer,
    pem::{PemObject, SectionKind},
};

/// Why a file holds no key that can be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No key in it.
    #[error("holds no private key in PEM (-----BEGIN PRIVATE KEY-----)")]
    None,
    /// What stands between the lines is no base64.
    #[error("the private key is damaged")]
    Damaged,
    /// A passphrase is needed.
    #[error("the key is encrypted: set sslPassphrase")]
    NoPassphrase,
    /// The passphrase is not the one.
    #[error("the key cannot be decrypted: is sslPassphrase right?")]
    WrongPassphrase,
    /// A cipher nobody should use any more.
    #[error(
        "the key is encrypted by {0}, which is not supported; write it anew with `openssl pkcs8 -topk8 -v2 aes256`"
    )]
    Cipher(String),
}

/// The first private key in a PEM text.
pub(super) fn parse(pem: &[u8], passphrase: Option<&str>) -> Result<PrivateKeyDer<'static>, KeyError> {
    let text = String::from_utf8_lossy(pem);
    let section = Section::find(&text).ok_or(KeyError::None)?;
    let der = section.der()?;
    let needed = || passphrase.filter(|text| !text.is_empty()).ok_or(KeyError::NoPassphrase);
    let (kind, der) = match (section.label, section.header("DEK-Info")) {
        ("ENCRYPTED PRIVATE KEY", _) => (SectionKind::PrivateKey, pkcs8(&der, needed()?)?),
        (label, Some(cipher)) => (kind(label)?, traditional(&der, cipher, needed()?)?),
        (label, None) => (kind(label)?, der),
    };
    PrivateKeyDer::from_pem(kind, der).ok_or(KeyError::None)
}

fn kind(label: &str) -> Result<SectionKind, KeyError> {
    match label {
        "PRIVATE KEY" => Ok(SectionKind::PrivateKey),
        "RSA PRIVATE KEY" => Ok(SectionKind::RsaPrivateKey),
        "EC PRIVATE KEY" => Ok(SectionKind::EcPrivateKey),
        _ => Err(KeyError::None),
    }
}

/// What stands between a BEGIN and an END line.
struct Section<'a> {
    label: &'a str,
    lines: Vec<&'a str>,
}

impl<'a> Section<'a> {
    /// The first one that is a private key.
    fn find(text: &'a str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim);
        loop {
            let line = lines.next()?;
            let label = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----"));
            if let Some(label) = label.filter(|label| label.ends_with("PRIVATE KEY")) {
                return Some(Self { label, lines: lines.take_while(|line| !line.starts_with("-----END ")).collect() });
            }
        }
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        self.lines.iter().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    }

    fn der(&self) -> Result<Vec<u8>, KeyError> {
        let text: String = self.lines.iter().filter(|line| !line.contains(':')).copied().collect();
        base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| KeyError::Damaged)
    }
}

fn pkcs8(der: &[u8], passphrase: &str) -> Result<Vec<u8>, KeyError> {
    let encrypted = pkcs8::EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::Damaged)?;
    let key = encrypted.decrypt(passphrase).map_err(|_| KeyError::WrongPassphrase)?;
    Ok(key.as_bytes().to_vec())
}

/// Decrypts what `openssl rsa -aes256 -traditional` and its like write. `cipher` is the header's `NAME,IV in hexadecimal`.
fn traditional(der: &[u8], cipher: &str, passphrase: &str) -> Result<Vec<u8>, KeyError> {
    let unknown = || KeyError::Cipher(cipher.to_owned());
    let (name, iv) = cipher.split_once(',').ok_or_else(unknown)?;
    let iv = bytes(iv.trim()).ok_or(KeyError::Damaged)?;
    match name.trim() {
        "AES-128-CBC" => decrypt::<Aes128>(der, &iv, passphrase),
        "AES-192-CBC" => decrypt::<Aes192>(der, &iv, passphrase),
        "AES-256-CBC" => decrypt::<Aes256>(der, &iv, passphrase),
        "DES-EDE3-CBC" => decrypt::<TdesEde3>(der, &iv, passphrase),
        _ => Err(unknown()),
    }
}

fn decrypt<C: BlockCipherDecrypt + KeyInit>(der: &[u8], iv: &[u8], passphrase: &str) -> Result<Vec<u8>, KeyError> {
    // The salt is the first half of the IV, or a DES block's whole.
    let salt = iv.get(..8).ok_or(KeyError::Damaged)?;
    // OpenSSL's own derivation: MD5 upon MD5 of passphrase and salt, until there is enough.
    let (mut key, mut last) = (Vec::new(), Vec::new());
    while key.len() < C::key_size() {
        let mut hash = Md5::new();
        hash.update(&last);
        hash.update(passphrase.as_bytes());
        hash.update(salt);
        last = hash.finalize().to_vec();
        key.extend_from_slice(&last);
    }
    let key = key.get(..C::key_size()).ok_or(KeyError::Damaged)?;
    let cipher = cbc::Decryptor::<C>::new_from_slices(key, iv).map_err(|_| KeyError::Damaged)?;
    let plain = cipher.decrypt_padded_vec::<Pkcs7>(der).map_err(|_| KeyError::WrongPassphrase)?;
    // The padding is right by chance once in 256 times; a key is a DER sequence of just this length.
    if is_sequence(&plain) { Ok(plain) } else { Err(KeyError::WrongPassphrase) }
}

fn is_sequence(der: &[u8]) -> bool {
    let (header, length) = match *der {
        [0x30, short, ..] if short < 0x80 => (2, usize::from(short)),
        [0x30, 0x81, one, ..] => (3, usize::from(one)),
        [0x30, 0x82, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
        _ => return false,
    };
    der.len() == header + length
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex.chars().map(|digit| Some(digit.to_digit(16)? as u8)).collect();
    Some(digits?.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests;
