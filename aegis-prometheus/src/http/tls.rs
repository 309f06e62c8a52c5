//! Whom the other side may be: rustls on ring, with the system's certificates and a file's.

use std::path::Path;
use std::sync::Arc;

use aegis_core::{Error, Result};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::{BuilderVerifierExt as _, Verifier};

/// TLS that trusts the system, and the certificates in `file`.
pub(super) fn trusting(file: Option<&Path>) -> Result<ClientConfig> {
    let broken = |e: rustls::Error| Error::internal("TLS can't be set up").with_source(e);
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(broken)?;
    let Some(file) = file else {
        return Ok(builder.with_platform_verifier().map_err(broken)?.with_no_client_auth());
    };
    let roots = certificates(file)?;
    let verifier = Verifier::new_with_extra_roots(roots, provider).map_err(broken)?;
    // The name is the crate's: what checks is the platform's verifier.
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(builder.with_no_client_auth())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let wrong = |why: String| {
        Error::invalid(format!("`ca_file` {} {why}; give PEM certificates", file.display()))
    };
    let pem = std::fs::read(file).map_err(|e| wrong(format!("can't be read: {e}")))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(wrong(String::from("holds no certificate"))),
        Err(e) => Err(wrong(format!("can't be read: {e}"))),
    }
}
