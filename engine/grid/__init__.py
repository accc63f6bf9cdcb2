"""The grid itself: pure functions over prices and quantities.

levels       lines: laid, snapped to the tick, tested against fees
sizing       the quantity per slot that an investment pays for, and the plan that comes of it
margin       the same on a perpetual, where liquidation limits it
liquidation  when an exchange liquidates a position
plan         what a grid would be before it starts, and every problem found
options      what is wrong with how a grid waits, follows, grows and recentres
infinity     base of constant worth on a grid without a highest line
window       the slots nearest to the price, and how far it may move
slots        what each interval holds, what rests for it and what should
accounting   the books of one bot, exact in Decimal
"""
