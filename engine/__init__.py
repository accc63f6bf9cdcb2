"""What we do about it: the core step, risk, execution, agents and exchanges.

core        the one step: apply the event, decide, ask risk
apply       what happened, booked in the state
controls    what people ask of a bot, booked in the state
change      what an event did to the state, from booking to deciding
decision    the orders wanted and no longer wanted
risk        the gate every order passes; it fails closed
allocation  how the account may be divided between assets and bots
outcome     what one step concluded
state       bots, orders and marks: everything durable
recording   from an outcome to its journal entry, from a journal to the state
runner      the one consumer of the inbox: step, commit, let go
execution   approved orders on their way to the exchange
reconcile   our books against those of the exchange
upkeep      what is done from time to time: reconciling, sampling equity
replay      candles through the very same step
clock       where time comes from
grid        lines, sizes, slots and the books of a bot
exchanges   one file, one exchange adapter
agents      one file, one agent; each only advises
supervisor  runs the agents and rebuilds the ones that fail
desk        the counter where pictures and controls are asked for
front_desk  that counter over a running engine
views       what a picture of the engine holds
pictures    from the state to such pictures
explain     a local language model puts a decision into words
claims      whether such words say only what the record bears out
"""
