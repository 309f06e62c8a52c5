//! How far Aegis may go by itself. There is no default: a host says it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Case, Fix};

/// How far Aegis may go by itself, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Autonomy {
    /// Watch, diagnose, verify, and say what it would do; change nothing.
    Observe,
    /// Offer a branch or a pull request; a person merges.
    Propose,
    /// Prepare everything and wait for a person's word before the submit.
    Approve,
    /// Go all the way.
    Auto,
}

/// Autonomy by service, by error class and by path; the least of all that apply counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AutonomyRules {
    /// Where nothing else applies.
    pub default: Autonomy,
    /// By service, in place of the default.
    #[serde(default)]
    pub services: BTreeMap<String, Autonomy>,
    /// A ceiling by error class: the type of the exception that surfaced.
    #[serde(default)]
    pub errors: BTreeMap<String, Autonomy>,
    /// A ceiling by path: a file or folder name, without its extension, anywhere in the path. All of
    /// `.github` has one that nothing raises: propose.
    #[serde(default = "sensitive_paths")]
    pub paths: BTreeMap<String, Autonomy>,
}

impl AutonomyRules {
    /// The same autonomy everywhere, but for migrations, authentication and payments: never Auto.
    pub fn new(default: Autonomy) -> Self {
        Self {
            default,
            services: BTreeMap::new(),
            errors: BTreeMap::new(),
            paths: sensitive_paths(),
        }
    }

    /// Sets the autonomy of one service.
    #[must_use]
    pub fn with_service(mut self, service: impl Into<String>, autonomy: Autonomy) -> Self {
        self.services.insert(service.into(), autonomy);
        self
    }

    /// Sets a ceiling for one error class.
    #[must_use]
    pub fn with_error(mut self, class: impl Into<String>, ceiling: Autonomy) -> Self {
        self.errors.insert(class.into(), ceiling);
        self
    }

    /// Sets a ceiling for files or folders of this name.
    #[must_use]
    pub fn with_path(mut self, name: impl Into<String>, ceiling: Autonomy) -> Self {
        self.paths.insert(name.into(), ceiling);
        self
    }

    /// What applies to a service, before any fix is known.
    pub fn of_service(&self, service: &str) -> Autonomy {
        self.services.get(service).copied().unwrap_or(self.default)
    }

    /// What applies to a fix of a case.
    pub fn of_fix(&self, case: &Case, fix: &Fix) -> Autonomy {
        let error = case.trace().and_then(|t| t.surfaced()).and_then(|e| self.errors.get(&e.kind));
        let paths = fix.patch().into_iter().flat_map(|p| p.paths()).filter_map(|p| self.of_path(p));
        let ceilings = error.copied().into_iter().chain(paths);
        ceilings.fold(self.of_service(case.service.as_str()), Autonomy::min)
    }

    fn of_path(&self, path: &str) -> Option<Autonomy> {
        let first = path.split('/').next().unwrap_or_default();
        // What runs there has the repository's own rights: a person merges it, whatever the rules say.
        let github = first.eq_ignore_ascii_case(".github").then_some(Autonomy::Propose);
        path.split('/')
            .filter_map(|part| self.paths.get(part.split('.').next().unwrap_or(part)).copied())
            .chain(github)
            .min()
    }
}

fn sensitive_paths() -> BTreeMap<String, Autonomy> {
    let names = ["migrations", "auth", "authentication", "login", "payment", "payments", "billing"];
    names.into_iter().map(|name| (name.to_owned(), Autonomy::Propose)).collect()
}
