"""What a program does beside giving answers: the calls to the outside that the interpreter audits."""
import builtins
import os
import sys

#: Seen whoever makes them: each leads out of the function that was called.
OUTSIDE = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo",
           "socket.gethostbyname", "subprocess.Popen", "os.system", "os.exec", "os.fork",
           "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.kill", "os.killpg",
           "os.putenv", "os.unsetenv", "os.remove", "os.rename", "os.rmdir", "os.link",
           "os.symlink", "os.chmod", "os.chown", "os.truncate", "shutil.rmtree", "shutil.move",
           "ctypes.dlopen", "ctypes.dlsym", "ctypes.call_function", "sys.settrace",
           "sys.setprofile", "sys.addaudithook", "code.__new__", "urllib.Request",
           "http.client.connect", "smtplib.connect", "ftplib.connect",
           "signal.pthread_kill", "mmap.__new__", "webbrowser.open")
#: Seen where the service's own code makes them; every import and every test does so too.
OWN = ("exec", "compile", "sys._getframe", "sys._current_frames", "object.__setattr__",
       "object.__delattr__")
#: What an interpreter's hooks are kept in.
HOOKS = ("excepthook", "unraisablehook", "displayhook", "breakpointhook", "stdout", "stderr")


class Conduct:
    """Notes what is done from here on; `in_app` says whether a file is the service's."""

    def __init__(self, in_app):
        self.in_app = in_app
        self.seen = set()
        self.looking = False
        self.known = dict(vars(builtins))
        self.hooks = {name: getattr(sys, name, None) for name in HOOKS}
        self.finders = list(sys.meta_path)
        sys.addaudithook(self.audit)

    def audit(self, event, arguments):
        if event == "open":
            mode, flags = arguments[1], arguments[2]
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
            if (isinstance(mode, str) and set(mode) & set("wax+")) or (mode is None and writes):
                self.seen.add("a file opened for writing")
        elif event in OUTSIDE:
            self.seen.add(event)
        elif event in OWN and not self.looking:
            # Looking for the caller is audited too.
            self.looking = True
            try:
                if self.in_app(sys._getframe(1).f_code.co_filename):
                    self.seen.add(event)
            finally:
                self.looking = False

    def all(self):
        """Everything that was done, and what is no longer as it was."""
        seen = set(self.seen)
        for name, thing in self.known.items():
            if vars(builtins).get(name) is not thing and name != "_":
                seen.add("another builtins." + name)
        for name, thing in self.hooks.items():
            if getattr(sys, name, None) is not thing:
                seen.add("another sys." + name)
        if list(sys.meta_path) != self.finders:
            seen.add("another sys.meta_path")
        return sorted(seen)
