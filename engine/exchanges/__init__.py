"""One file, one exchange adapter, all with the same contract.

base           the protocol every adapter speaks
paper          live public market data, simulated fills
replayed       a recorded market played again on the clock
simulated      an invented market that needs nothing
account        orders, fills and balances of a simulated account: stored first, reported after
matching       what fills simulated orders and what that does to the balances
book           our side of one market's order book
candle_market  the market that a file of candles is about
candle_walk    the path a bar is taken to have followed, and what it fills
invented_path  prices that never were
public_feed    public market data of a real exchange
"""
