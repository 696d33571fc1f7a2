//! One server, reached in every way it can be.

use redis::{Client, Commands};
use rustecho_sidecar::config::{RedisConfig, RedisNodes, RedisTls};

use crate::{
    servers::{Server, available, until},
    sidecar::{Sidecar, at, list},
};

/// Events arrive and lists are kept with `settings`; `client` looks at the same server from outside.
async fn works(settings: RedisConfig, client: &Client) {
    let prefix = settings.key_prefix.clone();
    let mut sidecar = Sidecar::start(settings);
    sidecar.is_ready().await;
    let mut connection = client.get_connection().unwrap();
    let message = r#"{"event":"App\\Events\\E","data":{"n": 1.0}}"#;
    let _: i64 = connection.publish(format!("{prefix}orders"), message).unwrap();
    let emitted = until("the event is emitted", async || sidecar.emitted().pop()).await;
    assert_eq!(emitted, r#"42["App\\Events\\E","orders",{"n": 1.0}]"#);

    sidecar.join("presence-room", "a");
    let key = format!("{prefix}presence-room:members");
    until("the list is written", async || {
        let text: Option<String> = connection.get(&key).unwrap();
        (text.as_deref() == Some(&list(&["a"]))).then_some(())
    })
    .await;
    assert_eq!(sidecar.listed("presence-room").await.unwrap().len(), 1);
    sidecar.store.close().await;
    assert_eq!(connection.get::<_, Option<String>>(&key).unwrap().as_deref(), Some("[]"));
}

#[tokio::test]
async fn a_password_and_a_prefix() {
    if !available() {
        return;
    }
    let server = Server::start(&["--requirepass", "se cret"]).await;
    let client = Client::open(format!("redis://:se%20cret@127.0.0.1:{}", server.port())).unwrap();
    let settings =
        RedisConfig { password: Some("se cret".into()), key_prefix: "app_database_".into(), ..at(server.port()) };
    works(settings, &client).await;
}

/// A server whose only user is `echo` with the password `pass`.
async fn with_user(rules: &str) -> Server {
    let user = format!("--user echo on >pass {rules} --user default off");
    Server::start(&user.split(' ').collect::<Vec<_>>()).await
}

#[tokio::test]
async fn an_acl_user_who_has_no_more_than_the_prefix() {
    if !available() {
        return;
    }
    let server = with_user("~app_* &* +@all -@admin -@dangerous").await;
    let client = Client::open(format!("redis://echo:pass@127.0.0.1:{}", server.port())).unwrap();
    let settings = RedisConfig {
        username: Some("echo".into()),
        password: Some("pass".into()),
        key_prefix: "app_".into(),
        ..at(server.port())
    };
    works(settings, &client).await;
}

#[tokio::test]
async fn an_acl_user_who_may_run_no_scripts() {
    if !available() {
        return;
    }
    let server = with_user("~* &* +@all -@scripting").await;
    let client = Client::open(format!("redis://echo:pass@127.0.0.1:{}", server.port())).unwrap();
    let settings = RedisConfig { username: Some("echo".into()), password: Some("pass".into()), ..at(server.port()) };
    works(settings, &client).await;
}

#[tokio::test]
async fn another_database() {
    if !available() {
        return;
    }
    let server = Server::start(&[]).await;
    let client = Client::open(format!("redis://127.0.0.1:{}/5", server.port())).unwrap();
    works(RedisConfig { db: 5, ..at(server.port()) }, &client).await;
}

#[tokio::test]
async fn a_unix_socket() {
    if !available() {
        return;
    }
    let server = Server::start(&["--unixsocket", "{folder}/redis.sock"]).await;
    let settings = RedisConfig { nodes: RedisNodes::Unix(server.file("redis.sock")), ..RedisConfig::default() };
    works(settings, &server.client()).await;
}

/// A server that speaks TLS, with a certificate for `name` from an authority of its own; the authority in PEM.
async fn encrypted(name: &str) -> (Server, String, tempfile::TempDir) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let folder = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    // A name that is an address becomes one: rcgen tells them apart.
    let cert = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let write = |name: &str, pem: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path.display().to_string()
    };
    let (cert, key) = (write("cert.pem", &cert.pem()), write("key.pem", &key.serialize_pem()));
    let tls = ["--port", "0", "--tls-port", "{port}", "--tls-cert-file", &cert, "--tls-key-file", &key];
    let server = Server::start(&[&tls[..], &["--tls-auth-clients", "no", "--tls-ca-cert-file", &cert]].concat()).await;
    (server, authority, folder)
}

fn trusting(server: &Server, tls: RedisTls) -> RedisConfig {
    RedisConfig { tls: Some(tls), ..at(server.port()) }
}

fn insecure(server: &Server) -> Client {
    Client::open(format!("rediss://127.0.0.1:{}/#insecure", server.port())).unwrap()
}

#[tokio::test]
async fn tls_with_an_authority_of_ones_own() {
    if !available() {
        return;
    }
    let (server, authority, _folder) = encrypted("127.0.0.1").await;
    works(trusting(&server, RedisTls { insecure: false, ca: Some(authority) }), &insecure(&server)).await;
}

#[tokio::test]
async fn tls_unchecked_when_told_so() {
    if !available() {
        return;
    }
    let (server, ..) = encrypted("other.test").await;
    works(trusting(&server, RedisTls { insecure: true, ca: None }), &insecure(&server)).await;
}

#[tokio::test]
async fn tls_of_another_name_or_authority_is_refused() {
    if !available() {
        return;
    }
    let (server, authority, _folder) = encrypted("other.test").await;
    for ca in [Some(authority), None] {
        let sidecar = Sidecar::start(trusting(&server, RedisTls { insecure: false, ca }));
        until("the refusal is counted", async || (sidecar.counters.redis_lost.get() > 0).then_some(())).await;
        assert!(!*sidecar.ready.borrow());
        assert_eq!(sidecar.listed("presence-room").await, None);
    }
}

#[tokio::test]
async fn a_channel_whose_name_is_no_text_is_refused() {
    if !available() {
        return;
    }
    let server = Server::start(&[]).await;
    let mut sidecar = Sidecar::start(at(server.port()));
    sidecar.is_ready().await;
    let mut connection = server.client().get_connection().unwrap();
    let message = r#"{"event":"E","data":1}"#;
    let heard: i64 = connection.publish(&b"private-caf\xe9"[..], message).unwrap();
    assert_eq!(heard, 1);
    until("it is counted", async || (sidecar.counters.refused_redis_messages.get() == 1).then_some(())).await;
}
