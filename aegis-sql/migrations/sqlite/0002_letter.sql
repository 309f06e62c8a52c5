-- What people and other processes leave for whoever drives an incident.

CREATE TABLE letter (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    incident TEXT NOT NULL REFERENCES incident (id),
    body     TEXT NOT NULL
) STRICT;

CREATE INDEX letter_incident ON letter (incident, number);
