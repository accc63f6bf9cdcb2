"""Numbers drawn as pictures.

renderer  pictures in, PNG bytes out, drawn in a worker process that comes and goes
pnl       equity against its baselines, and the drawdown below
grid      candles with the lines, fills and exits of a bot
canvas    a figure in pixels: text, lines, header, time axis
scale     ticks, ranges and the numbers as people read them
theme     colours and sizes
words     the few words on a chart, translated before they leave for the worker
"""
