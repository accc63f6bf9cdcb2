-- Samples of each bot's equity; bot 0 is the whole engine. Money is exact decimal text.
CREATE TABLE equity (
    bot INTEGER NOT NULL,
    at INTEGER NOT NULL,
    equity TEXT NOT NULL,
    price TEXT NOT NULL,
    PRIMARY KEY (bot, at)
) STRICT, WITHOUT ROWID;
