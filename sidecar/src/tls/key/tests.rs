//! Keys as the real `openssl` writes them.

use std::process::Command;

use super::*;

/// What `openssl` prints for these arguments; none where it is missing, which must not happen in CI.
fn openssl(arguments: &str, input: Option<&std::path::Path>) -> Option<Vec<u8>> {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' '));
    if let Some(input) = input {
        command.arg("-in").arg(input);
    }
    match command.output() {
        Ok(output) => {
            assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
            Some(output.stdout)
        }
        Err(error) if std::env::var_os("CI").is_none() => {
            println!("skipped: openssl: {error}");
            None
        }
        Err(error) => panic!("openssl is needed in CI: {error}"),
    }
}

#[test]
fn every_form_openssl_writes_is_read_with_its_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    // `openssl ec` knows the traditional form only, `openssl rsa` has to be asked for it.
    let (rsa, ec) = ("rsa -traditional", "ec");
    for (make, write) in [("genrsa 2048", rsa), ("ecparam -name prime256v1 -genkey -noout", ec)] {
        let Some(pem) = openssl(make, None) else { return };
        std::fs::write(&path, &pem).unwrap();
        let plain = parse(&openssl(write, Some(&path)).unwrap(), None).unwrap();
        for cipher in ["-aes128", "-aes192", "-aes256", "-des3"] {
            let traditional = openssl(&format!("{write} {cipher} -passout pass:secret"), Some(&path)).unwrap();
            assert!(String::from_utf8_lossy(&traditional).contains("DEK-Info"));
            assert_eq!(parse(&traditional, Some("secret")).unwrap(), plain, "{cipher}");
            assert!(matches!(parse(&traditional, Some("wrong")), Err(KeyError::WrongPassphrase)));
            assert!(matches!(parse(&traditional, None), Err(KeyError::NoPassphrase)));
        }
        let unencrypted = parse(&openssl("pkcs8 -topk8 -nocrypt", Some(&path)).unwrap(), Some("not needed")).unwrap();
        for cipher in ["-v2 aes256", "-v2 aes128", "-v2 des3 -v2prf hmacWithSHA1"] {
            let pkcs8 = openssl(&format!("pkcs8 -topk8 {cipher} -passout pass:secret"), Some(&path)).unwrap();
            assert!(String::from_utf8_lossy(&pkcs8).contains("BEGIN ENCRYPTED PRIVATE KEY"));
            assert_eq!(parse(&pkcs8, Some("secret")).unwrap(), unencrypted, "{cipher}");
            assert!(matches!(parse(&pkcs8, Some("wrong")), Err(KeyError::WrongPassphrase)));
            assert!(matches!(parse(&pkcs8, Some("")), Err(KeyError::NoPassphrase)));
        }
    }
}

#[test]
fn what_is_no_key_is_told_from_a_damaged_one() {
    let wrapped = |body: &str| format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n");
    assert!(matches!(parse(b"", None), Err(KeyError::None)));
    assert!(matches!(parse(b"-----BEGIN CERTIFICATE-----\nAAAA\n", None), Err(KeyError::None)));
    assert!(matches!(parse(wrapped("!!!!").as_bytes(), None), Err(KeyError::Damaged)));
    let rc2 = wrapped("Proc-Type: 4,ENCRYPTED\nDEK-Info: RC2-CBC,0011223344556677\n\nAAAA");
    assert!(parse(rc2.as_bytes(), Some("x")).unwrap_err().to_string().contains("RC2-CBC"));
    for iv in ["zz", "00", ""] {
        let odd = wrapped(&format!("DEK-Info: AES-128-CBC,{iv}\n\nAAAA"));
        assert!(matches!(parse(odd.as_bytes(), Some("x")), Err(KeyError::Damaged)), "{iv}");
    }
}
