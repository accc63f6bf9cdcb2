-- Books of a simulated exchange, in a file of their own: they outlive the engine as a real exchange would.
CREATE TABLE account_balance (
    asset TEXT PRIMARY KEY,
    total TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account_order (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id TEXT NOT NULL UNIQUE,
    live INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE INDEX account_order_live ON account_order (position) WHERE live = 1;

CREATE TABLE account_fill (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    trade_id TEXT NOT NULL UNIQUE,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE account (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    trades INTEGER NOT NULL
) STRICT;
