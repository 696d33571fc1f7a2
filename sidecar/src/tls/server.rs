//! Towards browsers: the configured certificate, read anew on request while connections stay.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::RwLock;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::key::{self, KeyError};
use crate::config::TlsConfig;

/// Why a certificate cannot be served; each text names the setting.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{key}: cannot read {path}: {error}")]
    Read {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file is no PEM, or holds no certificate.
    #[error("{key}: {path} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")]
    NoCertificate {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The key cannot be used.
    #[error("sslKeyPath: {path}: {error}")]
    Key {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: KeyError,
    },
    /// The two do not belong together, or the certificate is not usable.
    #[error("sslCertPath and sslKeyPath: {cert} with {key}: {error}")]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        error: rustls::Error,
    },
}

/// A certificate with its key, ready to be served.
pub struct Certificate {
    current: RwLock<TlsAcceptor>,
}

impl Certificate {
    /// Reads the configured files.
    ///
    /// # Errors
    /// [`TlsError`] naming the setting and the file.
    pub fn open(settings: &TlsConfig) -> Result<Self, TlsError> {
        Ok(Self { current: RwLock::new(acceptor(settings)?) })
    }

    /// Reads the files of these settings. New connections get what they hold now, the others stay as they are. When something
    /// is wrong, so does the certificate that is served.
    ///
    /// # Errors
    /// [`TlsError`] naming the setting and the file.
    pub fn reload(&self, settings: &TlsConfig) -> Result<(), TlsError> {
        let read = acceptor(settings)?;
        *self.current.write() = read;
        Ok(())
    }

    /// Does the handshake with a new connection, within `longest`.
    ///
    /// # Errors
    /// When the client speaks something else, or takes too long.
    pub async fn accept(&self, stream: TcpStream, longest: Duration) -> io::Result<TlsStream<TcpStream>> {
        let acceptor = self.current.read().clone();
        tokio::time::timeout(longest, acceptor.accept(stream)).await?
    }
}

fn acceptor(settings: &TlsConfig) -> Result<TlsAcceptor, TlsError> {
    let mut certificates = certificates("sslCertPath", &settings.cert)?;
    if let Some(chain) = &settings.chain {
        let chain = self::certificates("sslCertChainPath", chain)?;
        // A "full chain" file holds the certificate itself as well.
        let new: Vec<_> = chain.into_iter().filter(|one| !certificates.contains(one)).collect();
        certificates.extend(new);
    }
    let pem = read("sslKeyPath", &settings.key)?;
    let key = key::parse(&pem, settings.passphrase.as_deref())
        .map_err(|error| TlsError::Key { path: settings.key.clone(), error })?;
    let unusable = |error| TlsError::Pair { cert: settings.cert.clone(), key: settings.key.clone(), error };
    let provider = Arc::new(ring::default_provider());
    let pair = CertifiedKey::from_der(certificates, key, &provider).map_err(unusable)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(unusable)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(key, path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) | Err(_) => Err(TlsError::NoCertificate { key, path: path.into() }),
    }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| TlsError::Read { key, path: path.into(), error })
}

#[cfg(test)]
mod tests;
