"""Answers of an exchange, remembered within bounds: what is asked twice is fetched once, what will be asked is known.

words      kinds, keys, dated answers
cache      the cache: fresh from memory, or one question in flight however many wait
flights    questions in flight and who waits for them
shelf      answers in memory under a byte limit; the least valuable give way
entries    one answer in memory, and what it is worth to keep
habits     how one key is accessed: how often, how regularly, whether still
periods    the period of a series of instants, found in spite of jitter
ghosts     habits of keys without an answer in memory
sequences  which key usually follows which
foresight  what should be asked for ahead of need
sizing     how much memory a value takes
packing    values compressed
metrics    how well a cache does
"""
