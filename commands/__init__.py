"""What people may ask: one registry of typed functions, their authorisation, plans and replies.

authorise     who may do what: identity to role, deny by default
bulletins     what is pushed without a step of the engine behind it
cards         the cards people see most
ceremony      letting bots trade real money, and taking it back
complete      suggestions while somebody types
confirmation  propose, ask again when the world moved, run once, give a receipt
context       what a handler is given: person, desk, clock, the other counters
digest        what a day came to
dispatch      the way of a request: find, authorise, bind, plan or run, answer
exits         take profit and stop loss on a running bot
findings      what a checkup found, one plain line each
format        numbers, durations and instants as people read them
guidance      the questions that lead to a grid
library       the commands, one file each
matching      finding the market or bot a person meant
message       one message nobody asked for, and its parts
moves         how a grid waits, follows, grows and is laid anew
notice        what is pushed unasked, how urgently and in which words
pairing       one-time codes that let people in
parse         from a typed line to typed arguments, and back
people        people as the store keeps them
perpetuals    what a grid on a perpetual has beyond one on spot
phrases       words of an explanation
pictures      what charts are drawn from
plan          what a handler intends, and the store of plans that wait for a tap
ranges        three ranges for a new grid
proposals     a market that suits a grid, offered
reasons       a stored decision as facts
reference     the documentation made from the code, and its check
registry      the one table of commands, read from signatures
reply         the closed union of what a command may answer
results       profit and loss in words
sayings       what the engine says in English, in the reader's language
standing      what all bots together are worth, and today
switching     pausing and resuming
timeframes    lengths of candles that may be asked for
words         words for what the engine knows by name
"""
