//! Watching a command from inside, as the first process of its world, or as the parent of all that it
//! leaves behind.

use std::fs;
use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, SysconfVar, sysconf};

use super::copy::plain;
use super::order::{End, Order};
use super::reduced::Disk;
use super::{Limits, Tier};

/// How often it is counted what the command uses.
const TICK: Duration = Duration::from_millis(50);

/// What is looked at while a command runs.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    host: &'a UnixStream,
    limits: &'a Limits,
    tier: Tier,
    /// News of children, which are kept from when it was made.
    children: SignalFd,
    disk: Option<Disk>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(host: &'a UnixStream, order: &'a Order) -> io::Result<Self> {
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGCHLD);
        signals.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        // Mounts have a size of their own.
        let disk = match order.tier {
            Tier::Strong => None,
            Tier::Reduced => Some(Disk::of(&order.root, order.limits.disk)),
        };
        Ok(Self {
            host,
            limits: &order.limits,
            tier: order.tier,
            children: SignalFd::with_flags(&signals, flags)?,
            disk,
        })
    }

    /// Waits for the command; why it ended, and after how many microseconds. Nothing where the host is
    /// gone.
    pub(super) fn until_it_ends(&mut self, child: Pid) -> io::Result<Option<(End, u64)>> {
        let begun = Instant::now();
        let wall = Duration::from_millis(self.limits.wall_ms);
        let ended =
            |end| Ok(Some((end, u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX))));
        loop {
            let left = wall.saturating_sub(begun.elapsed());
            let pause = PollTimeout::try_from(left.min(TICK)).unwrap_or(PollTimeout::ZERO);
            if self.host_is_gone(pause)? {
                return Ok(None);
            }
            if let Some(end) = self.ended(child)? {
                return ended(end);
            }
            if begun.elapsed() >= wall {
                return ended(End::TimedOut);
            }
            if let Some(limit) = self.exceeded()? {
                return ended(End::Exceeded(limit.into()));
            }
        }
    }

    /// Waits for news; whether the host's end of the socket is closed.
    pub(super) fn host_is_gone(&self, pause: PollTimeout) -> io::Result<bool> {
        let mut both = [
            PollFd::new(self.host.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.children.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut both, pause) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
        // The host says nothing more: what can be read is its end.
        Ok(both[0].any() == Some(true))
    }

    /// Takes in all children that ended; how `child` did.
    pub(super) fn ended(&self, child: Pid) -> io::Result<Option<End>> {
        while let Ok(Some(_)) = self.children.read_signal() {}
        loop {
            match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == child => {
                    return Ok(Some(End::Exited(code)));
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => {
                    return Ok(Some(End::Exited(-(signal as i32))));
                }
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(None),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// The limit that is exceeded.
    pub(super) fn exceeded(&mut self) -> io::Result<Option<&'static str>> {
        let processes = processes(self.tier)?;
        if let Some(limit) = usage(&processes, self.limits)?.beyond(self.limits) {
            return Ok(Some(limit));
        }
        let full = self.disk.as_mut().is_some_and(|disk| disk.is_full(&processes));
        Ok(full.then_some("disk"))
    }
}

/// The processes of the run, but for this one.
fn processes(tier: Tier) -> io::Result<Vec<Pid>> {
    let me = Pid::this();
    let number = |name: &str| name.parse().ok().map(Pid::from_raw);
    let mut found = Vec::new();
    if tier == Tier::Strong {
        let names = fs::read_dir("/proc")?.flatten().map(|entry| entry.file_name());
        found.extend(names.filter_map(|name| number(name.to_str()?)).filter(|pid| *pid != me));
        return Ok(found);
    }
    let mut parents = vec![me];
    while let Some(parent) = parents.pop() {
        // It may have ended meanwhile: then its children have another one, and are seen next time.
        let threads = fs::read_dir(format!("/proc/{parent}/task"));
        for thread in threads.into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            parents.extend(children.split_whitespace().filter_map(number));
        }
        if parent != me {
            found.push(parent);
        }
    }
    Ok(found)
}

/// What the processes beside this one use.
#[derive(Debug, Default)]
struct Usage {
    processes: u64,
    /// Bytes that they hold, for themselves or with each other; mapped files do not count.
    memory: u64,
    /// Seconds of the busiest one.
    cpu: f64,
}

impl Usage {
    /// The limit that is exceeded.
    fn beyond(&self, limits: &Limits) -> Option<&'static str> {
        let all = [
            ("processes", self.processes > limits.processes),
            ("memory", self.memory > limits.memory),
            ("cpu", self.cpu >= limits.cpu as f64),
        ];
        all.iter().find(|(_, beyond)| *beyond).map(|(limit, _)| *limit)
    }
}

fn usage(processes: &[Pid], limits: &Limits) -> io::Result<Usage> {
    let number = |which, usual| -> io::Result<u64> {
        Ok(sysconf(which)?.and_then(|value| u64::try_from(value).ok()).unwrap_or(usual))
    };
    let page = number(SysconfVar::PAGE_SIZE, 4_096)?;
    let ticks = number(SysconfVar::CLK_TCK, 100)?;
    let mut all = Usage::default();
    let mut mapped = Vec::new();
    for pid in processes {
        all.processes += 1;
        // It may have ended meanwhile.
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).ok();
        let numbers = |text: &str| -> Vec<u64> {
            text.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect()
        };
        let held = read("statm").map(|text| numbers(&text)).unwrap_or_default();
        if let [_, resident, shared, ..] = held[..] {
            all.memory += resident.saturating_sub(shared) * page;
            mapped.push((pid, shared * page));
        }
        // After the name, which may hold anything; time in user and in kernel mode come 12th and 13th.
        let times = read("stat")
            .and_then(|text| Some(numbers(text.rsplit_once(')')?.1)))
            .and_then(|fields| Some(fields.get(11)? + fields.get(12)?));
        all.cpu = all.cpu.max(times.unwrap_or(0) as f64 / ticks as f64);
    }
    // Looked at closely only where it could matter, since most of it is files that a program is made of;
    // and not while they multiply, since a look waits for a process that is being copied.
    let most = mapped.iter().fold(all.memory, |sum, (_, bytes)| sum.saturating_add(*bytes));
    if most > limits.memory && all.processes <= limits.processes {
        all.memory += mapped.iter().map(|(pid, bytes)| shared(**pid, *bytes)).sum::<u64>();
    }
    Ok(all)
}

/// A process' part of the memory that it shares, in bytes; where it does not let itself be looked at,
/// all of `mapped`.
fn shared(pid: Pid, mapped: u64) -> u64 {
    let parts = match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        Ok(parts) => parts,
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => return mapped,
        // It has ended.
        Err(_) => return 0,
    };
    let part = parts.lines().find_map(|line| line.strip_prefix("Pss_Shmem:"));
    let number = part.and_then(|text| text.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    number.map_or(mapped, |kib| kib.saturating_mul(1_024))
}

/// Ends everything else, so that what is collected no longer changes.
pub(super) fn end_all(tier: Tier) -> io::Result<()> {
    loop {
        match tier {
            Tier::Strong => match kill(Pid::from_raw(-1), Signal::SIGKILL) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(e) => return Err(e.into()),
            },
            // Whatever is started meanwhile becomes a child of this process sooner or later.
            Tier::Reduced => {
                for process in processes(tier)? {
                    let _ = kill(process, Signal::SIGKILL);
                }
            }
        }
        loop {
            let patience = match tier {
                Tier::Strong => None,
                Tier::Reduced => Some(WaitPidFlag::WNOHANG),
            };
            match waitpid(Pid::from_raw(-1), patience) {
                Ok(WaitStatus::StillAlive) => break,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => return Ok(()),
                Err(e) => return Err(e.into()),
            }
        }
        std::thread::yield_now();
    }
}

/// The files of the folder `out` that are there, and are files.
pub(super) fn collect(out: &Path, names: &[String], most: u64) -> (Vec<String>, Vec<Vec<u8>>) {
    let read = |name: &String| -> Option<(String, Vec<u8>)> {
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let path = out.join(plain(name).ok()?);
        let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut content = Vec::new();
        file.take(most).read_to_end(&mut content).ok()?;
        Some((name.clone(), content))
    };
    names.iter().filter_map(read).unzip()
}
