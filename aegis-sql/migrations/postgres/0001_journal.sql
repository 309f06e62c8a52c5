-- Incidents with their lease, their records, their writes to the outside world, turns and counters.
-- Times are milliseconds since the Unix epoch; lease_until is by this database's clock, every other
-- time is the planner's. Unsigned numbers are kept by their bits, amounts as they are.

CREATE TABLE meta (
    key   text PRIMARY KEY,
    value bigint NOT NULL
);

CREATE TABLE incident (
    id          text COLLATE "C" PRIMARY KEY,
    service     text NOT NULL,
    fingerprint text NOT NULL,
    kind        text NOT NULL,
    phase       text NOT NULL,
    seq         bigint NOT NULL,
    fence       bigint NOT NULL DEFAULT 0,
    lease_owner text,
    -- 0 where nobody drives it.
    lease_until bigint NOT NULL DEFAULT 0,
    opened_at   bigint NOT NULL,
    updated_at  bigint NOT NULL,
    closed      boolean NOT NULL DEFAULT false,
    -- What its records lead to, each a link of a chain of hashes.
    seal        bytea NOT NULL
) WITH (fillfactor = 70);

CREATE UNIQUE INDEX incident_open ON incident (service, fingerprint) WHERE NOT closed;
CREATE INDEX incident_same ON incident (service, fingerprint, id);
CREATE INDEX incident_driver ON incident (lease_owner) WHERE NOT closed AND lease_until > 0;
CREATE INDEX incident_free ON incident (lease_until, id) WHERE NOT closed;

CREATE TABLE journal (
    incident text COLLATE "C" NOT NULL REFERENCES incident (id),
    seq      bigint NOT NULL CHECK (seq > 0),
    at       bigint NOT NULL,
    kind     text NOT NULL,
    body     text NOT NULL,
    digest   bytea NOT NULL,
    PRIMARY KEY (incident, seq)
);

CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only' USING ERRCODE = 'AE000';
END $$;

CREATE TRIGGER journal_is_append_only BEFORE UPDATE ON journal
    FOR EACH ROW EXECUTE FUNCTION journal_is_append_only();

CREATE FUNCTION journal_keeps_open_incidents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM incident WHERE id = OLD.incident AND NOT closed) THEN
        RAISE EXCEPTION 'the journal keeps the records of open incidents' USING ERRCODE = 'AE000';
    END IF;
    RETURN OLD;
END $$;

CREATE TRIGGER journal_keeps_open_incidents BEFORE DELETE ON journal
    FOR EACH ROW EXECUTE FUNCTION journal_keeps_open_incidents();

CREATE TABLE effect (
    service  text NOT NULL,
    incident text COLLATE "C" NOT NULL REFERENCES incident (id),
    attempt  bigint NOT NULL,
    kind     text NOT NULL,
    request  text,
    status   text NOT NULL CHECK (status IN ('intent', 'done', 'void')),
    PRIMARY KEY (incident, attempt, kind, service)
);

CREATE TABLE slot (
    service  text PRIMARY KEY,
    incident text COLLATE "C" NOT NULL REFERENCES incident (id)
);

CREATE TABLE letter (
    number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident text COLLATE "C" NOT NULL REFERENCES incident (id),
    body     text NOT NULL
);

CREATE INDEX letter_incident ON letter (incident, number);

CREATE TABLE counter (
    counter text NOT NULL,
    key     text NOT NULL,
    amount  numeric(20) NOT NULL,
    PRIMARY KEY (counter, key)
);

CREATE TABLE control (
    id   bigint PRIMARY KEY CHECK (id = 1),
    body text NOT NULL
);

-- The seal once these records are added.
CREATE FUNCTION chain(seal bytea, digests bytea[]) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    digest bytea;
BEGIN
    FOREACH digest IN ARRAY digests LOOP
        seal := sha256(seal || digest);
    END LOOP;
    RETURN seal;
END $$;

-- Ends a statement that did part of a transition, so that nothing of it stays.
CREATE FUNCTION refuse(code text, why text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', why USING ERRCODE = code;
END $$;
