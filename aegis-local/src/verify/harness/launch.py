"""Builds the inside of the namespaces, runs one command there and reports how it ended.

Runs as process 1 of its own namespaces, before and beside the code under test. It keeps the only
way out (a folder's descriptor) and its capabilities; the command has neither. Standard input is a
lifeline: once its other end closes, this process ends, and the kernel ends everything with it.
"""

import _socket
import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import stat
import struct
import sys
import time

RDONLY, NOSUID, NODEV, NOEXEC, BIND, REC = 1, 2, 4, 8, 4096, 16384
DETACH = 2
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 24, 38
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE = 442, -100, 0x8000

libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what + ": " + os.strerror(ctypes.get_errno()))


def mount(source, target, kind, flags, data=""):
    args = (source.encode(), os.fsencode(target), kind.encode(), flags, data.encode())
    check(libc.mount(args[0], args[1], args[2], ctypes.c_ulong(flags), args[4]), "mount " + target)


def restrict(path, attributes, flags):
    attr = struct.pack("QQQQ", attributes, 0, 0, 0)
    args = (MOUNT_SETATTR, AT_FDCWD, os.fsencode(path), flags, attr, len(attr))
    check(libc.syscall(*args), "make " + path + " read-only (Linux 5.12 or later)")


def tmpfs(target, size, mode="0755"):
    os.makedirs(target, exist_ok=True)
    mount("tmpfs", target, "tmpfs", NOSUID | NODEV, "size=%d,mode=%s" % (size, mode))


def bind(source, target):
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    mount(source, target, "", BIND | REC)


def under(path, root):
    return path == root or path.startswith(root.rstrip("/") + "/")


def place(root, job):
    """Read-only paths and private folders, parents first; what a parent shows needs no mount."""
    covers = job["covers"] + ["/tmp", "/out", "/dev"]
    wanted = [(p, False) for p in job["visible"]] + [(p, True) for p in covers]
    wanted.sort(key=lambda entry: (entry[0].count("/"), not entry[1], entry[0]))
    placed = []
    for path, cover in wanted:
        inside = [entry for entry in placed if under(path, entry[0])]
        parent = inside[-1] if inside else ("/", True)
        target = root + path
        if cover:
            if parent[1] or os.path.isdir(path):
                tmpfs(target, job["limits"]["disk"], "1777")
                placed.append((path, True))
        elif parent[1] and os.path.lexists(path) and not os.path.lexists(target):
            if os.path.islink(path) and path.count("/") == 1:
                os.symlink(os.readlink(path), target)
                continue
            bind(path, target)
            restrict(target, RDONLY | NOSUID | NODEV, AT_RECURSIVE)
            placed.append((path, False))


def devices(root):
    for name in ("null", "zero", "full", "random", "urandom"):
        bind("/dev/" + name, root + "/dev/" + name)
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink("/proc/self/fd" + target, root + "/dev/" + name)
    os.mkdir(root + "/dev/shm")
    os.chmod(root + "/dev/shm", 0o1777)


def workspace(root, job):
    """The tree, writable on a layer of its own that is thrown away."""
    target, layer = root + "/workspace", root + "/.layer"
    os.mkdir(target)
    tmpfs(layer, job["limits"]["disk"])
    os.mkdir(layer + "/upper")
    os.mkdir(layer + "/work")
    options = "lowerdir=%s,upperdir=%s/upper,workdir=%s/work,userxattr"
    try:
        if any(c in job["tree"] for c in ":,\\"):
            raise OSError("a path that overlay can't take")
        mount("overlay", target, "overlay", NOSUID | NODEV, options % (job["tree"], layer, layer))
    except OSError:
        import shutil  # slow to load and seldom needed

        shutil.copytree(job["tree"], layer + "/upper", dirs_exist_ok=True)
        mount(layer + "/upper", target, "", BIND)
    check(libc.umount2(os.fsencode(layer), DETACH), "detach the layer")
    os.rmdir(layer)
    for change in job["changes"]:
        path = os.path.join(target, change["path"])
        if change["text"] is None:
            os.remove(path)
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(change["text"])


def build(job):
    root = job["root"]
    mount("none", "/", "", REC | (1 << 18))
    tmpfs(root, 16 << 20)
    place(root, job)
    devices(root)
    os.mkdir(root + "/aegis")
    for name, text in job["files"].items():
        with open(os.path.join(root, "aegis", name), "w", encoding="utf-8") as file:
            file.write(text)
    workspace(root, job)
    os.makedirs(root + "/proc", exist_ok=True)
    mount("proc", root + "/proc", "proc", NOSUID | NODEV | NOEXEC)
    os.chdir(root)
    check(libc.pivot_root(b".", b"."), "pivot the root")
    check(libc.umount2(b".", DETACH), "leave the old root")
    os.chdir("/")
    restrict("/", RDONLY | NOSUID | NODEV, 0)
    libc.sethostname(b"aegis", 5)
    try:
        with open("/proc/sys/user/max_user_namespaces", "w") as file:
            file.write("0")
    except OSError:
        pass
    sock = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    fcntl.ioctl(sock.fileno(), 0x8914, struct.pack("16sh22x", b"lo", 0x41))
    sock.close()


def command(job):
    """In the child: limits, no capabilities, a clean environment, then the command itself."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.closerange(3, 1024)
    limits = job["limits"]
    for which, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, limits["file"]),
        (resource.RLIMIT_AS, 4 * limits["memory"]),
        (resource.RLIMIT_CPU, limits["cpu"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_NOFILE, 1024),
    ):
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    for capability in range(64):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    header, empty = struct.pack("Ii", 0x20080522, 0), bytes(24)
    check(libc.capset(header, empty), "drop the capabilities")
    os.chdir("/workspace")
    os.execvpe(job["argv"][0], job["argv"], job["env"])


def usage():
    """How many processes there are beside this one, and what memory they hold alone."""
    count, pages = 0, 0
    for name in os.listdir("/proc"):
        if name.isdigit() and name != "1":
            count += 1
            try:
                with open("/proc/" + name + "/statm") as file:
                    fields = file.read().split()
                pages += int(fields[1]) - int(fields[2])
            except (OSError, IndexError):
                pass
    return count, pages * resource.getpagesize()


def watch(child, job, wake):
    """Waits for the command; says why it ended and with which status."""
    limits = job["limits"]
    deadline = time.monotonic() + limits["wall_ms"] / 1000
    while True:
        left = deadline - time.monotonic()
        ready = select.select([0, wake], [], [], max(0.0, min(0.1, left)))[0]
        if 0 in ready:
            os._exit(91)
        if wake in ready:
            os.read(wake, 512)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return "lost", 0
            if pid == child:
                return "exited", status
            if pid == 0:
                break
        if left <= 0:
            return "timeout", 0
        count, memory = usage()
        if count > limits["processes"]:
            return "processes", 0
        if memory > limits["memory"]:
            return "memory", 0


def clear():
    """Ends everything else, so that what is collected no longer changes."""
    if usage()[0]:
        os.kill(-1, signal.SIGKILL)
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def copy_out(out, name, content):
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=out)
    with os.fdopen(fd, "wb") as file:
        file.write(content)


def collect(out, job):
    for name in job["collect"]:
        try:
            fd = os.open("/out/" + name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        with os.fdopen(fd, "rb") as file:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                copy_out(out, name, file.read(job["limits"]["report"]))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    out = os.open(job["out"], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    report = {"end": "setup", "status": 0, "ms": 0, "error": ""}
    try:
        build(job)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        wake, wake_end = os.pipe()
        os.set_blocking(wake_end, False)
        signal.set_wakeup_fd(wake_end)
        check(libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "hide from the command")
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            try:
                command(job)
            except BaseException as error:
                os.write(2, ("can't run the command: %s\n" % error).encode())
                os._exit(127)
        report["end"], status = watch(child, job, wake)
        report["ms"] = int((time.monotonic() - started) * 1000)
        report["status"] = os.waitstatus_to_exitcode(status)
        clear()
        collect(out, job)
    except Exception as error:
        report["error"] = "%s: %s" % (type(error).__name__, error)
    copy_out(out, "status.json", json.dumps(report).encode())


main()
