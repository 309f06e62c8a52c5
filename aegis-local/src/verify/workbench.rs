//! Where one service's commands run, on one base.

use std::path::{Path, PathBuf};

use aegis_core::{Result, Revision};

use super::isolation::{Isolation, Job, Limits, Outcome, Tier};
use super::workspace::Tree;
use crate::service::ServiceSpec;

/// One service on one base: what its commands may see and use, and what holds them.
#[derive(Debug)]
pub(super) struct Workbench {
    pub(super) spec: ServiceSpec,
    isolation: Isolation,
    limits: Limits,
    visible: Vec<PathBuf>,
    base: Revision,
}

impl Workbench {
    /// `visible` are host paths that are shown beside the system's.
    pub(super) fn new(
        spec: ServiceSpec,
        isolation: Isolation,
        limits: Limits,
        visible: Vec<PathBuf>,
        base: Revision,
    ) -> Self {
        Self { spec, isolation, limits, visible, base }
    }

    pub(super) fn tier(&self) -> Tier {
        self.isolation.tier()
    }

    pub(super) async fn start(&self, job: &Job) -> Result<Outcome> {
        self.isolation.run(job).await
    }

    /// A command on a tree with what every service gets: its variables, its sidecars, covered logs.
    /// `path` comes before the service's own `PATH`; `defaults` are variables that it may set otherwise.
    pub(super) fn job<'d>(
        &self,
        tree: &Tree,
        argv: impl IntoIterator<Item = impl Into<String>>,
        path: &str,
        defaults: impl IntoIterator<Item = (&'d str, String)>,
    ) -> Job {
        let mut job = Job::new(tree.clone(), argv);
        job.limits = self.limits.clone();
        job.visible.clone_from(&self.visible);
        job.covers = covers(&self.spec);
        job.sidecars.clone_from(&self.spec.sidecars);
        let own = [("HOME", "/tmp"), ("TMPDIR", "/tmp"), ("LANG", "C.UTF-8")];
        let own = own.map(|(name, value)| (name, value.to_owned()));
        let base = [("AEGIS_REVISION", self.base.to_string())];
        let given = own.into_iter().chain(base).chain(defaults);
        job.env.extend(given.map(|(name, value)| (name.to_owned(), value)));
        job.env.extend(self.spec.env.clone());
        let path = match self.spec.env.get("PATH") {
            Some(own) => format!("{path}:{own}"),
            None => path.to_owned(),
        };
        job.env.insert("PATH".to_owned(), path);
        job
    }
}

/// Folders of the service's logs: inside they are empty and private, whatever is written there.
fn covers(spec: &ServiceSpec) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = spec
        .logs
        .iter()
        .chain(&spec.access_log)
        .filter(|p| p.is_absolute())
        .filter_map(|p| p.parent())
        .filter(|p| *p != Path::new("/"))
        .map(Path::to_owned)
        .collect();
    folders.sort();
    folders.dedup();
    folders
}
