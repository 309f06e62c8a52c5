//! The HTTP client that the probe, the scrape and the webhook share.

mod reach;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aegis_core::{Error, Result};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Method, RequestBuilder, Response, Url};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt;

pub(crate) use reach::Reach;

/// Redirects that are followed at most, all on the origin that was asked.
const MAX_REDIRECTS: usize = 3;

/// A client for one purpose: it reaches only what its [`Reach`] allows.
///
/// Names are resolved by the client itself and the connection goes to the address that was checked,
/// so that a name can't point elsewhere in between. Redirects are followed on the same origin only.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    reach: Reach,
}

/// An answer whose body was read up to a bound.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    /// Headers.
    pub(crate) headers: reqwest::header::HeaderMap,
    /// The body, or its beginning.
    pub(crate) body: Vec<u8>,
    /// Whether the body was longer than the bound.
    pub(crate) cut: bool,
}

impl Answer {
    /// The body as text; bytes that are no UTF-8 are replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Http {
    /// A client that waits at most `timeout` for a whole exchange. `proxy` lets it use the proxy that
    /// the environment names; a proxy resolves names itself, so a guarded client has none.
    pub(crate) fn new(reach: Reach, timeout: Duration, proxy: bool) -> Result<Self> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls()?)
            .user_agent(concat!("aegis/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .connect_timeout(timeout)
            // Each call proves that a connection can be made; a kept one would hide that it can't.
            .pool_max_idle_per_host(0)
            .redirect(Policy::custom(same_origin))
            .dns_resolver(Guarded(reach.clone()));
        if !proxy {
            builder = builder.no_proxy();
        }
        let client = builder
            .build()
            .map_err(|e| Error::internal("the HTTP client can't be built").with_source(e))?;
        Ok(Self { client, reach })
    }

    /// Checks that `url` is one that this client may ask: its scheme, and its host where that is an
    /// address. Names are checked when they are resolved.
    pub(crate) fn check(&self, url: &Url) -> Result<()> {
        let host = url.host_str().ok_or_else(|| Error::invalid("the URL names no host"))?;
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => self.reach.check(address),
            Err(_) => Ok(()),
        }
    }

    /// A request to `url`, which must pass [`check`](Self::check).
    pub(crate) fn request(&self, method: Method, url: Url) -> Result<RequestBuilder> {
        self.check(&url)?;
        Ok(self.client.request(method, url))
    }

    /// Sends `request` and reads at most `cap` bytes of the answer's body.
    pub(crate) async fn send(
        request: RequestBuilder,
        cap: usize,
    ) -> std::result::Result<Answer, reqwest::Error> {
        let mut response: Response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        let mut cut = false;
        while let Some(chunk) = response.chunk().await? {
            let room = cap - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                cut = true;
                break;
            }
        }
        Ok(Answer { status, headers, body, cut })
    }
}

/// Parses a URL that must be `http` or `https` with a host.
pub(crate) fn parse_url(text: &str) -> Result<Url> {
    let url = Url::parse(text).map_err(|e| Error::invalid(format!("not a URL: {e}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Error::invalid(format!("{} is neither http nor https", url.scheme())));
    }
    if url.host_str().is_none() {
        return Err(Error::invalid("the URL names no host"));
    }
    Ok(url)
}

/// Why a name was not resolved or its address refused; nothing of that is the other side's fault.
pub(crate) fn unresolved(error: &reqwest::Error) -> Option<Error> {
    let mut cause = std::error::Error::source(error);
    while let Some(e) = cause {
        if let Some(own) = e.downcast_ref::<Error>() {
            return Some(Error::new(own.kind(), own.to_string()));
        }
        cause = e.source();
    }
    None
}

/// What `error` says, without the URL, which may hold a secret.
pub(crate) fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(e) = cause {
        text.push_str(": ");
        text.push_str(&e.to_string());
        cause = e.source();
    }
    text
}

/// TLS by ring and the platform's trust store, read once, without touching the process-wide
/// provider, which is the host's to choose.
fn tls() -> Result<ClientConfig> {
    static TLS: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(config) = TLS.get() {
        return Ok(config.clone());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|e| Error::internal("TLS can't be set up").with_source(e))?
        .with_no_client_auth();
    Ok(TLS.get_or_init(|| config).clone())
}

/// Follows a redirect to the origin that was asked; any other answer is handed back as it is.
fn same_origin(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let from = attempt.previous().first();
    let stays = from.is_some_and(|first| first.origin() == attempt.url().origin());
    if stays && attempt.previous().len() <= MAX_REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

/// Resolves a name and answers only with addresses that may be reached.
#[derive(Debug)]
struct Guarded(Reach);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found: Vec<SocketAddr> = found
                .map_err(|e| Error::unavailable("the name does not resolve").with_source(e))?
                .collect();
            for address in &found {
                // One bad address spoils the name: its owner decides which one is tried.
                reach.check(address.ip())?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aegis_core::ErrorKind;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_url_must_be_http_with_a_host() {
        for bad in ["", "ftp://a/", "file:///etc/passwd", "nonsense", "unix:/run/a.sock"] {
            assert!(parse_url(bad).is_err(), "{bad}");
        }
        assert!(parse_url("https://example.com/health").is_ok());
    }

    #[test]
    fn a_client_leaves_the_hosts_tls_provider_alone() {
        Http::new(Reach::public(), SECOND, false).unwrap();
        assert!(rustls::crypto::CryptoProvider::get_default().is_none());
    }

    #[test]
    fn an_address_in_a_url_is_checked_however_it_is_written() {
        let http = Http::new(Reach::public(), SECOND, false).unwrap();
        for url in [
            "http://169.254.169.254/latest",
            "http://0xa9fea9fe/",
            "http://2852039166/",
            "http://127.1/",
            "http://[::ffff:10.0.0.1]/",
            "http://[fe80::1]/",
        ] {
            assert!(http.check(&parse_url(url).unwrap()).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_a_private_address_is_refused() {
        let http = Http::new(Reach::public(), SECOND, false).unwrap();
        let url = parse_url("http://localhost:9/").unwrap();
        let request = http.request(Method::GET, url).unwrap();
        let error = Http::send(request, 10).await.unwrap_err();
        let why = unresolved(&error).unwrap();
        assert_eq!(why.kind(), ErrorKind::Denied);
        assert!(why.to_string().contains("loopback"), "{why}");
    }
}
