"""One file, one exchange adapter, all with the same contract.

base       the protocol every adapter speaks
book       our side of one market's order book
matching   a simulated account: what fills orders and what that does to the balances
simulated  an invented market that needs nothing
paper      live public market data, simulated fills
"""
