//! Lists that come in pages.

use aegis_core::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Failure, GitHub, JSON, parse};

/// Pages that one list may have.
const PAGES: usize = 50;

impl GitHub {
    /// Reads a list over its pages, until `enough` of it was read.
    pub(crate) async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        enough: usize,
    ) -> Result<Vec<T>, Failure> {
        self.over_pages(path, enough, parse).await
    }

    /// The same of a list that stands under `name` in an object.
    pub(crate) async fn pages_of<T: DeserializeOwned>(
        &self,
        name: &str,
        path: &str,
        enough: usize,
    ) -> Result<Vec<T>, Failure> {
        let list = |body: &[u8], path: &str| {
            let mut page: Map<String, Value> = parse(body, path)?;
            serde_json::from_value(page.remove(name).unwrap_or_default()).map_err(|e| {
                let say = format!("{path}: {name} in GitHub's answer can't be read: {e}");
                Error::unavailable(say).at("github")
            })
        };
        self.over_pages(path, enough, list).await
    }

    async fn over_pages<T>(
        &self,
        path: &str,
        enough: usize,
        list: impl Fn(&[u8], &str) -> Result<Vec<T>>,
    ) -> Result<Vec<T>, Failure> {
        let mut all = Vec::new();
        let mut next = Some(path.to_owned());
        for _ in 0..PAGES {
            let Some(path) = next.take().filter(|_| all.len() < enough) else { break };
            let (body, link) = self.read(&path, JSON).await?;
            all.extend(list(&body, &path)?);
            // By its path: an address that names another host is not followed.
            let link = link.as_deref().and_then(following);
            next = link.and_then(|url| self.inner.config.relative(url)).map(str::to_owned);
        }
        all.truncate(enough);
        Ok(all)
    }
}

/// The address of the next page in a `Link` header.
fn following(link: &str) -> Option<&str> {
    let mut links = link.split(',').filter_map(|one| one.split_once(';'));
    let (url, _) = links.find(|(_, rel)| rel.contains("rel=\"next\""))?;
    url.trim().strip_prefix('<')?.strip_suffix('>')
}
