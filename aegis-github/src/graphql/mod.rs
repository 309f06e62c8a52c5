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
