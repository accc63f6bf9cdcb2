-- What this home is called in the client ids of its orders.
CREATE TABLE installation (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    tag TEXT NOT NULL
) STRICT;
