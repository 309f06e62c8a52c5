//! Watching a command from inside, as the first process of its world.

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

use super::Limits;
use super::order::End;

/// How often it is counted what the command uses.
const TICK: Duration = Duration::from_millis(50);

/// News of children, which are kept from here on.
pub(super) fn children() -> io::Result<SignalFd> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGCHLD);
    signals.thread_block()?;
    Ok(SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?)
}

/// Waits for the command; why it ended, and after how many microseconds.
pub(super) fn until_it_ends(
    child: Pid,
    children: &SignalFd,
    host: &UnixStream,
    limits: &Limits,
) -> io::Result<(End, u64)> {
    let begun = Instant::now();
    let wall = Duration::from_millis(limits.wall_ms);
    let ended = |end| Ok((end, u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)));
    loop {
        let left = wall.saturating_sub(begun.elapsed());
        let pause = PollTimeout::try_from(left.min(TICK)).unwrap_or(PollTimeout::ZERO);
        let mut both = [
            PollFd::new(host.as_fd(), PollFlags::POLLIN),
            PollFd::new(children.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut both, pause) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
        // The host says nothing more: it is gone.
        if both[0].any() == Some(true) {
            std::process::exit(0);
        }
        while let Ok(Some(_)) = children.read_signal() {}
        loop {
            match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == child => {
                    return ended(End::Exited(code));
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => {
                    return ended(End::Exited(-(signal as i32)));
                }
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => break,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        if begun.elapsed() >= wall {
            return ended(End::TimedOut);
        }
        if let Some(limit) = usage()?.beyond(limits) {
            return ended(End::Exceeded(limit.into()));
        }
    }
}

/// What the processes beside this one use.
#[derive(Debug, Default)]
struct Usage {
    processes: u64,
    /// Bytes that they hold for themselves.
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

fn usage() -> io::Result<Usage> {
    let number = |which, usual| -> io::Result<u64> {
        Ok(sysconf(which)?.and_then(|value| u64::try_from(value).ok()).unwrap_or(usual))
    };
    let page = number(SysconfVar::PAGE_SIZE, 4_096)?;
    let ticks = number(SysconfVar::CLK_TCK, 100)?;
    let mut all = Usage::default();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if pid == 1 {
            continue;
        }
        all.processes += 1;
        // It may have ended meanwhile.
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).ok();
        let numbers = |text: &str| -> Vec<u64> {
            text.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect()
        };
        let held = read("statm").map(|text| numbers(&text)).unwrap_or_default();
        if let [_, resident, shared, ..] = held[..] {
            all.memory += resident.saturating_sub(shared) * page;
        }
        // After the name, which may hold anything; time in user and in kernel mode come 12th and 13th.
        let times = read("stat")
            .and_then(|text| Some(numbers(text.rsplit_once(')')?.1)))
            .and_then(|fields| Some(fields.get(11)? + fields.get(12)?));
        all.cpu = all.cpu.max(times.unwrap_or(0) as f64 / ticks as f64);
    }
    Ok(all)
}

/// Ends everything else, so that what is collected no longer changes.
pub(super) fn end_all() -> io::Result<()> {
    loop {
        match kill(Pid::from_raw(-1), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(e) => return Err(e.into()),
        }
        match waitpid(Pid::from_raw(-1), None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::ECHILD) => return Ok(()),
            Err(e) => return Err(e.into()),
        }
    }
}

/// The files of `/out` that are there, and are files.
pub(super) fn collect(names: &[String], most: u64) -> (Vec<String>, Vec<Vec<u8>>) {
    let read = |name: &String| -> Option<(String, Vec<u8>)> {
        if name.contains('/') {
            return None;
        }
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let path = Path::new("/out").join(name);
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
