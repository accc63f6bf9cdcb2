"""How fast the hot paths are: every module here with a function `measure` is a benchmark.

figures           what a benchmark hands back, and the machine it ran on
floor             an engine with bots on one market, stepped by hand
generated         candles and journals made for measuring
engine_process    `batuta run` in a process of its own, against loopback servers
exchange_process  a loopback exchange in a process of its own, with a stopwatch
replay            bars per second on one-minute candles, journal on the disk
step              microseconds per step of the engine
journal           microseconds per durable journal entry
rebuild           how long a restart takes to read the journal
chart             milliseconds per chart, drawn by the worker
start             seconds from the command to a trading engine
memory            memory of an idle engine
orders            microseconds from a ticker to an order, and per order
test_benchmarks   every benchmark runs, with tiny sizes
"""
