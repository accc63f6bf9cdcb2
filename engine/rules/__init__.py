"""What a bot wants: from what happened, or from a tick, to the orders that should rest. Pure.

change       what an event did to the state, from booking to deciding
wish         what a bot wants, and what a tick means for it
decision     the orders wanted and no longer wanted
exits        at which prices a tick can change anything for a bot
excursion    price leaving the range and coming back
following    which slots rest where the exchange allows few orders
opening      a planned grid laid, at once or once its price is touched
protection   how near a position's liquidation is, and the stop that guards it
recentring   a grid closed and laid anew
reinvesting  slots that grow by profit
trailing     a grid that follows the price, slot by slot or line by line
"""
