"""The accounts the engine trades on: orders on their way, comparing books, staying connected.

account     one account the engine trades on, and whether it can be reached
allocation  how the account may be divided between assets and bots
connection  every account connected, and compared again after each interruption
execution   approved orders on their way to the exchange
lanes       which order leaves next
reconcile   our books against those of the exchange
recovery    fills and funding that the stream did not tell
holdings    what the account should hold against what it does
statement   what an account says it holds, asked for once for all
upkeep      what is done from time to time: reconciling, sampling equity, holding countdowns off
funds       what the accounts hold, and how much of it is left
checkup     keys, clocks, filters, streams: what could stand in an order's way
findings    what such a look may find
"""
