//! What a person does to the repository while a fix is under way, and what becomes of it.

use std::path::Path;

use git2::{Oid, Repository, Signature, Tree};

use super::points::{Does, Plan, notes};
use super::site::{branches, repository, tally};
use super::{Life, Plot, count, each, some};

/// Something that a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Deletes the branch of the fix: on a plain repository that closes it.
    Delete,
    /// Merges the branch of the fix.
    Merge,
    /// Pushes a commit to the branch of the fix.
    Push,
    /// Pushes a commit to the release branch.
    Base,
}

/// What became of it.
const NO_BRANCH: &str = "there was no branch";
const WAITED: &str = "the branch waited";
const WAS_MERGED: &str = "the branch was merged";

impl Act {
    const ALL: [Self; 4] = [Self::Delete, Self::Merge, Self::Push, Self::Base];

    /// Does it, in the repository of the life in `folder`; says what the person found.
    pub(super) fn act(self, folder: &Path) -> &'static str {
        let repository = repository(folder);
        let main = repository.refname_to_id(MAIN).unwrap();
        if self == Self::Base {
            write(&repository, MAIN, main);
            return NO_BRANCH;
        }
        // The newest attempt.
        let Some((branch, head)) = branches(&repository).into_iter().max() else {
            return NO_BRANCH;
        };
        let merged = repository.graph_descendant_of(main, head).unwrap();
        match self {
            Self::Merge if merged => {}
            Self::Merge => {
                let (onto, fix) = (find(&repository, main), find(&repository, head));
                let tree = fix.tree().unwrap();
                commit(&repository, MAIN, "A person merges it", &tree, &[&onto, &fix]);
            }
            Self::Push => write(&repository, &branch, head),
            _ => repository.find_reference(&branch).unwrap().delete().unwrap(),
        }
        if merged { WAS_MERGED } else { WAITED }
    }
}

const MAIN: &str = "refs/heads/main";
const FILE: &str = "notes.txt";

fn find(repository: &Repository, id: Oid) -> git2::Commit<'_> {
    repository.find_commit(id).unwrap()
}

/// A person's commit of one file more.
fn write(repository: &Repository, branch: &str, parent: Oid) {
    let parent = find(repository, parent);
    let mut tree = repository.treebuilder(Some(&parent.tree().unwrap())).unwrap();
    tree.insert(FILE, repository.blob(b"a person was here\n").unwrap(), 0o100_644).unwrap();
    let tree = repository.find_tree(tree.write().unwrap()).unwrap();
    commit(repository, branch, "A person was here", &tree, &[&parent]);
}

fn commit(
    repository: &Repository,
    branch: &str,
    title: &str,
    tree: &Tree<'_>,
    parents: &[&git2::Commit<'_>],
) {
    let who = Signature::now("A person", "person@localhost").unwrap();
    repository.commit(Some(branch), &who, &who, title, tree, parents).unwrap();
}

/// Whether a person's file is at the tip of a branch.
fn kept(repository: &Repository, branch: &str) -> bool {
    let tip = repository.refname_to_id(branch).unwrap();
    find(repository, tip).tree().unwrap().get_name(FILE).is_some()
}

/// One life with an act in it, after which the process dies or goes on.
fn interfere(plot: Plot, act: Act, point: &str, dies: bool) {
    let life = Life::new(plot);
    let how = format!("{plot:?}: {act:?} at {point}{}", if dies { ", and it dies" } else { "" });
    let mut does = vec![Does::Person(act)];
    does.extend(dies.then_some(Does::Die));
    let died = life.dies(&Plan::of(point, &does));
    assert_eq!(died, dies, "{how}: was it hit?");
    life.ends(&how);
    let found = notes(life.folder(), "acted");
    assert_eq!(found.len(), 1, "{how}: {found:?}");

    let (repository, tally) = (repository(life.folder()), tally(life.folder()));
    let left = branches(&repository);
    if act == Act::Base {
        assert!(kept(&repository, MAIN), "{how}: the person's commit is gone");
    }
    let theirs = found[0] == WAITED && act != Act::Merge;
    if !theirs {
        life.ended("Healed", &how);
        assert_eq!((tally.fixes, tally.reverts), (1, 0), "{how}: {tally:?}");
        assert_eq!(tally.merges, 1, "{how}: {tally:?}");
        return;
    }
    // What a person took over is a person's.
    life.ended("AwaitingHuman", &how);
    assert_eq!((tally.fixes, tally.merges, tally.reverts), (0, 0, 0), "{how}: {tally:?}");
    match act {
        Act::Push => {
            let [(branch, _)] = &left[..] else { panic!("{how}: {left:?}") };
            assert!(kept(&repository, branch), "{how}: the person's commit is gone");
        }
        _ => assert!(left.is_empty(), "{how}: {left:?}"),
    }
}

#[test]
fn what_a_person_does_at_any_point_is_respected_and_nothing_is_done_twice() {
    for plot in [Plot::Git, Plot::Hub] {
        let points = plot.points();
        let mut cases = Vec::new();
        for act in Act::ALL {
            for point in some(&points, count("AEGIS_CRASH_POINTS", 2)) {
                cases.extend([false, true].map(|dies| (act, point.clone(), dies)));
            }
            // The moments that matter: the branch is there, and nobody has been told.
            for point in ["submit after", "merge before"] {
                cases.push((act, point.to_owned(), point == "submit after"));
            }
        }
        let tried = cases.len();
        each(cases, |(act, point, dies)| interfere(plot, act, &point, dies));
        println!("{plot:?}: {tried} times a person came in at {} points", points.len());
    }
}
