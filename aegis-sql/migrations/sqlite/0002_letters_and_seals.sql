-- What people and other processes leave for whoever drives an incident.

CREATE TABLE letter (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    incident TEXT NOT NULL REFERENCES incident (id),
    body     TEXT NOT NULL
) STRICT;

CREATE INDEX letter_incident ON letter (incident, number);

-- A digest of each record, and of each incident's records in their order: what was changed shows.

ALTER TABLE journal ADD COLUMN digest BLOB;
ALTER TABLE incident ADD COLUMN seal BLOB;
