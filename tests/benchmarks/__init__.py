"""How fast the hot paths are: every module here with a function `measure` is a benchmark.

figures           what a benchmark hands back, and the machine it ran on
floor             an engine with bots on one market, stepped by hand
generated         candles and journals made for measuring
engine_process    `batuta run` in a process of its own, against loopback servers
exchange_process  a loopback exchange in a process of its own, with a stopwatch
loopback          a loopback exchange in a thread, with ten markets whose prices walk
replay            bars per second on one-minute candles, journal on the disk
step              microseconds per step of the engine
indicators        microseconds per new bar for eleven indicators, beside recomputing a window
journal           microseconds per durable journal entry
rebuild           how long a restart takes to read the journal
chart             milliseconds per chart, drawn by the worker
start             seconds from the command to a trading engine
memory            memory of an idle engine
cache             microseconds per answer from the cache, and what it saves beside LRU and W-TinyLFU
crowd             price to decision with a thousand bots
books             microseconds per message of a streamed book, and per answer to a question for it
calls             requests to an exchange, with and without the market service
orders            microseconds from a ticker to an order, and per order
crossings         errors of what statistics foretell a grid
test_benchmarks   every benchmark runs, with tiny sizes
"""
