//! Whether the credentials may do what they will have to, told before anything depends on it.

use aegis_core::{Error, Result};
use serde_json::Value;

use super::live::Live;
use super::pull::Remote;
use crate::client::{Failure, Rights};

/// A right that something here needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    permission: &'static str,
    write: bool,
    /// What can be read with it and not without it, relative to the repository.
    probe: Option<String>,
}

impl Need {
    fn read(permission: &'static str, probe: String) -> Self {
        Self { permission, write: false, probe: Some(probe) }
    }

    fn name(&self) -> String {
        format!("{} ({})", self.permission, if self.write { "read and write" } else { "read" })
    }
}

/// To write commits and branches.
pub(super) fn contents() -> Need {
    // That it can be read was seen as the repository was opened.
    Need { permission: "contents", write: true, probe: None }
}

/// To open pull requests, and to merge them.
pub(super) fn pulls() -> Need {
    Need { permission: "pull_requests", write: true, probe: Some("pulls?per_page=1".to_owned()) }
}

/// To read what checks say of commits, as of `head`.
pub(super) fn checks(head: &str) -> [Need; 2] {
    [
        Need::read("checks", format!("commits/{head}/check-runs?per_page=1")),
        Need::read("statuses", format!("commits/{head}/status?per_page=1")),
    ]
}

/// To see what runs.
pub(super) fn live(live: &Live) -> Option<Need> {
    let (permission, probe) = live.asks()?;
    Some(Need::read(permission, probe))
}

/// Refuses credentials that lack what is needed, and names all of it at once.
///
/// What an App may do, and the scopes of a classic token, are known. Of a fine-grained token each
/// reading is tried; whether it may write shows as it does.
pub(super) async fn check(remote: &Remote, needs: &[Need]) -> Result<()> {
    let name = remote.repository.name();
    let rights = remote.github().rights().await;
    if let Rights::Scopes(scopes) = &rights {
        let has = |scope: &str| scopes.iter().any(|own| own == scope);
        // One for public repositories alone sees no other.
        if has("repo") || has("public_repo") {
            return Ok(());
        }
        let say = format!(
            "the token's scopes are {:?}, and to write to {name} it needs `repo`, or `public_repo` where \
             that is public: add it under Settings, Developer settings, Personal access tokens",
            scopes.join(", ")
        );
        return Err(Error::denied(say).at("github"));
    }
    let mut missing = Vec::new();
    for need in needs {
        let may = match &rights {
            Rights::Granted(granted) => {
                let level = granted.get(need.permission).map(String::as_str);
                matches!((level, need.write), (Some("write" | "admin"), _) | (Some("read"), false))
            }
            _ => readable(remote, need).await?,
        };
        if !may {
            missing.push(need);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = missing.iter().map(|need| need.name()).collect();
    let place = match rights {
        Rights::Granted(_) => {
            "grant it in the App's settings under Permissions, and accept it where the App is installed"
        }
        // GitHub offers it to Apps alone.
        _ if missing.iter().any(|need| need.permission == "checks") => {
            "a fine-grained token can't have `checks`: use a GitHub App, or a classic token with `repo`"
        }
        _ => "grant it under Settings, Developer settings, Personal access tokens, on the token",
    };
    let say = format!("these credentials lack {} on {name}: {place}", list.join(", "));
    Err(Error::denied(say).at("github"))
}

async fn readable(remote: &Remote, need: &Need) -> Result<bool> {
    let Some(probe) = &need.probe else { return Ok(true) };
    let answer: Result<Value, Failure> = remote.github().get(&remote.repository.at(probe)).await;
    match answer {
        Err(Failure::Refused(refused)) => Ok(refused.status != 403),
        answer => answer.map(|_| true).map_err(Error::from),
    }
}
