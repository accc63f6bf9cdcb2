"""The grid itself: pure functions over prices and quantities.

levels      lines and sizes: laid, snapped to the tick, tested against fees and filters
plan        what a grid would be before it starts, and every problem found
slots       what each interval holds, what rests for it and what should
accounting  the books of one bot, exact in Decimal
"""
