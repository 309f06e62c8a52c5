//! Pull requests and branches, as GitHub has them.

use aegis_core::{Error, Result};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::change::Change;
use crate::client::{Failure, GitHub, Refused, unless_missing};
use crate::repository::{GitHubRepository, escaped};

/// Pull requests of one branch that are looked at, the newest first.
const PULLS: usize = 30;

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pull {
    pub(super) number: u64,
    /// As GraphQL names it.
    #[serde(default)]
    pub(super) node_id: String,
    pub(super) state: String,
    pub(super) title: String,
    pub(super) body: Option<String>,
    pub(super) created_at: String,
    pub(super) merged_at: Option<String>,
    pub(super) merge_commit_sha: Option<String>,
    /// Whether it merges cleanly; worked out late, and told by [`Remote::pull`] alone.
    #[serde(default)]
    pub(super) mergeable: Option<bool>,
    pub(super) head: End,
    pub(super) base: End,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct End {
    pub(super) sha: String,
    #[serde(rename = "ref")]
    pub(super) branch: String,
    /// `None` where it was deleted.
    pub(super) repo: Option<Home>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Home {
    pub(super) full_name: String,
}

/// A commit as Git has it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Bare {
    pub(super) message: String,
    pub(super) tree: Object,
    pub(super) parents: Vec<Object>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Object {
    pub(super) sha: String,
}

#[derive(Deserialize)]
struct Ref {
    object: Object,
}

#[derive(Deserialize)]
struct Merged {
    sha: String,
}

#[derive(Deserialize)]
struct Compared {
    status: String,
}

/// How commits come onto the release branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MergeMethod {
    /// A merge commit.
    #[default]
    Merge,
    /// One commit that holds it all.
    Squash,
    /// The commits, each anew.
    Rebase,
}

impl MergeMethod {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Squash => "squash",
            Self::Rebase => "rebase",
        }
    }
}

/// The repository, to write to.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub(super) repository: GitHubRepository,
    /// Whether GitHub makes the commits, and signs them.
    pub(super) signed: bool,
}

impl Remote {
    pub(super) fn github(&self) -> &GitHub {
        self.repository.github()
    }

    fn at(&self, path: &str) -> String {
        self.repository.at(path)
    }

    /// Pull requests from this branch of the repository itself, whatever became of them.
    pub(super) async fn pulls(&self, branch: &str) -> Result<Vec<Pull>> {
        let name = self.repository.name();
        let owner = name.split('/').next().unwrap_or_default();
        let query = format!(
            "pulls?head={owner}:{}&state=all&sort=created&direction=desc&per_page={PULLS}",
            escaped(branch)
        );
        let pulls: Vec<Pull> = self.github().get(&self.at(&query)).await?;
        let home = |pull: &Pull| {
            pull.head.branch == branch
                && pull.head.repo.as_ref().is_some_and(|home| home.full_name == name)
        };
        Ok(pulls.into_iter().filter(home).collect())
    }

    pub(super) async fn pull(&self, number: u64) -> Result<Pull> {
        Ok(self.github().get(&self.at(&format!("pulls/{number}"))).await?)
    }

    /// Opens a pull request; `Err(Refused)` where there is one, or nothing to merge.
    pub(super) async fn open(
        &self,
        branch: &str,
        title: &str,
        body: &str,
    ) -> Result<Result<Pull, Refused>> {
        let base = self.repository.branch();
        let asked = json!({ "title": heard(title), "head": branch, "base": base, "body": body });
        refused(self.github().write_once(Method::POST, &self.at("pulls"), asked).await, &[422])
    }

    pub(super) async fn amend(&self, number: u64, change: Value) -> Result<Pull> {
        let path = self.at(&format!("pulls/{number}"));
        Ok(self.github().write_again(Method::PATCH, &path, change).await?)
    }

    /// Adding what is there changes nothing.
    pub(super) async fn label(&self, number: u64, labels: &[String]) -> Result<()> {
        let path = self.at(&format!("issues/{number}/labels"));
        let asked = json!({ "labels": labels });
        let _: Value = self.github().write_again(Method::POST, &path, asked).await?;
        Ok(())
    }

    /// Merges exactly `head`; the commit on the release branch.
    pub(super) async fn merge(
        &self,
        pull: &Pull,
        head: &str,
        method: MergeMethod,
        (title, message): (&str, &str),
    ) -> Result<Result<String, Refused>> {
        let path = self.at(&format!("pulls/{}/merge", pull.number));
        let mut asked = json!({ "sha": head, "merge_method": method.as_str() });
        if method != MergeMethod::Rebase {
            asked["commit_title"] = heard(title).into();
            asked["commit_message"] = message.into();
        }
        let merged: Result<Merged, Failure> =
            self.github().write_once(Method::PUT, &path, asked).await;
        Ok(refused(merged, &[405, 409, 422])?.map(|merged| merged.sha))
    }

    /// The head of a branch.
    pub(super) async fn tip(&self, branch: &str) -> Result<Option<String>> {
        let path = self.at(&format!("git/ref/heads/{}", escaped(branch)));
        let found: Option<Ref> = unless_missing(self.github().get(&path).await)?;
        Ok(found.map(|found| found.object.sha))
    }

    /// Makes a branch; false where there is one.
    pub(super) async fn branch(&self, branch: &str, at: &str) -> Result<bool> {
        let asked = json!({ "ref": format!("refs/heads/{branch}"), "sha": at });
        let made: Result<Value, Failure> =
            self.github().write_once(Method::POST, &self.at("git/refs"), asked).await;
        match refused(made, &[422])? {
            Ok(_) => Ok(true),
            Err(refused) if refused.message.contains("already exists") => Ok(false),
            Err(refused) => Err(refused.into()),
        }
    }

    /// Deletes a branch that is still at `at`; false where it holds something else.
    ///
    /// GitHub compares nothing as it deletes: what is pushed within these two calls goes with it, and
    /// stays in its pull request.
    pub(super) async fn delete(&self, branch: &str, at: &str) -> Result<bool> {
        match self.tip(branch).await? {
            None => return Ok(true),
            Some(tip) if tip != at => return Ok(false),
            Some(_) => {}
        }
        let path = self.at(&format!("git/refs/heads/{}", escaped(branch)));
        let gone: Result<Value, Failure> =
            self.github().write_again(Method::DELETE, &path, Value::Null).await;
        // 422 is what GitHub says of a branch that somebody else deleted first.
        refused(gone, &[404, 422]).map(|_| true)
    }

    pub(super) async fn commit(&self, id: &str) -> Result<Bare> {
        Ok(self.github().get(&self.at(&format!("git/commits/{id}"))).await?)
    }

    /// Writes a commit that no branch has yet. Nobody is named as its author: GitHub signs what an App
    /// commits in its own name.
    pub(super) async fn write(
        &self,
        base: &str,
        changes: &[Change],
        message: &str,
    ) -> Result<String> {
        let tree = self.tree(base, changes).await?;
        let asked = json!({ "message": heard(message), "tree": tree, "parents": [base] });
        let commit: Object =
            self.github().write_again(Method::POST, &self.at("git/commits"), asked).await?;
        Ok(commit.sha)
    }

    /// The tree that changes make of that of `base`.
    pub(super) async fn tree(&self, base: &str, changes: &[Change]) -> Result<String> {
        let on = self.commit(base).await?.tree.sha;
        let entries: Vec<Value> = changes.iter().map(Change::entry).collect();
        let asked = json!({ "base_tree": on, "tree": entries });
        let tree: Object =
            self.github().write_again(Method::POST, &self.at("git/trees"), asked).await?;
        Ok(tree.sha)
    }

    /// Whether `at` is `commit` or comes after it; a revision that GitHub does not know does not.
    pub(super) async fn contains(&self, at: &str, commit: &str) -> Result<bool> {
        if at == commit {
            return Ok(true);
        }
        let path = self.at(&format!("compare/{}...{}?per_page=1", escaped(commit), escaped(at)));
        let compared: Option<Compared> = unless_missing(self.github().get(&path).await)?;
        Ok(compared.is_some_and(|c| matches!(c.status.as_str(), "ahead" | "identical")))
    }
}

/// What keeps workflows from running for a commit or a pull request that says it.
const SKIPS: [&str; 5] = ["[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]"];

/// The same text, for which workflows run: the words of a fix, or of the commit that is taken back, give
/// no orders.
pub(super) fn heard(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let orders = SKIPS.iter().flat_map(|skip| lower.match_indices(skip));
    let at: Vec<usize> = orders.map(|(at, _)| at).collect();
    text.char_indices().map(|(i, c)| if at.contains(&i) { '(' } else { c }).collect()
}

/// Tells refusals of these statuses, which mean something to the caller, from all other failures.
pub(super) fn refused<T>(
    answer: Result<T, Failure>,
    statuses: &[u16],
) -> Result<Result<T, Refused>> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(Failure::Refused(refused)) if statuses.contains(&refused.status) => Ok(Err(refused)),
        Err(failure) => Err(Error::from(failure)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_to_skip_workflows_are_words_like_others() {
        for (text, expected) in [
            ("Mend it [skip ci]", "Mend it (skip ci]"),
            ("[CI Skip] ü [no ci][actions skip]", "(CI Skip] ü (no ci](actions skip]"),
            ("Read a[i] [skip it]", "Read a[i] [skip it]"),
        ] {
            assert_eq!(heard(text), expected);
        }
    }
}
