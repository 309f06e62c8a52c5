//! Who drives an incident, so that another process can tell when it is gone.

/// The name of this process as the owner of leases.
///
/// On Linux it is `<boot id>:<pid>:<start time>:<pid namespace>`, by which [`known_dead`] recognises
/// a process that is gone, also where its id went to another. Elsewhere it is a name that is never
/// known dead: its leases run out.
pub fn owner() -> String {
    linux::this_process().unwrap_or_else(|| {
        use std::hash::{BuildHasher, RandomState};
        let chance = RandomState::new().hash_one(std::process::id());
        format!("process-{}-{chance:016x}", std::process::id())
    })
}

/// Whether the process that `owner` names is certainly gone.
///
/// It is where the machine was started again since (one SQLite file is shared by the processes of one
/// machine only), or where no living process has its id and start time. Names of another form, and
/// processes of another pid namespace, may live: the answer is no. `<boot id>:<pid>:<start time>`
/// without a namespace is taken to be in this one.
pub fn known_dead(owner: &str) -> bool {
    linux::known_dead(owner).unwrap_or(false)
}

/// The same for a database that many machines share: an owner on another machine may live.
#[cfg(feature = "postgres")]
pub(crate) fn known_dead_here(owner: &str) -> bool {
    let here = linux::boot().is_some_and(|boot| owner.starts_with(&format!("{boot}:")));
    here && known_dead(owner)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::io::ErrorKind;

    /// `None` where /proc can't be read.
    pub(super) fn this_process() -> Option<String> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let pid: u32 = stat.split(' ').next()?.parse().ok()?;
        let Process { started, .. } = Process::parse(&stat)?;
        Some(format!("{}:{pid}:{started}:{}", boot()?, namespace()?))
    }

    /// `None` where nobody can tell.
    pub(super) fn known_dead(owner: &str) -> Option<bool> {
        let mut parts = owner.split(':');
        let (then, pid, started) = (parts.next()?, parts.next()?, parts.next()?);
        let (pid, started): (u32, u64) = (pid.parse().ok()?, started.parse().ok()?);
        let elsewhere = match (parts.next(), parts.next()) {
            (None, _) => false,
            (Some(other), None) => other.parse::<u64>().ok()? != namespace()?,
            _ => return None,
        };
        let is_boot = then.len() == 36 && then.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        if !is_boot {
            return None;
        }
        if then != boot()? {
            return Some(true);
        }
        if elsewhere {
            return None;
        }
        match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => Process::parse(&stat).map(|p| p.started != started || p.gone),
            Err(e) if e.kind() == ErrorKind::NotFound && !hidden() => Some(true),
            Err(_) => None,
        }
    }

    pub(super) fn boot() -> Option<String> {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned())
    }

    /// The inode of the pid namespace: a process id means nothing outside it.
    fn namespace() -> Option<u64> {
        let link = fs::read_link("/proc/self/ns/pid").ok()?;
        link.to_str()?.strip_prefix("pid:[")?.strip_suffix(']')?.parse().ok()
    }

    /// Whether /proc may hide the living processes of other users.
    fn hidden() -> bool {
        let Ok(mounts) = fs::read_to_string("/proc/self/mounts") else { return true };
        let option =
            |o: &str| o.strip_prefix("hidepid=").is_some_and(|level| !matches!(level, "0" | "off"));
        let mut lines = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        lines.any(|l| {
            l.get(1) == Some(&"/proc") && l.get(3).is_some_and(|o| o.split(',').any(option))
        })
    }

    struct Process {
        /// In clock ticks since the machine was started.
        started: u64,
        /// It ended, and its parent has not asked for its status.
        gone: bool,
    }

    impl Process {
        /// Reads a line of /proc/<pid>/stat, whose second field may hold spaces and brackets.
        fn parse(stat: &str) -> Option<Self> {
            let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
            // Fields are counted from 1 in proc(5), and the third one is the first here.
            let field = |n: usize| fields.get(n - 3).copied();
            let ended = matches!(field(3)?, "Z" | "X" | "x");
            // A main thread may end before the others: then the process lives.
            let threads: u64 = field(20)?.parse().ok()?;
            Some(Self { started: field(22)?.parse().ok()?, gone: ended && threads <= 1 })
        }
    }

    #[cfg(test)]
    mod tests {
        #![allow(clippy::unwrap_used)]
        use super::*;

        #[test]
        fn a_name_with_brackets_does_not_shift_the_fields() {
            let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 1 18 4242 20";
            let p = Process::parse(&format!("7 (a) b (c)) {rest}")).unwrap();
            assert_eq!((p.started, p.gone), (4242, false));
            let p = Process::parse(&format!("7 (x) {}", rest.replacen('S', "Z", 1))).unwrap();
            assert!(p.gone);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod linux {
    pub(super) fn this_process() -> Option<String> {
        None
    }

    pub(super) fn known_dead(_: &str) -> Option<bool> {
        None
    }

    #[cfg(feature = "postgres")]
    pub(super) fn boot() -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_not_known_dead() {
        assert!(!known_dead(&owner()));
        assert_eq!(owner(), owner());
    }

    #[test]
    fn names_of_another_form_are_never_known_dead() {
        let long = "0123456789012345678901234567890123456789";
        for name in ["", "planner-1", "a:1:2", ":1:2", "host:99999999:1", "a:b:c:d:e", long] {
            assert!(!known_dead(name), "{name}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_id_that_went_to_another_process_is_dead() {
        let me = owner();
        let parts: Vec<&str> = me.split(':').collect();
        let [boot, pid, started, namespace] = parts[..] else { panic!("{me}") };
        assert!(!known_dead(&format!("{boot}:{pid}:{started}")));
        assert!(known_dead(&format!("{boot}:{pid}:{started}1")));
        assert!(known_dead(&format!("{boot}:4194305:{started}:{namespace}")), "no such process");
        assert!(
            !known_dead(&format!("{boot}:4194305:{started}:{namespace}1")),
            "another namespace"
        );
        let before = "00000000-0000-0000-0000-000000000000";
        assert!(known_dead(&format!("{before}:{pid}:{started}:{namespace}")), "an earlier boot");
    }
}
