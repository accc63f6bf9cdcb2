"""Many bots trading for long on an exchange where things go wrong: memory stays flat, and the books exact.

exchange   a loopback Binance with many markets, prices that walk, faults and bad weather
engine     the whole program without a chat, in a process of its own, with a line to it
books      what its disk says against what the exchange knows
figures    what was seen of the process, and whether its memory is flat
run        one soak from beginning to end
test_soak  a short one
"""
