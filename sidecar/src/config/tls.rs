//! `protocol: "https"` and its files.

use std::{fs::File, path::PathBuf};

use super::reader::Reader;

/// `sslCertPath` and its companions.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// `sslCertPath`, PEM.
    pub cert: PathBuf,
    /// `sslKeyPath`, PEM.
    pub key: PathBuf,
    /// `sslCertChainPath`, PEM.
    pub chain: Option<PathBuf>,
    /// `sslPassphrase` of the key.
    pub passphrase: Option<String>,
}

impl std::fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsConfig").field("cert", &self.cert).field("key", &self.key).finish_non_exhaustive()
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<TlsConfig> {
    let passphrase = reader.text("sslPassphrase");
    let setting = reader.setting("protocol")?;
    match setting.value.as_str() {
        Some("https") => {}
        Some("http") => return None,
        _ => {
            reader.wrong(&setting, "\"http\" or \"https\"");
            return None;
        }
    }
    // What is missing is told by `missing`; here only what is named is looked at.
    let cert = file(reader, "sslCertPath").unwrap_or_default();
    let key = file(reader, "sslKeyPath").unwrap_or_default();
    let chain = file(reader, "sslCertChainPath");
    Some(TlsConfig { cert, key, chain, passphrase })
}

/// The first of the two needed paths that is not set.
pub(super) fn missing(config: &TlsConfig) -> Option<&'static str> {
    let paths = [("sslCertPath", &config.cert), ("sslKeyPath", &config.key)];
    paths.into_iter().find(|(_, path)| path.as_os_str().is_empty()).map(|(name, _)| name)
}

fn file(reader: &mut Reader<'_>, path: &str) -> Option<PathBuf> {
    let setting = reader.setting(path)?;
    let file = PathBuf::from(reader.as_text(&setting)?);
    if let Err(error) = File::open(&file) {
        reader.wrong(&setting, format!("the path of a readable PEM file ({error})"));
    }
    Some(file)
}
