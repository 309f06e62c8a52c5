//! The root that a command sees.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, pivot_root, sethostname};

use super::copy::{change, plain};
use super::lock::World;
use super::order::Order;
use super::sys;

/// What goes wrong names what was tried.
pub(super) fn trying<T, E: Into<io::Error>>(
    what: impl std::fmt::Display,
    result: Result<T, E>,
) -> io::Result<T> {
    result.map_err(|e| {
        let e = e.into();
        io::Error::new(e.kind(), format!("{what}: {e}"))
    })
}

/// Builds the root and moves into it. What the host had is out of reach from here on.
pub(super) fn build(order: &Order) -> io::Result<World> {
    let root = &order.root;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    trying("keep mounts to ourselves", mount(NONE, "/", NONE, private, NONE))?;
    tmpfs(root, 16 << 20, "0755")?;
    place(order)?;
    devices(root)?;
    fs::create_dir(root.join("aegis"))?;
    for (name, text) in &order.files {
        trying(name, fs::write(root.join("aegis").join(plain(name)?), text))?;
    }
    workspace(order)?;
    fs::create_dir_all(root.join("proc"))?;
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let proc = mount(Some("proc"), &root.join("proc"), Some("proc"), quiet, NONE);
    trying("mount /proc (it is masked?)", proc)?;
    chdir(root)?;
    trying("change the root", pivot_root(".", "."))?;
    trying("leave the old root", umount2(".", MntFlags::MNT_DETACH))?;
    chdir("/")?;
    // Here a link in the tree can't lead to anything of the host's.
    change(&order.changes, Path::new("/workspace"))?;
    trying("make / read-only", sys::make_read_only(Path::new("/"), false))?;
    sethostname("aegis")?;
    // No namespaces within; older kernels have no such file.
    let _ = fs::write("/proc/sys/user/max_user_namespaces", "0");
    trying("turn the loopback interface on", sys::loopback_up())?;
    let writable = WRITABLE.iter().map(PathBuf::from).chain(order.covers.iter().cloned());
    Ok(World {
        workspace: "/workspace".into(),
        out: "/out".into(),
        readable: vec!["/".into()],
        writable: writable.collect(),
    })
}

const NONE: Option<&str> = None;

/// Where a command may write, beside what the order covers.
const WRITABLE: [&str; 5] = ["/workspace", "/tmp", "/out", "/dev/shm", "/dev/null"];

fn tmpfs(target: &Path, size: u64, mode: &str) -> io::Result<()> {
    fs::create_dir_all(target)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    // A file without a byte costs memory too.
    let inodes = (size / 4_096).clamp(1_024, 1 << 20);
    let options = format!("size={size},nr_inodes={inodes},mode={mode}");
    let done = mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some(&options[..]));
    trying(format!("mount a private folder at {}", target.display()), done)
}

fn bind(source: &Path, target: &Path) -> io::Result<()> {
    if source.is_dir() {
        fs::create_dir_all(target)?;
    } else {
        target.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::OpenOptions::new().create(true).append(true).open(target)?;
    }
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    trying(format!("show {}", source.display()), mount(Some(source), target, NONE, flags, NONE))
}

/// `path`, which is absolute, beneath `root`.
fn beneath(root: &Path, path: &Path) -> PathBuf {
    let plain = path.components().filter(|part| matches!(part, Component::Normal(_)));
    root.join(plain.collect::<PathBuf>())
}

/// Read-only paths and private folders, parents first; what a parent shows needs no mount of its own.
fn place(order: &Order) -> io::Result<()> {
    let (root, disk) = (&order.root, order.limits.disk);
    let own = ["/tmp", "/out", "/dev"].map(PathBuf::from);
    let covers = order.covers.iter().chain(&own).map(|path| (path.clone(), true));
    let mut wanted: Vec<(PathBuf, bool)> =
        order.visible.iter().map(|path| (path.clone(), false)).chain(covers).collect();
    wanted.sort_by_key(|(path, cover)| (path.components().count(), !cover, path.clone()));
    let mut placed: Vec<(PathBuf, bool)> = Vec::new();
    for (path, cover) in wanted {
        let around = placed.iter().rev().find(|(parent, _)| path.starts_with(parent));
        let hidden = around.is_none_or(|(_, cover)| *cover);
        let target = beneath(root, &path);
        if cover {
            if hidden || path.is_dir() {
                tmpfs(&target, disk, "1777")?;
                placed.push((path, true));
            }
        } else if hidden && path.symlink_metadata().is_ok() && target.symlink_metadata().is_err() {
            if path.is_symlink() && path.components().count() == 2 {
                symlink(fs::read_link(&path)?, &target)?;
                continue;
            }
            bind(&path, &target)?;
            let locked = sys::make_read_only(&target, true);
            trying(format!("make {} read-only (Linux 5.12 or later)", path.display()), locked)?;
            placed.push((path, false));
        }
    }
    Ok(())
}

fn devices(root: &Path) -> io::Result<()> {
    for name in ["null", "zero", "full", "random", "urandom"] {
        bind(&Path::new("/dev").join(name), &root.join("dev").join(name))?;
    }
    for (name, of) in [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")] {
        symlink(format!("/proc/self/fd{of}"), root.join("dev").join(name))?;
    }
    let shared = root.join("dev/shm");
    fs::create_dir(&shared)?;
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777))
}

/// The tree, writable on a layer of its own that is thrown away.
fn workspace(order: &Order) -> io::Result<()> {
    let target = order.root.join("workspace");
    // The overlay is mounted over its own layer, which nothing leads to then: unmounting takes long.
    tmpfs(&target, order.limits.disk, "0755")?;
    let (upper, work) = (target.join("upper"), target.join("work"));
    fs::create_dir(&upper)?;
    fs::create_dir(&work)?;
    let [lower_text, upper_text, work_text] =
        [&order.tree, &upper, &work].map(|path| path.display().to_string());
    let options =
        format!("lowerdir={lower_text},upperdir={upper_text},workdir={work_text},userxattr");
    if lower_text.contains([':', ',', '\\']) {
        return Err(io::Error::other(format!("an overlay can't take the path {lower_text}")));
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let done = mount(Some("overlay"), &target, Some("overlay"), flags, Some(&options[..]));
    trying("mount an overlay (Linux 5.11 or later)", done)?;
    Ok(())
}
