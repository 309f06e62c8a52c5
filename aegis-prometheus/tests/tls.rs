//! A Prometheus behind TLS and a password.

use std::path::Path;
use std::process::Command;

use aegis_core::port::{Clock as _, SystemClock};
use aegis_core::{ErrorKind, Result};
use aegis_prometheus::{Auth, Client, Data, EndpointConfig};

use crate::bed::Prometheus;

/// What `htpasswd -nBC 10` makes of "test", from Prometheus' guide on basic authentication.
const HASHED: &str = "$2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay";

/// A key, and a certificate that it signed itself.
fn certificate(folder: &Path) {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(folder).args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
    openssl.args(["-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", "key.pem", "-out", "cert.pem"]);
    openssl.args(["-subj", "/CN=aegis-test", "-addext", "subjectAltName=IP:127.0.0.1"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    let made = openssl.output().unwrap_or_else(|e| panic!("openssl: {e}; apt-get install openssl"));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

async fn one(endpoint: EndpointConfig) -> Result<f64> {
    let reply = Client::new(endpoint)?.query("vector(1)", SystemClock.now()).await?;
    match reply.answer()?.data {
        Data::Vector(series) => Ok(series[0].value.unwrap().value),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_believed_by_its_certificate_and_believes_by_a_password() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let web = folder.path().join("web.yml");
    let config = format!(
        "tls_server_config: {{cert_file: cert.pem, key_file: key.pem}}\nbasic_auth_users: {{kim: '{HASHED}'}}\n"
    );
    std::fs::write(&web, config).unwrap();
    let web = format!("--web.config.file={}", web.display());
    let prometheus = Prometheus::with(&[], "", &[&web]).await;
    let kim = |password: &str| Auth::Basic { user: "kim".into(), password: password.into() };
    let endpoint = || {
        let base = format!("https://127.0.0.1:{}", prometheus.server.port);
        EndpointConfig::new(base).with_auth(kim("test"))
    };
    let trusted = || endpoint().with_ca_file(folder.path().join("cert.pem"));

    assert_eq!(one(trusted()).await.unwrap(), 1.0);
    let unknown = one(endpoint()).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Unavailable, "{unknown}");
    assert!(unknown.to_string().contains("certificate"), "{unknown}");
    for auth in [Auth::None, kim("wrong")] {
        let refused = one(trusted().with_auth(auth)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Denied);
        assert!(refused.to_string().contains("check `auth`"), "{refused}");
    }
}
