//! Commits that GitHub makes and signs.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use git2::{Index, Repository, Signature};
use serde_json::{Value, json};

use super::graphql::Done;
use super::hub::tip;
use super::writes::file;
use super::{Inside, NAME};

/// What stands for GitHub's signature.
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----\n\nGitHub\n-----END PGP SIGNATURE-----";

/// Commits to a branch that is where the caller believes it to be. Each file is a plain one after it.
pub(super) fn create(inside: &mut Inside, input: &Value) -> Done {
    let repository = Repository::open_bare(&inside.git).unwrap();
    let text = |at: &str| input.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let branch = text("/branch/branchName");
    let at = tip(&repository, branch).filter(|_| text("/branch/repositoryNameWithOwner") == NAME);
    let Some(at) = at else {
        return Err(("NOT_FOUND", format!("Could not resolve to a ref with the name '{branch}'.")));
    };
    let expected = text("/expectedHeadOid");
    if at.to_string() != expected {
        let says = format!(
            "Expected branch to point to \"{expected}\" but it did not.  Pull and try again."
        );
        return Err(("STALE_DATA", says));
    }
    let parent = repository.find_commit(at).unwrap();
    let mut index = Index::new().unwrap();
    index.read_tree(&parent.tree().unwrap()).unwrap();
    let listed = |name: &str| input["fileChanges"][name].as_array().cloned().unwrap_or_default();
    for gone in listed("deletions") {
        let path = std::path::Path::new(gone["path"].as_str().unwrap());
        if index.get_path(path, 0).is_none() {
            let says = format!("A path was requested for deletion which does not exist: {path:?}");
            return Err(("UNPROCESSABLE", says));
        }
        index.remove(path, 0).unwrap();
    }
    for added in listed("additions") {
        let content = BASE64_STANDARD.decode(added["contents"].as_str().unwrap()).unwrap();
        let id = repository.blob(&content).unwrap();
        index.add(&file(added["path"].as_str().unwrap(), id, 0o100_644)).unwrap();
    }
    let tree = repository.find_tree(index.write_tree_to(&repository).unwrap()).unwrap();
    let message = format!("{}\n\n{}", text("/message/headline"), text("/message/body"));
    let author = Signature::now("Kim", "kim@users.noreply.github.com").unwrap();
    let github = Signature::now("GitHub", "noreply@github.com").unwrap();
    let made = repository
        .commit_create_buffer(&author, &github, message.trim_end(), &tree, &[&parent])
        .unwrap();
    let id = repository.commit_signed(made.as_str().unwrap(), SIGNATURE, None).unwrap();
    repository.reference(&format!("refs/heads/{branch}"), id, true, "committed").unwrap();
    Ok(json!({ "commit": { "oid": id.to_string() } }))
}
