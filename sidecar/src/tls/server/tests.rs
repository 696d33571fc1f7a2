//! Certificates from files to a client's handshake.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;

use super::*;

/// A root, an intermediate authority, and what the intermediate signs.
struct Authority {
    root: rcgen::Certificate,
    intermediate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let ca = |name: &str| {
            let mut params = CertificateParams::new(vec![]).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            (params, KeyPair::generate().unwrap())
        };
        let (params, key) = ca("root");
        let root = params.self_signed(&key).unwrap();
        let root_issuer = Issuer::new(params, key);
        let (params, key) = ca("intermediate");
        let intermediate = params.signed_by(&key, &root_issuer).unwrap();
        Self { root, intermediate, issuer: Issuer::new(params, key) }
    }

    /// Writes `cert.pem`, `key.pem` and `chain.pem`.
    fn write(&self, folder: &Path, name: &str) {
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
        fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        fs::write(folder.join("chain.pem"), cert.pem() + &self.intermediate.pem()).unwrap();
    }

    fn client(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }
}

fn settings(folder: &Path) -> TlsConfig {
    let file = |name| folder.join(name);
    TlsConfig { cert: file("cert.pem"), key: file("key.pem"), chain: Some(file("chain.pem")), passphrase: None }
}

/// Connects and asks for `name`; both ends.
async fn meet(
    certificate: &Certificate,
    client: &TlsConnector,
    name: &'static str,
) -> io::Result<(TlsStream<TcpStream>, tokio_rustls::client::TlsStream<TcpStream>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let dialled = TcpStream::connect(listener.local_addr()?).await?;
    let (accepted, _) = listener.accept().await?;
    let name = ServerName::try_from(name).unwrap();
    let (server, client) =
        tokio::join!(certificate.accept(accepted, Duration::from_secs(10)), client.connect(name, dialled));
    Ok((server?, client?))
}

#[tokio::test]
async fn a_client_that_knows_the_root_alone_trusts_the_chain() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.write(folder.path(), "echo.test");
    let certificate = Certificate::open(&settings(folder.path())).unwrap();
    for version in [&TLS12, &TLS13] {
        let (_, client) = meet(&certificate, &authority.client(&[version]), "echo.test").await.unwrap();
        let (_, session) = client.get_ref();
        assert_eq!(session.protocol_version(), Some(version.version));
        assert_eq!(session.peer_certificates().unwrap().len(), 2, "the chain without a second copy of the certificate");
    }
    assert!(meet(&certificate, &authority.client(&[&TLS13]), "other.test").await.is_err());
}

#[tokio::test]
async fn a_reload_is_for_new_connections_and_leaves_the_others() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.write(folder.path(), "old.test");
    let certificate = Certificate::open(&settings(folder.path())).unwrap();
    let connector = authority.client(&[&TLS13]);
    let (mut server, mut client) = meet(&certificate, &connector, "old.test").await.unwrap();

    authority.write(folder.path(), "new.test");
    certificate.reload(&settings(folder.path())).unwrap();
    assert!(meet(&certificate, &connector, "new.test").await.is_ok());
    server.write_all(b"still here").await.unwrap();
    server.flush().await.unwrap();
    let mut read = [0; 10];
    client.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"still here");

    fs::write(folder.path().join("cert.pem"), "half written").unwrap();
    assert!(certificate.reload(&settings(folder.path())).is_err());
    assert!(meet(&certificate, &connector, "new.test").await.is_ok(), "a bad file changes nothing");
}

#[tokio::test]
async fn of_protocols_http_1_1_is_chosen() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.write(folder.path(), "echo.test");
    let certificate = Certificate::open(&settings(folder.path())).unwrap();
    let mut config = ClientConfig::clone(authority.client(&[&TLS13]).config());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let (_, client) = meet(&certificate, &TlsConnector::from(Arc::new(config)), "echo.test").await.unwrap();
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn tls_1_0_and_plain_http_are_refused() {
    use tokio::io::AsyncWriteExt;
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.write(folder.path(), "echo.test");
    let certificate = Certificate::open(&settings(folder.path())).unwrap();
    // A ClientHello of TLS 1.0 with one cipher.
    let mut hello = vec![0x16, 3, 1, 0, 47, 1, 0, 0, 43, 3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0, 0, 0]);
    for first_bytes in [&hello[..], b"GET / HTTP/1.1\r\nHost: echo.test\r\n\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut dialled = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        dialled.write_all(first_bytes).await.unwrap();
        let error = certificate.accept(accepted, Duration::from_secs(10)).await.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
    }
}

#[test]
fn errors_name_the_setting_and_the_file() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.write(folder.path(), "echo.test");
    let error = |settings: TlsConfig| Certificate::open(&settings).err().unwrap().to_string();
    let good = settings(folder.path());
    let missing = folder.path().join("missing.pem");
    let other = folder.path().join("other.pem");
    fs::write(&other, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    for (settings, word) in [
        (TlsConfig { cert: missing.clone(), ..good.clone() }, "sslCertPath: cannot read"),
        (TlsConfig { key: missing.clone(), ..good.clone() }, "sslKeyPath: cannot read"),
        (TlsConfig { chain: Some(missing.clone()), ..good.clone() }, "sslCertChainPath: cannot read"),
        (TlsConfig { cert: good.key.clone(), ..good.clone() }, "sslCertPath: "),
        (TlsConfig { key: good.cert.clone(), ..good.clone() }, "holds no private key"),
        (TlsConfig { key: other.clone(), ..good.clone() }, "sslCertPath and sslKeyPath"),
    ] {
        let text = error(settings);
        assert!(text.contains(word) && text.contains(".pem"), "{text}");
    }
}
