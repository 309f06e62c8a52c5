//! The helper: one process around a command, one inside that is the first of its world, and the
//! command.
//!
//! The outer one makes the namespaces and waits. The first one inside builds the root, starts the
//! command under its lock, watches it and answers the host; the kernel ends everything inside with it.
//! It dies with the outer one, and when the host's end of the socket closes.
//!
//! In the Reduced tier there is no world to be the first of: the inner process is the parent of whatever
//! the command leaves behind instead, and ends it itself.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write as _};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getegid, geteuid, setsid};

use super::lock::{World, lock};
use super::mounts::{self, trying};
use super::order::{self, Failure, Order, Status};
use super::watch::{self, Watch};
use super::{Tier, reduced, sidecar, sys};

/// Serves one order that comes over standard input, and ends.
pub(super) fn main() -> i32 {
    match serve() {
        Ok(code) => code,
        Err(e) => {
            eprintln!("aegis-sandbox: {e}");
            125
        }
    }
}

fn serve() -> io::Result<i32> {
    if fs::read_dir("/proc/self/task")?.count() > 1 {
        let why = "there is a second thread; `sandbox::init()` has to be the first thing in `main`";
        return Err(io::Error::other(why));
    }
    let mut host = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let null = fs::File::open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    sys::close_on_exec_from(3)?;
    let what = "this program serves the sandbox of Aegis, and is started by it";
    let order: Order = serde_json::from_slice(&trying(what, order::receive(&mut host))?)?;
    prctl::set_dumpable(false)?;
    if order.tier == Tier::Strong
        && let Err(e) = enter()
    {
        return answer(&mut host, &failed(e), &[]).map(|()| 0);
    }
    let Some(first) = sys::fork()? else {
        match order.tier {
            // Its parent has one thread, so it dies exactly when that does.
            Tier::Strong => prctl::set_pdeathsig(Signal::SIGKILL)?,
            // No process of the command gets away from this one, and no kernel ends them with it: it
            // outlives its parent, until the host's end of the socket closes.
            Tier::Reduced => prctl::set_child_subreaper(true)?,
        }
        return inside(host, order).map(|()| 0);
    };
    drop(host);
    hush()?;
    // The host sees its end where there was no answer.
    Ok(match waitpid(first, None)? {
        WaitStatus::Exited(_, code) => code,
        WaitStatus::Signaled(_, signal, _) => 128 + signal as i32,
        _ => 125,
    })
}

/// Lets go of what the command's output goes to, so that the host need not wait for this process: the
/// end of a world takes the kernel a moment.
fn hush() -> io::Result<()> {
    let null = fs::File::options().write(true).open("/dev/null")?;
    nix::unistd::dup2_stdout(&null)?;
    nix::unistd::dup2_stderr(&null)?;
    Ok(())
}

/// Into namespaces of its own; the next child is the first process of its world.
fn enter() -> io::Result<()> {
    let (user, group) = (geteuid(), getegid());
    let how = "make a user namespace";
    // What is not dumpable belongs to root, and could not write its own maps.
    prctl::set_dumpable(true)?;
    trying(how, unshare(CloneFlags::CLONE_NEWUSER))?;
    trying(how, fs::write("/proc/self/setgroups", "deny"))?;
    trying(how, fs::write("/proc/self/uid_map", format!("0 {user} 1")))?;
    trying(how, fs::write("/proc/self/gid_map", format!("0 {group} 1")))?;
    prctl::set_dumpable(false)?;
    let spaces = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWCGROUP;
    trying("make namespaces", unshare(spaces))
}

fn failed(why: impl Into<Failure>) -> Status {
    Status { end: Err(why.into()), us: 0, reports: Vec::new() }
}

fn answer(host: &mut UnixStream, status: &Status, reports: &[Vec<u8>]) -> io::Result<()> {
    hush()?;
    order::send(host, &serde_json::to_vec(status)?)?;
    reports.iter().try_for_each(|report| order::send(host, report))
}

/// The first process: builds, starts, watches, answers.
fn inside(mut host: UnixStream, mut order: Order) -> io::Result<()> {
    let run = |order: &mut Order| {
        let world = match order.tier {
            Tier::Strong => mounts::build(order)?,
            Tier::Reduced => reduced::build(order)?,
        };
        let mut watch = Watch::new(&host, order)?;
        let nice = sys::nice();
        if order.tier == Tier::Reduced {
            // No limit of processes holds root, for whom alone this works: what counts them must not
            // have to wait for them.
            let _ = sys::set_nice(-20);
        }
        let begin = |argv: &[String], log: Option<&Path>| start(order, &world, nice, argv, log);
        for (number, sidecar) in order.sidecars.iter().enumerate() {
            let log = sidecar::log(&world.out, number);
            let shell = ["/bin/sh", "-c", &sidecar.start].map(str::to_owned);
            let process = begin(&shell, Some(&log))?;
            if !sidecar.wait(process, &mut watch, &log)? {
                return Ok((None, world));
            }
        }
        let child = begin(&order.argv, None)?;
        Ok::<_, Failure>((watch.until_it_ends(child)?, world))
    };
    let ran = run(&mut order);
    watch::end_all(order.tier)?;
    if order.tier == Tier::Reduced {
        reduced::open_up(&order.root);
    }
    match ran {
        Ok((Some((end, us)), world)) => {
            let (names, reports) = watch::collect(&world.out, &order.collect, order.limits.report);
            answer(&mut host, &Status { end: Ok(end), us, reports: names }, &reports)
        }
        // Nobody is there to be answered, nor to remove anything.
        Ok((None, _)) => match order.tier {
            Tier::Strong => Ok(()),
            Tier::Reduced => fs::remove_dir_all(&order.root).or(Ok(())),
        },
        Err(e) => answer(&mut host, &failed(e), &[]),
    }
}

/// Starts a program, with its output in `log` where there is one. An error where it can't be held.
fn start(
    order: &Order,
    world: &World,
    nice: i32,
    argv: &[String],
    log: Option<&Path>,
) -> io::Result<Pid> {
    let (mut told, mut tell) = io::pipe()?;
    let Some(child) = sys::fork()? else {
        drop(told);
        if let Err(e) = ready(order, world, nice, log) {
            let _ = tell.write_all(e.to_string().as_bytes());
            std::process::exit(126);
        }
        // Closes `tell` where the command starts.
        let e = command(argv, &order.env);
        eprintln!("{}: {e}", argv.first().map_or("no command", String::as_str));
        drop(tell);
        std::process::exit(127);
    };
    drop(tell);
    let mut why = String::new();
    told.read_to_string(&mut why)?;
    if why.is_empty() { Ok(child) } else { Err(io::Error::other(why)) }
}

/// In the child: everything that the command can't undo.
fn ready(order: &Order, world: &World, nice: i32, log: Option<&Path>) -> io::Result<()> {
    if let Some(log) = log {
        let file = fs::File::create(log)?;
        nix::unistd::dup2_stdout(&file)?;
        nix::unistd::dup2_stderr(&file)?;
    }
    sys::set_nice(nice)?;
    SigSet::empty().thread_set_mask()?;
    setsid()?;
    std::env::set_current_dir(&world.workspace)?;
    lock(order.tier, &order.limits, world)
}

/// Becomes the command; why it can't.
fn command(argv: &[String], env: &BTreeMap<String, String>) -> io::Error {
    let Some((program, arguments)) = argv.split_first() else {
        return io::Error::other("there is nothing to run");
    };
    let path = env.get("PATH").map_or("/usr/local/bin:/usr/bin:/bin", String::as_str);
    let found = |folder: &str| Path::new(folder).join(program);
    let program = match program.contains('/') {
        true => program.into(),
        false => path.split(':').map(found).find(|file| file.is_file()).unwrap_or(program.into()),
    };
    Command::new(program).args(arguments).env_clear().envs(env).exec()
}
