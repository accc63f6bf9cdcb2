"""What happened: immutable words and their storage.

The words:

    values        exact money, UTC milliseconds, sides and modes
    market        markets, filters, fees, tickers, candles
    observations  days, books, trades between others, funding rates, open interest
    bars          candles as columns of floats
    series        the bars of one market as they become known, gaps included
    orders        the life of an order, and its client id
    grids         what a person asks of a grid
    limits        what no order may exceed
    advice        what agents say
    events        everything that can enter the engine
    decisions     why the engine did what it did

Their storage:

    database      one SQLite file with one writer: transactions, migrations, backups
    journal       the append-only journal, the source of truth
    equity        equity samples, thinned and pruned
    people        who may talk to the engine
    outbox        messages on their way to people
    installation  the tag of this home
    lease         one engine per exchange account
    accounts      books of simulated exchanges
    tables        columns of exact numbers from files
    candles       candle files as exact columns
    funding       files of funding rates as exact columns
    cache         answers of exchanges in memory, asked once and ahead of need
"""
