//! What a rule is made of.

use aegis_core::model::GateAnswer;

/// A rule and why it is one.
#[derive(Debug)]
pub(super) struct Row {
    /// Its name, which a host can allow.
    pub(super) name: &'static str,
    /// Dotted names of modules, functions and classes that it is about; `*` at the end stands for
    /// anything.
    pub(super) paths: &'static [&'static str],
    /// Attributes that it is about, whatever they are of.
    pub(super) attributes: &'static [&'static str],
    /// Names that need no import.
    pub(super) names: &'static [&'static str],
    pub(super) answer: GateAnswer,
    pub(super) before: Before,
    /// Shown to people.
    pub(super) why: &'static str,
}

/// What it means that the file did the same before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::verify) enum Before {
    /// Nothing: a trick is a trick.
    Nothing,
    /// A person should look.
    Capped,
    /// It is what the file is for; the like of it is for a person.
    Allowed,
}

const NONE: &[&str] = &[];

pub(super) const fn row(
    name: &'static str,
    answer: GateAnswer,
    before: Before,
    why: &'static str,
    paths: &'static [&'static str],
) -> Row {
    Row { name, paths, attributes: NONE, names: NONE, answer, before, why }
}

impl Row {
    pub(super) const fn names(mut self, names: &'static [&'static str]) -> Self {
        self.names = names;
        self
    }

    pub(super) const fn attributes(mut self, attributes: &'static [&'static str]) -> Self {
        self.attributes = attributes;
        self
    }

    /// Whether the dotted name `path` is one of its.
    pub(super) fn is_about(&self, path: &str) -> bool {
        self.paths.iter().any(|own| match own.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => {
                path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
        })
    }
}
