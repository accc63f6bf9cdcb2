-- What happened, in order. One row per durable step; nothing here is ever changed or removed.
CREATE TABLE journal (
    sequence INTEGER PRIMARY KEY CHECK (sequence > 0),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    bot INTEGER NOT NULL,
    decisions INTEGER NOT NULL,
    entry BLOB NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;

-- Every index costs each commit a page on the disk. The newest fills and decisions of all bots are found by walking the
-- journal backwards, which ends after a few rows; only one bot's need an index, because a quiet bot's lie far back.
CREATE INDEX journal_fills ON journal (bot, sequence) WHERE kind = 'OrderFilled';

CREATE TRIGGER journal_gapless BEFORE INSERT ON journal
WHEN NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM journal)
BEGIN
    SELECT raise(ABORT, 'the journal has no gaps: the next row must carry the next sequence');
END;

CREATE TRIGGER journal_unchanged BEFORE UPDATE ON journal
BEGIN
    SELECT raise(ABORT, 'the journal is append-only: rows are never changed');
END;

CREATE TRIGGER journal_kept BEFORE DELETE ON journal
BEGIN
    SELECT raise(ABORT, 'the journal is append-only: rows are never deleted');
END;

-- Which bots an entry decided about; the decisions themselves stand in the entry.
CREATE TABLE decided (
    bot INTEGER NOT NULL,
    sequence INTEGER NOT NULL REFERENCES journal (sequence),
    PRIMARY KEY (bot, sequence)
) STRICT, WITHOUT ROWID;

-- Snapshots of the engine's state: a shortcut to the present, never a truth of their own.
CREATE TABLE checkpoint (
    sequence INTEGER PRIMARY KEY REFERENCES journal (sequence),
    journal_digest BLOB NOT NULL,
    state BLOB NOT NULL,
    state_digest BLOB NOT NULL
) STRICT;
