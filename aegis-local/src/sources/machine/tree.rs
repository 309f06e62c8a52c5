//! A process with its descendants.

use std::collections::HashMap;
use std::time::Duration;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// A process: the number is used again, the number with the start time is not.
type Id = (u32, u64);

/// What the processes of a service use at one moment.
#[derive(Debug)]
pub(super) struct Tree {
    root: Id,
    /// CPU time used so far, in milliseconds.
    cpu: HashMap<Id, u64>,
    memory: u64,
}

impl Tree {
    /// Reads the process `pid` and everything below it; `None` where it does not run.
    pub(super) fn read(system: &mut System, pid: u32) -> Option<Self> {
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
        let start = system.process(Pid::from_u32(pid))?;
        if matches!(start.status(), sysinfo::ProcessStatus::Zombie | sysinfo::ProcessStatus::Dead) {
            return None;
        }
        let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
        for process in system.processes().values() {
            if let Some(parent) = process.parent() {
                children.entry(parent).or_default().push(process.pid());
            }
        }
        let mut tree = Self { root: (pid, start.start_time()), cpu: HashMap::new(), memory: 0 };
        let mut open = vec![start.pid()];
        while let Some(next) = open.pop() {
            let Some(process) = system.process(next) else { continue };
            let id = (next.as_u32(), process.start_time());
            // A process is taken once, whatever the table says about its parents.
            if tree.cpu.insert(id, process.accumulated_cpu_time()).is_none() {
                tree.memory += process.memory();
                open.extend(children.get(&next).into_iter().flatten());
            }
        }
        Some(tree)
    }

    pub(super) fn root(&self) -> Id {
        self.root
    }

    /// Resident memory, in bytes.
    pub(super) fn memory(&self) -> u64 {
        self.memory
    }

    /// CPU time used since `before`; processes that started since count as a whole.
    pub(super) fn cpu_since(&self, before: &Self) -> Duration {
        let used =
            |(id, now): (&Id, &u64)| now.saturating_sub(before.cpu.get(id).copied().unwrap_or(0));
        Duration::from_millis(self.cpu.iter().map(used).sum())
    }
}
