//! How much a command may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How much a command may use. Exceeding a limit ends the whole tree of processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// Milliseconds on the wall clock.
    pub wall_ms: u64,
    /// Seconds of CPU that one process may use.
    pub cpu: u64,
    /// Bytes of resident memory of all processes; one process may reserve four times as much.
    pub memory: u64,
    /// Bytes of one file.
    pub file: u64,
    /// Bytes of each private folder and of what is written to the workspace.
    pub disk: u64,
    /// Processes and threads of one user, and processes inside.
    pub processes: u64,
    /// Bytes of one report that is brought out.
    pub report: u64,
    /// Bytes of each output stream that are kept, half from its head and half from its tail.
    pub output: usize,
}

impl Default for Limits {
    /// 120 s, 2 GiB of memory, 256 MiB of disk, 256 processes, 128 KiB of output.
    fn default() -> Self {
        Self {
            wall_ms: 120_000,
            cpu: 120,
            memory: 2 << 30,
            file: 64 << 20,
            disk: 256 << 20,
            processes: 256,
            report: 8 << 20,
            output: 128 << 10,
        }
    }
}

impl Limits {
    /// Sets the wall clock's limit.
    #[must_use]
    pub fn with_wall(mut self, wall: Duration) -> Self {
        self.wall_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Sets the seconds of CPU that one process may use.
    #[must_use]
    pub fn with_cpu(mut self, seconds: u64) -> Self {
        self.cpu = seconds;
        self
    }

    /// Sets the bytes of memory.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets the bytes of each private folder; one file may fill it.
    #[must_use]
    pub fn with_disk(mut self, bytes: u64) -> Self {
        self.disk = bytes;
        self.file = bytes;
        self
    }

    /// Sets how many processes there may be.
    #[must_use]
    pub fn with_processes(mut self, processes: u64) -> Self {
        self.processes = processes;
        self
    }

    /// Sets the bytes of each output stream that are kept.
    #[must_use]
    pub fn with_output(mut self, bytes: usize) -> Self {
        self.output = bytes;
        self
    }
}
