//! What is asked of GitHub by GraphQL, because REST can't do it.

/// One operation, and whether it may be made twice.
#[derive(Debug)]
pub(crate) struct Operation {
    /// As errors name it.
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    /// Whether it changes something.
    pub(crate) writes: bool,
    /// Whether the second time changes nothing.
    pub(crate) again: bool,
}

/// Commits to a branch, signed by GitHub. It may be made twice: its `expectedHeadOid` refuses the second.
pub(crate) const CREATE_COMMIT: Operation = Operation {
    name: "createCommitOnBranch",
    text: include_str!("create_commit.graphql"),
    writes: true,
    again: true,
};

/// Lets GitHub merge once what is required is met; it refuses the second time.
pub(crate) const ENABLE_AUTO_MERGE: Operation = Operation {
    name: "enablePullRequestAutoMerge",
    text: include_str!("enable_auto_merge.graphql"),
    writes: true,
    again: false,
};

/// Takes that back.
pub(crate) const DISABLE_AUTO_MERGE: Operation = Operation {
    name: "disablePullRequestAutoMerge",
    text: include_str!("disable_auto_merge.graphql"),
    writes: true,
    again: true,
};

/// Puts a pull request into the merge queue; it refuses the second time.
pub(crate) const ENQUEUE: Operation = Operation {
    name: "enqueuePullRequest",
    text: include_str!("enqueue.graphql"),
    writes: true,
    again: false,
};

/// Takes it out.
pub(crate) const DEQUEUE: Operation = Operation {
    name: "dequeuePullRequest",
    text: include_str!("dequeue.graphql"),
    writes: true,
    again: true,
};

/// Whether a pull request waits to be merged by GitHub.
pub(crate) const WAITING: Operation =
    Operation { name: "node", text: include_str!("waiting.graphql"), writes: false, again: true };
