"""One file, one exchange adapter, all with the same contract.

base           the protocol every adapter speaks
account        orders, fills and balances of a simulated account: stored first, reported after
book           our side of one market's order book
candle_walk    the path a bar is taken to have followed, and what it fills
invented_path  prices that never were
matching       what fills simulated orders and what that does to the balances
paper          live public market data, simulated fills
public_feed    public market data of a real exchange
simulated      an invented market that needs nothing
"""
