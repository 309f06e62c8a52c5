//! Exceptions that no change of the code that raised them would cure.

/// What to look at where an exception comes from outside the code; `None` where it may be a bug.
pub(super) fn outside(kind: &str, message: &str) -> Option<String> {
    let name = kind.rsplit('.').next().unwrap_or(kind);
    let text = message.to_lowercase();
    let has = |needles: &[&str]| needles.iter().any(|n| text.contains(n));
    let pool = has(&[
        "too many connections",
        "queuepool limit",
        "pool exhausted",
        "pool is exhausted",
        "connection pool",
        "remaining connection slots",
        "too many clients",
        "no connection available",
    ]);
    let advice = if pool
        || matches!(
            name,
            "PoolTimeout"
                | "PoolError"
                | "PoolExhausted"
                | "TooManyConnections"
                | "TooManyConnectionsError"
        ) {
        "the connection pool: its size, how long connections are held, and the limit of the database"
    } else if has(&["database is locked", "deadlock detected", "lock wait timeout"]) {
        "locks in the database: long transactions and other writers"
    } else if has(&[
        "no space left",
        "enospc",
        "disk full",
        "disk i/o error",
        "database or disk is full",
        "quota exceeded",
    ]) {
        "the disk: free space and inodes on the volume that is written to"
    } else if has(&["too many open files", "emfile"]) {
        "open files and sockets: the limit of the process, and what is left open"
    } else if name == "MemoryError" || has(&["cannot allocate memory", "out of memory"]) {
        "memory: the limit of the process and what grew"
    } else if has(&["can't start new thread", "cannot start new thread"]) {
        "threads: the limit of the process and what keeps them alive"
    } else if name == "PermissionError"
        || has(&["permission denied", "access denied", "operation not permitted"])
    {
        "permissions: the user that the service runs as, and the owner of what it opens"
    } else if has(&["certificate verify failed", "certificate has expired"])
        || name == "SSLCertVerificationError"
    {
        "certificates: expiry and the trust store"
    } else if has(&[
        "name or service not known",
        "temporary failure in name resolution",
        "nodename nor servname",
    ]) || name == "gaierror"
    {
        "name resolution: the resolver and the host name in the configuration"
    } else if matches!(
        name,
        "ConnectionRefusedError"
            | "ConnectionResetError"
            | "ConnectionAbortedError"
            | "ConnectionError"
            | "BrokenPipeError"
            | "ConnectError"
            | "NewConnectionError"
            | "MaxRetryError"
            | "RemoteDisconnected"
            | "ServerDisconnectedError"
            | "ClientConnectorError"
            | "InterfaceError"
    ) || has(&[
        "connection refused",
        "connection reset",
        "network is unreachable",
        "no route to host",
        "server has gone away",
        "could not connect to server",
    ]) {
        "the service on the other end: whether it runs and can be reached from here"
    } else if matches!(
        name,
        "TimeoutError"
            | "ConnectTimeout"
            | "ReadTimeout"
            | "WriteTimeout"
            | "Timeout"
            | "timeout"
            | "ConnectTimeoutError"
            | "ReadTimeoutError"
    ) {
        "the latency of what is called, and the deadline it was given"
    } else if has(&["address already in use"]) {
        "the port: another process listens on it"
    } else if has(&["read-only file system"]) {
        "the file system: it is mounted read-only"
    } else {
        return None;
    };
    Some(advice.to_owned())
}

#[cfg(test)]
mod tests {
    use super::outside;

    #[test]
    fn what_comes_from_outside_is_told_from_bugs() {
        for (kind, message) in [
            ("ConnectionRefusedError", "[Errno 111] Connection refused"),
            ("sqlalchemy.exc.TimeoutError", "QueuePool limit of size 5 overflow 10 reached"),
            ("OSError", "[Errno 28] No space left on device"),
            ("sqlite3.OperationalError", "database is locked"),
            ("PermissionError", "[Errno 13] Permission denied: '/data'"),
            ("MemoryError", ""),
            ("requests.exceptions.ConnectTimeout", ""),
            ("psycopg.OperationalError", "FATAL: sorry, too many clients already"),
        ] {
            assert!(outside(kind, message).is_some(), "{kind}: {message}");
        }
        for (kind, message) in [
            ("ZeroDivisionError", "division by zero"),
            ("KeyError", "'timeout'"),
            ("AttributeError", "'NoneType' object has no attribute 'pool'"),
            ("OSError", "[Errno 2] No such file or directory"),
        ] {
            assert_eq!(outside(kind, message), None, "{kind}: {message}");
        }
    }
}
