//! The few system calls that no safe wrapper offers: the only unsafe code of the project.
//!
//! All of it runs in the helper, which has one thread.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::libc;
use nix::unistd::{ForkResult, Pid};

/// Forks; the child's id in the parent, nothing in the child.
pub(super) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: the helper has one thread, so that no lock of another can be held in the child.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Some(child)),
        ForkResult::Child => Ok(None),
    }
}

/// Makes a mount read-only and free of devices and of programs that change the user, with everything
/// beneath it where asked.
pub(super) fn make_read_only(path: &Path, beneath: bool) -> io::Result<()> {
    let target = CString::new(path.as_os_str().as_bytes())?;
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let flags = if beneath { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: both pointers are to values that outlive the call, and the size is that of the second.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            target.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    answer(done)
}

/// Gives up every capability for good, those that a program could gain included.
pub(super) fn drop_capabilities() -> io::Result<()> {
    for capability in 0..64 {
        // SAFETY: takes a number, and fails where there is no such capability.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } != 0 {
            break;
        }
    }
    // Version 3 of the header, for this process; effective, permitted and inheritable sets, twice.
    let (header, none) = ([0x2008_0522_u32, 0], [0_u32; 6]);
    // SAFETY: the arrays have the layout that version 3 asks for, and outlive the call.
    answer(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) })
}

/// Turns the loopback interface of this network namespace on.
pub(super) fn loopback_up() -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    let mut request = MaybeUninit::<libc::ifreq>::zeroed();
    // SAFETY: an `ifreq` of zeros is valid; the name and the flags are written before it is used, and
    // the call reads no more than them.
    let done = unsafe {
        let request = request.assume_init_mut();
        request.ifr_name[0] = b'l'.cast_signed();
        request.ifr_name[1] = b'o'.cast_signed();
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, request as *mut libc::ifreq)
    };
    answer(done.into())
}

/// How nice this process is: 19 waits for all others, -20 for none.
pub(super) fn nice() -> i32 {
    // SAFETY: takes numbers only; there is always an answer for oneself.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

/// Sets how nice this process is; less than it was is for root alone.
pub(super) fn set_nice(value: i32) -> io::Result<()> {
    // SAFETY: takes numbers only.
    answer(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, value) }.into())
}

/// Has every descriptor from `first` on closed when a program is started.
pub(super) fn close_on_exec_from(first: RawFd) -> io::Result<()> {
    // SAFETY: takes numbers only; nothing is closed before the program starts.
    answer(unsafe {
        libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC)
    })
}

fn answer(result: libc::c_long) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
