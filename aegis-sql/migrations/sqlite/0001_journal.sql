-- Incidents with their lease, their records, their writes to the outside world, turns and counters.
-- Times are milliseconds since the Unix epoch; lease_until is by this database's clock, every other
-- time is the planner's. Unsigned numbers are kept by their bits.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE incident (
    id          TEXT PRIMARY KEY,
    service     TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    kind        TEXT NOT NULL,
    phase       TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    fence       INTEGER NOT NULL DEFAULT 0,
    lease_owner TEXT,
    -- 0 where nobody drives it.
    lease_until INTEGER NOT NULL DEFAULT 0,
    opened_at   INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    closed      INTEGER NOT NULL DEFAULT 0 CHECK (closed IN (0, 1))
) STRICT;

CREATE UNIQUE INDEX incident_open ON incident (service, fingerprint) WHERE closed = 0;
CREATE INDEX incident_same ON incident (service, fingerprint, id);
CREATE INDEX incident_free ON incident (lease_until, id) WHERE closed = 0;
CREATE INDEX incident_driver ON incident (lease_owner) WHERE closed = 0 AND lease_until > 0;

CREATE TABLE journal (
    incident TEXT NOT NULL REFERENCES incident (id),
    seq      INTEGER NOT NULL CHECK (seq > 0),
    at       INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (incident, seq)
) STRICT;

CREATE TRIGGER journal_is_append_only BEFORE UPDATE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER journal_keeps_open_incidents BEFORE DELETE ON journal
WHEN EXISTS (SELECT 1 FROM incident WHERE id = OLD.incident AND closed = 0)
BEGIN
    SELECT RAISE(ABORT, 'the journal keeps the records of open incidents');
END;

CREATE TABLE effect (
    service  TEXT NOT NULL,
    incident TEXT NOT NULL REFERENCES incident (id),
    attempt  INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    request  TEXT,
    status   TEXT NOT NULL CHECK (status IN ('intent', 'done', 'void')),
    PRIMARY KEY (incident, attempt, kind, service)
) STRICT, WITHOUT ROWID;

CREATE TABLE slot (
    service  TEXT PRIMARY KEY,
    incident TEXT NOT NULL REFERENCES incident (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE counter (
    counter TEXT NOT NULL,
    key     TEXT NOT NULL,
    amount  INTEGER NOT NULL,
    PRIMARY KEY (counter, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE control (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    body TEXT NOT NULL
) STRICT;
