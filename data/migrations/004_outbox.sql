-- Messages on their way to people. A row is open until it is delivered or dropped.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    recipient TEXT NOT NULL,
    lane INTEGER NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    body BLOB NOT NULL,
    silent INTEGER NOT NULL,
    revision INTEGER NOT NULL DEFAULT 1,
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL,
    expires_at INTEGER,
    delivered_at INTEGER,
    receipt TEXT NOT NULL DEFAULT '',
    dropped_at INTEGER,
    reason TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX outbox_open ON outbox (lane, id) WHERE delivered_at IS NULL AND dropped_at IS NULL;
