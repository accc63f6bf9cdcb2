"""What we do about it: the core step, risk, execution, agents and exchanges.

core              the one step: apply the event, decide, ask risk
apply             what happened, booked in the state
fills             what executions did to cash, positions and slots
payments          funding, deposits and withdrawals, booked
controls          what people ask of a bot, booked in the state
arming            whether bots of real money may trade, and with how much
change            what an event did to the state, from booking to deciding
reshaping         what people ask of a bot's grid, booked in the state
listing           new rules of a market, booked with its bots
wish              what a bot wants, and what a tick means for it
decision          the orders wanted and no longer wanted
opening           a planned grid laid, at once or once its price is touched
following         which slots rest where the exchange allows few orders
trailing          a grid that follows the price, slot by slot or line by line
excursion         price leaving the range and coming back
recentring        a grid closed and laid anew
reinvesting       slots that grow by profit
exits             at which prices a tick can change anything for a bot
protection        how near a position's liquidation is, and the stop that guards it
risk              the gate every order passes; it fails closed
allocation        how the account may be divided between assets and bots
outcome           what one step concluded
state             bots, orders and marks: everything durable
recording         from an outcome to its journal entry, from a journal to the state
runner            the one consumer of the inbox: step, commit, let go
account           one account the engine trades on, and whether it can be reached
connection        every account connected, and compared again after each interruption
execution         approved orders on their way to the exchange
lanes             which order leaves next
reconcile         our books against those of the exchange
recovery          fills and funding that the stream did not tell
holdings          what the account should hold against what it does
checkup           keys, clocks, filters, streams: what could stand in an order's way
findings          what such a look may find
upkeep            what is done from time to time: reconciling, sampling equity, holding countdowns off
replay            candles through the very same step
replay_perpetual  the same on a perpetual: margin, funding, liquidation
clock             where time comes from
grid              lines, sizes, slots and the books of a bot
exchanges         one file, one exchange adapter
agents            one file, one agent; each only advises
supervisor        runs the agents and rebuilds the ones that fail
desk              the counter where pictures and controls are asked for
front_desk        that counter over a running engine
funds             what the accounts hold, and how much of it is left
views             what a picture of the engine holds
pictures          from the state to such pictures
explain           a local language model puts a decision into words
claims            whether such words say only what the record bears out
"""
