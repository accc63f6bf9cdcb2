-- The wallet of perpetuals of a simulated exchange, beside the assets of its spot account.
CREATE TABLE margin_balance (
    asset TEXT PRIMARY KEY,
    total TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE margin_position (
    symbol TEXT PRIMARY KEY,
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE margin_payment (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    payment_id TEXT NOT NULL UNIQUE,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE margin_transfer (
    key TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
