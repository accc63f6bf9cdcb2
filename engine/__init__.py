"""What we do about it: the core step, risk, execution, agents and exchanges.

core              the one step: apply the event, decide, ask risk
booking           what happened, booked in the state
rules             what a bot wants now: the orders that should rest
risk              the gate every order passes; it fails closed
outcome           what one step concluded
state             bots, orders and marks: everything durable
recording         from an outcome to its journal entry, from a journal to the state
runner            the one consumer of the inbox: step, commit, let go
accounts          the accounts: orders on their way, books compared, connections kept
replay            candles through the very same step
replay_perpetual  the same on a perpetual: margin, funding, liquidation
clock             where time comes from
grid              lines, sizes, slots and the books of a bot
exchanges         one file, one exchange adapter
markets           whatever is asked about markets, from memory, streams, or one question
indicators        one file, one indicator: over windows, and bar by bar
statistics        what a market's past says about grids on it
agents            one file, one agent; each only advises
selection         choosing markets for grids, and what becomes of a choice
supervisor        runs the agents and rebuilds the ones that fail
desk              the counter where pictures and controls are asked for
front_desk        that counter over a running engine
views             what a picture of the engine holds
pictures          from the state to such pictures
explain           a local language model puts a decision into words
"""
