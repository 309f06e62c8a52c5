//! Which GitHub, as whom, and within which bounds.

use std::fmt;
use std::time::Duration;

use aegis_core::{Error, Result};
use reqwest::Url;
use secrecy::SecretString;

const PUBLIC: &str = "https://api.github.com/";

/// As whom GitHub is asked.
///
/// # Which rights it needs
///
/// The repository's permissions, by the names that Apps and fine-grained tokens have for them:
///
/// | for | contents | pull requests | checks | commit statuses | deployments | actions |
/// |---|---|---|---|---|---|---|
/// | [`GitHubRepository`](crate::GitHubRepository) | read | | | | | |
/// | [`GitHubDeployer`](crate::GitHubDeployer) | write | write | read | read | | read, for logs of jobs that failed |
/// | [`Live::deployments`](crate::Live::deployments) | read | | | | read | |
/// | [`Live::workflow`](crate::Live::workflow) | read | | | | | read |
/// | [`ActionsVerifier`](crate::ActionsVerifier) | write | | read | read | | read, for logs of jobs that failed |
/// | [`Pipelines`](crate::Pipelines) | read | | | | | read |
///
/// Metadata is read by all, and GitHub gives that to everyone. `workflows` is never needed: a fix does
/// not touch `.github`. Nor are administration, secrets, environments, issues and members: what the
/// release branch requires is read by its rules, and labels are those of pull requests.
///
/// - A **GitHub App** is the narrowest, and what it commits is signed by GitHub.
/// - A **classic token** needs the scope `repo`, or `public_repo` where the repository is public. That is
///   all repositories of whoever made it.
/// - A **fine-grained token** can't be given `checks`: on a private repository it does for what reads the
///   source and for [`Pipelines`](crate::Pipelines), and for no deployer.
///
/// What is opened here says at once which of them are missing, where GitHub tells: an App's are known,
/// and so are a classic token's scopes; a fine-grained token is tried by what it may read, and whether
/// it may write is seen by the first write, whose error names the right.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Credentials {
    /// A personal token, fine-grained or classic.
    Token(SecretString),
    /// A GitHub App, as one of its installations.
    App(AppKey),
}

impl Credentials {
    /// A personal token. Pull requests that the token of a workflow run opens start no workflows: use
    /// a person's or an App's.
    pub fn token(token: impl Into<SecretString>) -> Self {
        Self::Token(token.into())
    }
}

/// What a GitHub App signs in with.
#[derive(Clone)]
#[non_exhaustive]
pub struct AppKey {
    /// The App's id or client id.
    pub app: String,
    /// The installation on the account that owns the repository.
    pub installation: u64,
    /// The App's private key, as GitHub gives it: PEM.
    pub private_key: SecretString,
}

impl AppKey {
    /// The App `app`, as installed under the number `installation`.
    pub fn new(
        app: impl Into<String>,
        installation: u64,
        private_key: impl Into<SecretString>,
    ) -> Self {
        Self { app: app.into(), installation, private_key: private_key.into() }
    }
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, installation, .. } = self;
        f.debug_struct("AppKey").field("app", app).field("installation", installation).finish()
    }
}

/// Where GitHub is, and the bounds of what is asked of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GitHubConfig {
    api: Url,
    /// How long one exchange may take; 20 s unless set.
    pub timeout: Duration,
    /// How long one call may take in all, with what it waits for limits and repeats; 60 s unless set.
    pub patience: Duration,
    /// The least time between two writes; 1 s unless set, as GitHub asks for.
    pub write_gap: Duration,
    /// How long writes and reads stop after a secondary limit that names no time; 60 s unless set, as
    /// GitHub asks for.
    pub cooldown: Duration,
    /// The pause before the first repeat of a call that failed, doubled each time; 500 ms unless set.
    pub backoff: Duration,
    /// Times a call that may be repeated is repeated; 3 unless set.
    pub repeats: u32,
    /// Most bytes of an answer; 32 MiB unless set.
    pub answer_bytes: usize,
    /// Most bytes of answers that are kept to be asked for conditionally; 8 MiB unless set.
    pub cache_bytes: usize,
}

impl Default for GitHubConfig {
    fn default() -> Self {
        Self::at(parsed(PUBLIC).unwrap_or_else(|_| unreachable!("it is a URL")))
    }
}

impl GitHubConfig {
    /// github.com.
    pub fn new() -> Self {
        Self::default()
    }

    /// A GitHub Enterprise Server, by its address: `https://github.example.com`.
    ///
    /// # Errors
    ///
    /// `Invalid` where that is no `https` or `http` URL.
    pub fn enterprise(server: &str) -> Result<Self> {
        let mut url = parsed(server)?;
        let path = url.path().trim_end_matches('/').trim_end_matches("/api/v3").to_owned();
        url.set_path(&format!("{path}/api/v3/"));
        Ok(Self::at(url))
    }

    /// The REST API at this address, for what stands in for GitHub.
    ///
    /// # Errors
    ///
    /// `Invalid` where that is no `https` or `http` URL.
    pub fn with_api(mut self, api: &str) -> Result<Self> {
        let mut url = parsed(api)?;
        let path = format!("{}/", url.path().trim_end_matches('/'));
        url.set_path(&path);
        self.api = url;
        Ok(self)
    }

    /// Waits at least so long between two writes.
    #[must_use]
    pub fn with_write_gap(mut self, gap: Duration) -> Self {
        self.write_gap = gap;
        self
    }

    /// Lets one exchange, and one call with all that it waits for, take this long.
    #[must_use]
    pub fn with_timeouts(mut self, timeout: Duration, patience: Duration) -> Self {
        (self.timeout, self.patience) = (timeout, patience);
        self
    }

    /// Repeats what may be repeated so often, after `backoff`, doubled each time.
    #[must_use]
    pub fn with_repeats(mut self, repeats: u32, backoff: Duration) -> Self {
        (self.repeats, self.backoff) = (repeats, backoff);
        self
    }

    fn at(api: Url) -> Self {
        Self {
            api,
            timeout: Duration::from_secs(20),
            patience: Duration::from_secs(60),
            write_gap: Duration::from_secs(1),
            cooldown: Duration::from_secs(60),
            backoff: Duration::from_millis(500),
            repeats: 3,
            answer_bytes: 32 * 1_024 * 1_024,
            cache_bytes: 8 * 1_024 * 1_024,
        }
    }

    /// The address of a call: a path relative to the API, as `repos/o/r/pulls?state=all`.
    pub(crate) fn rest(&self, path: &str) -> Result<Url> {
        self.api.join(path).map_err(|e| Error::invalid(format!("{path}: {e}")).at("github"))
    }

    /// The path of an address under the API; `None` where it is elsewhere.
    pub(crate) fn relative<'a>(&self, url: &'a str) -> Option<&'a str> {
        url.strip_prefix(self.api.as_str())
    }

    /// Where GraphQL is: beside the REST API, on Enterprise one level up.
    pub(crate) fn graphql(&self) -> Url {
        let mut url = self.api.clone();
        let path = self.api.path();
        url.set_path(&match path.strip_suffix("/api/v3/") {
            Some(above) => format!("{above}/api/graphql"),
            None => format!("{path}graphql"),
        });
        url
    }
}

/// Refuses what is no `owner/repository`.
pub(crate) fn is_name(name: &str) -> Result<()> {
    let plain = |part: &str| {
        let usual = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !part.is_empty() && part.chars().all(usual) && !matches!(part, "." | "..")
    };
    match name.split_once('/') {
        Some((owner, name)) if plain(owner) && plain(name) => Ok(()),
        _ => {
            let say = format!("{name:?} is no repository's name; give OWNER/NAME");
            Err(Error::invalid(say).at("github"))
        }
    }
}

fn parsed(text: &str) -> Result<Url> {
    let wrong = |why: String| {
        let say = format!("{text} is no address of GitHub: {why}; give https://HOST");
        Error::invalid(say).at("github")
    };
    let url = Url::parse(text).map_err(|e| wrong(e.to_string()))?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
        return Err(wrong(String::from("it needs https and a host")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(String::from("credentials do not belong into it")));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_server_has_its_addresses() {
        let public = GitHubConfig::new();
        assert_eq!(public.rest("repos/o/r").unwrap().as_str(), "https://api.github.com/repos/o/r");
        assert_eq!(public.graphql().as_str(), "https://api.github.com/graphql");
        for given in ["https://ghe.example", "https://ghe.example/", "https://ghe.example/api/v3/"]
        {
            let own = GitHubConfig::enterprise(given).unwrap();
            let rest = own.rest("user").unwrap();
            assert_eq!(rest.as_str(), "https://ghe.example/api/v3/user");
            assert_eq!(own.graphql().as_str(), "https://ghe.example/api/graphql");
            assert_eq!(own.relative("https://ghe.example/api/v3/a?page=2"), Some("a?page=2"));
            assert_eq!(own.relative("https://evil.example/api/v3/a?page=2"), None);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_to_give() {
        for bad in ["ghe.example", "ftp://ghe.example", "https://", "https://me:secret@ghe.example"]
        {
            let error = GitHubConfig::enterprise(bad).unwrap_err();
            assert!(error.to_string().contains("https"), "{error}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let app = Credentials::App(AppKey::new("1", 2, "-----BEGIN hush"));
        for shown in [format!("{:?}", Credentials::token("hush")), format!("{app:?}")] {
            assert!(!shown.contains("hush"), "{shown}");
        }
    }
}
