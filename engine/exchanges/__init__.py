"""One file, one exchange adapter, all with the same contract.

base             the protocol every adapter speaks
paper            live public market data, simulated fills
replayed         a recorded market played again on the clock
simulated        an invented market that needs nothing
account          orders, fills, balances and positions of a simulated account: stored first, reported after
matching         what fills simulated orders
margin_wallets   all wallets of perpetuals: positions, funding, transfers
margin_matching  stops, funding and liquidation of a simulated account with perpetuals
wallets          who pays for simulated orders, and the assets of a spot account
margin_account   the wallet of perpetuals: one-way positions and the margin they ask for
tiers            leverage tiers known without asking an exchange
book             our side of one market's order book
candle_market    the market that a file of candles is about
candle_walk      the path a bar is taken to have followed, and what it fills
invented_path    prices that never were
invented_market  one invented market as a function of the time
invented_data    what can be asked and streamed of an invented market
replayed_data    what a recording of bars can say of its market
ccxt_live        a real account on a real exchange
live_branch      the part of it that trades one kind of market
live_orders      its orders: placed once, cancelled, asked for by client id
order_socket     its orders placed over a connection that stays open
live_fills       its executions, with fees valued in quote
fee_prices       what fees in a third asset are worth
live_stream      what the exchange tells of its orders, and what it fails to tell
live_prices      tickers as they move
live_account     balances, positions, funding, leverage, transfers, rights
own_orders       what the process knows of the account's orders
habits           how patient an adapter is with streams
public_feed      prices and markets of a real exchange
public_data      days, books, trades, funding and open interest of a real exchange
live_channels    its bars, books and trades as they are streamed
live_streams     one streamed channel: what it told, whether it lags
stream_order     what streams tell, put in order
ccxt_client      one ccxt object: paced, signed, heard through faults alone
ccxt_streams     what comes over its streams, heard before and after ccxt
spacing          messages over one connection, kept apart in time
ccxt_markets     its markets in our words
ccxt_observations  its days, bars, books and trades in our words
tasks            work that goes on in the background
faults           what can go wrong with one call, and every foreign exception as one of that
pacing           how much may be asked of an exchange, and by whom first
breaker          when to stop asking an exchange that fails, and how to ask again
quirks           what single exchanges need beyond ccxt's unified words
"""
